"""Positions in the cube of ITU-R BS.2127: the directions that they stand for, and the panning of beds among them.

Objects (section 10): the corners of the cube are the places of a front and a surround pair, at 30 and 110 degrees, and
an upper edge is at 30 degrees of elevation; between them positions follow the panning law of two loudspeakers.

Beds (section 7.3.10, the allocentric panner): the standard lists the positions of the loudspeakers of BS.2051 in the
cube, which differ from those for objects: the side is at (-1, 0, 0) and the rear pair in the corners, at 110 as at 135
degrees. Here they follow from the nominal directions, so that other rooms with layers are cubes, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]

_RING = ((0.0, (0.0, 1.0)), (-30.0, (1.0, 1.0)), (-110.0, (1.0, -1.0)), (-250.0, (-1.0, -1.0)), (-330.0, (-1.0, 1.0)))
"""Azimuths, clockwise from the front, and their X and Y in the cube."""
_EDGE_DEG, _EDGE_CUBE_DEG = 30.0, 45.0
_NONE = 1e-10
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


def sphere_of(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Azimuth and elevation in degrees and distance of a position in the cube.

    >>> [round(part, 6) + 0.0 for part in sphere_of(-1.0, 1.0, 0.0)]
    [30.0, 0.0, 1.0]
    >>> [round(part, 6) + 0.0 for part in sphere_of(1.0, -1.0, 1.0)]
    [-110.0, 30.0, 1.0]
    """
    if abs(x) < _NONE and abs(y) < _NONE:
        return 0.0, 90.0 * float(np.sign(z)) if abs(z) >= _NONE else 0.0, abs(z) if abs(z) >= _NONE else 0.0
    azimuth_deg, level = _on_the_ring(x, y)
    tilt_deg = float(np.degrees(np.arctan(z / level)))
    if abs(tilt_deg) <= _EDGE_CUBE_DEG:
        return azimuth_deg, tilt_deg * _EDGE_DEG / _EDGE_CUBE_DEG, level
    beyond = (abs(tilt_deg) - _EDGE_CUBE_DEG) / (90.0 - _EDGE_CUBE_DEG)
    return azimuth_deg, float(np.sign(z)) * (_EDGE_DEG + (90.0 - _EDGE_DEG) * beyond), abs(z)


def angles_of(azimuth_deg: float, elevation_deg: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Width and height in degrees and depth of an extent in the cube (X, Y, Z: 0..1 each), seen in a direction."""
    seen = np.sqrt(_frame(azimuth_deg, elevation_deg) ** 2 @ np.square([x, y, z]))
    side, ahead, up = np.clip(seen, 0.0, 1.0).tolist()
    width_deg, height_deg = _angle_deg(side, ahead), _angle_deg(up, ahead)
    spanned = max((1.0 - float(np.cos(np.radians(angle_deg / 2.0)))) / 2.0 for angle_deg in (width_deg, height_deg))
    return width_deg, height_deg, max(0.0, ahead - spanned)


def _on_the_ring(x: float, y: float) -> tuple[float, float]:
    """Azimuth of a position, and its distance: 1 on the walls."""
    corners = pairwise((*_RING, (-360.0, _RING[0][1])))
    shares = [(*_shares(left, right, x, y), left_deg, right_deg) for (left_deg, left), (right_deg, right) in corners]
    near_left, near_right, left_deg, right_deg = max(shares, key=lambda share: min(share[:2]))
    level = near_left + near_right
    share = near_right / level * np.pi / 2.0
    to_right = np.sin(share) / (np.sin(share) + np.cos(share))
    middle_deg, half_deg = (left_deg + right_deg) / 2.0, (left_deg - right_deg) / 2.0
    turn_deg = np.degrees(np.arctan((2.0 * to_right - 1.0) * np.tan(np.radians(half_deg))))
    return (float(middle_deg - turn_deg) + 180.0) % 360.0 - 180.0, float(level)


def _shares(left: tuple[float, float], right: tuple[float, float], x: float, y: float) -> tuple[float, float]:
    """Weights of two corners for a position, both positive if it lies between them."""
    determinant = left[0] * right[1] - right[0] * left[1]
    return (x * right[1] - right[0] * y) / determinant, (left[0] * y - x * left[1]) / determinant


def _angle_deg(across: float, ahead: float) -> float:
    """Visual angle of a body with a width and a depth."""
    seen_deg = 2.0 * np.degrees(np.arcsin(across))
    around_deg = 2.0 * np.degrees(np.arccos(1.0 - 2.0 * ahead))
    return float(seen_deg + across * max(around_deg - seen_deg, 0.0))


def _frame(azimuth_deg: float, elevation_deg: float) -> Floats:
    """Rows right, ahead and up for a view direction, in X, Y and Z."""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    ca, sa, ce, se = np.cos(a), np.sin(a), np.cos(e), np.sin(e)
    return np.array([[ca, sa, 0.0], [-sa * ce, ca * ce, se], [sa * se, -ca * se, ce]])
