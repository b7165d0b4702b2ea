"""Panning of beds in Cartesian coordinates: the allocentric panner of ITU-R BS.2127 section 7.3.10.

The standard lists the positions of the loudspeakers of BS.2051 in the cube, which differ from those of the conversion
for objects (`conversion`): the side is at (-1, 0, 0) and the rear pair in the corners, at 110 as at 135 degrees. Here
they follow from the nominal directions, so that other rooms with layers are cubes, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]

_MIDDLE_DEG, _TOP_DEG = 15.0, 75.0
_LAYER_SPREAD_DEG = 20.0
_FRONT_DEG, _REAR_DEG = (25.0, 50.0), (100.0, 160.0)
"""Azimuths of front and rear pairs in the corners."""
_USUAL_FRONT_DEG, _USUAL_REAR_DEG = 30.0, 135.0
_ONE_ROW = 0.2
_ONE_PLACE = 0.1
_MIRRORED = 0.15


@dataclass(frozen=True, slots=True)
class Cube:
    """The loudspeakers of a room with symmetric layers."""

    places: Floats
    """X right, Y front, Z up, each -1..1, shape (loudspeakers, 3); NaN for LFE loudspeakers."""

    @classmethod
    def of(cls, layout: Layout) -> Cube | None:
        """The cube of a room, or None if its loudspeakers are not in layers or not in pairs."""
        places = np.full((len(layout.speakers), 3), np.nan)
        panned = np.array([i for i, speaker in enumerate(layout.speakers) if not speaker.lfe])
        angles = np.array([(s.nominal_azimuth_deg, s.nominal_elevation_deg) for s in layout.speakers])
        heights = np.sign(angles[:, 1]) * (np.abs(angles[:, 1]) > _MIDDLE_DEG)
        poles = np.abs(angles[:, 1]) >= _TOP_DEG
        for height in np.unique(heights[panned]):
            layer = panned[(heights[panned] == height) & ~poles[panned]]
            if len(layer) and np.ptp(angles[layer, 1]) > _LAYER_SPREAD_DEG:
                return None
            places[layer] = _layer(angles[layer, 0].tolist(), float(height))
        for pole in panned[poles[panned]]:
            places[pole] = 0.0, 0.0, heights[pole]
        for height in np.unique(heights[panned]):
            layer = panned[heights[panned] == height]
            for row in _groups(places[layer, 1]):
                places[layer[row], 1] = _depth(places[layer[row], 1])
        return cls(places) if _mirrored(places[panned]) else None

    def gains(self, position: Sequence[float]) -> Floats:
        """Gains of a position X, Y, Z, between the two layers around it, their rows, and two loudspeakers of each row.

        Returns:
            Linear gains of power 1, shape (loudspeakers,).
        """
        x, y, z = position
        places = self.places
        gains = np.zeros(len(places))
        for height, of_layer in _balance(places[:, 2], z):
            layer = places[:, 2] == height
            for depth, of_row in _balance(places[layer, 1], y):
                row = layer & (places[:, 1] == depth)
                for side, of_speaker in _balance(places[row, 0], x):
                    gains[row & (places[:, 0] == side)] = of_layer * of_row * of_speaker
        return gains


def direction_of(x: float, y: float, z: float) -> tuple[float, float]:
    """Azimuth and elevation in degrees of a position in the cube, for rooms that are not cubes: corners at 30 and 135.

    >>> [round(part, 6) + 0.0 for part in direction_of(-1.0, 0.0, 0.0)]
    [90.0, 0.0]
    >>> [round(part, 6) + 0.0 for part in direction_of(1.0, -1.0, 1.0)]
    [-135.0, 30.0]
    """
    level = max(abs(x), abs(y))
    tilt_deg = math.degrees(math.atan2(z, level))
    elevation_deg = np.interp(abs(tilt_deg), (0.0, 45.0, 90.0), (0.0, 30.0, 90.0))
    azimuth_deg = np.interp(
        math.degrees(math.atan2(abs(x), y)), (0.0, 45.0, 90.0, 180.0), (0.0, _USUAL_FRONT_DEG, 90.0, 180.0)
    )
    return math.copysign(float(azimuth_deg), -x), math.copysign(float(elevation_deg), z)


def _layer(azimuths_deg: Sequence[float], height: float) -> Floats:
    """Positions of the loudspeakers of one layer, shape (loudspeakers, 3)."""
    turns = [abs(azimuth_deg) for azimuth_deg in azimuths_deg]
    front_deg = min((turn for turn in turns if _FRONT_DEG[0] <= turn <= _FRONT_DEG[1]), default=_USUAL_FRONT_DEG)
    rear_deg = max((turn for turn in turns if _REAR_DEG[0] <= turn <= _REAR_DEG[1]), default=_USUAL_REAR_DEG)
    places = []
    for azimuth_deg, turn in zip(azimuths_deg, turns, strict=True):
        side, depth = _on_the_walls(turn, front_deg, rear_deg)
        places.append((math.copysign(side, -azimuth_deg) + 0.0, depth, height))
    return np.array(places).reshape(-1, 3)


def _on_the_walls(turn_deg: float, front_deg: float, rear_deg: float) -> tuple[float, float]:
    """Distance to the side, and Y, of an angle from the front."""
    if turn_deg <= front_deg:  # as between the loudspeakers at its ends (section 10)
        half_deg = front_deg / 2.0
        aside = (math.tan(math.radians(turn_deg - half_deg)) / math.tan(math.radians(half_deg)) + 1.0) / 2.0
        return math.atan2(aside, 1.0 - aside) / (math.pi / 2.0), 1.0
    if turn_deg <= 90.0:
        return 1.0, math.tan(math.radians(45.0 * (90.0 - turn_deg) / (90.0 - front_deg)))
    if turn_deg <= rear_deg:
        return 1.0, -math.tan(math.radians(45.0 * (turn_deg - 90.0) / (rear_deg - 90.0)))
    return math.tan(math.radians(45.0 * (180.0 - turn_deg) / (180.0 - rear_deg))), -1.0


def _groups(values: Floats) -> list[NDArray[np.intp]]:
    """Groups of indices of nearly equal values."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order]) > _ONE_ROW) + 1)


def _depth(values: Floats) -> float:
    """Y of a row whose loudspeakers are not exactly opposite each other: at the wall or in the middle if near."""
    outermost = float(values[np.abs(values).argmax()])
    return 0.0 if abs(outermost) < _ONE_ROW else outermost


def _mirrored(places: Floats) -> bool:
    """Whether every loudspeaker has an opposite one, and no two have the same position."""
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 2.0 * np.eye(len(places))
    opposite = np.linalg.norm(places[:, None] * (-1.0, 1.0, 1.0) - places, axis=2)
    return bool((apart > _ONE_PLACE).all() and (opposite.min(axis=1) < _MIRRORED).all())


def _balance(places: Floats, at: float) -> list[tuple[float, float]]:
    """The positions on both sides of one, and their gains; beyond the last one only that plays."""
    steps = np.unique(places[~np.isnan(places)])
    above = int(np.searchsorted(steps, at))
    if above == 0 or above == len(steps) or steps[above] == at:
        return [(float(steps[min(above, len(steps) - 1)]), 1.0)]
    low, high = steps[above - 1], steps[above]
    angle = (at - low) / (high - low) * math.pi / 2.0
    return [(float(low), math.cos(angle)), (float(high), math.sin(angle))]
