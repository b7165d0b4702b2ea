"""Loudspeaker gains of blocks: ITU-R BS.2127 with this renderer's panner. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.adm.cube import Cube, angles_of, direction_of, sphere_of
from stemfield.renderer.adm.labels import is_lfe, is_second_lfe, place_name, place_of
from stemfield.renderer.adm.model import Block, SpeakerBlock, Zone
from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.placement import AS_NEAR, nearest
from stemfield.renderer.scene.scene import Sector

Floats = NDArray[np.float64]

_SMALLEST = 0.2
"""BS.2127 section 7.3.8.2.3: size of a near point; 360 degrees have size 1."""
_MIDDLE = (0.0, 0.0, 0.0)
_ZONE_EDGE_DEG = 1e-6


@dataclass(frozen=True, slots=True)
class _Point:
    """A part of a block: a direction with an extent, and its share of the power."""

    block: int
    power: float
    position: tuple[float, float, float]
    """x front, y left, z up."""
    width_deg: float
    height_deg: float
    without: frozenset[int]


class BlockGains:
    """Gains of blocks in a room."""

    def __init__(self, layout: Layout, panner: Panner) -> None:
        self._layout = layout
        self._panner = panner
        self._cube = Cube.of(layout)
        self._plays = np.array([not speaker.lfe for speaker in layout.speakers])
        nominal = cartesian(
            [s.nominal_azimuth_deg for s in layout.speakers], [s.nominal_elevation_deg for s in layout.speakers]
        )
        self._nominal = nominal
        self._spots = self._cube.places if self._cube else nominal[:, [1, 0, 2]] * (-1.0, 1.0, 1.0)
        """In the axes of the standard."""
        self._places = cartesian([s.azimuth_deg for s in layout.speakers], [s.elevation_deg for s in layout.speakers])

    def of_objects(self, blocks: Sequence[Block]) -> tuple[Floats, Floats]:
        """Gains of Objects blocks: direct, and through the decorrelators.

        Diffuse sound is decorrelated where it is panned to. Only sound without a direction, wholly diffuse and all
        around, is shared equally by all loudspeakers.

        Returns:
            Two matrices of linear gains, shape (blocks, loudspeakers).
        """
        powers = np.zeros((len(blocks), len(self._layout.speakers)))
        points = [point for index, block in enumerate(blocks) for point in self._points(index, block)]
        for without in {point.without for point in points}:
            chosen = [point for point in points if point.without == without]
            gains = extent_gains(
                self._panner.variant(without, _MIDDLE),
                [point.position for point in chosen],
                [point.width_deg for point in chosen],
                [point.height_deg for point in chosen],
            )
            for point, row in zip(chosen, gains, strict=True):
                powers[point.block] += point.power * row**2
        for index, block in enumerate(blocks):
            if is_everywhere(block):
                plays = self._plays.copy()
                plays[list(self._excluded(block.zones))] = False
                powers[index] = plays / plays.sum()
        gains = np.sqrt(powers) * np.array([block.gain for block in blocks])[:, None]
        diffuse = np.array([block.diffuse for block in blocks])[:, None]
        return gains * np.sqrt(1.0 - diffuse), gains * np.sqrt(diffuse)

    def of_speaker(self, block: SpeakerBlock, *, lfe: bool) -> Floats:
        """Gains of a DirectSpeakers block (BS.2127 section 8): one loudspeaker, or between those around its place.

        The one is that of its label, else the nearest within its bounds, by default its position. Low-frequency effects
        go to an LFE, if the room has one.

        Returns:
            Linear gains, shape (loudspeakers,).
        """
        gains = np.zeros(len(self._layout.speakers))
        if lfe or is_lfe(block.labels):
            low = [index for index, speaker in enumerate(self._layout.speakers) if speaker.lfe]
            if low:
                gains[low[-1 if is_second_lfe(block.labels) else 0]] = 1.0
        elif (only := self._named(block.labels)) is not None or (only := self._within(block)) is not None:
            gains[only] = 1.0
        elif block.cartesian and self._cube:
            gains = self._cube.gains(_in_cube(block.position))
        else:
            (gains,) = self._panner.gains([cartesian(*_seen(block))])
        return gains * block.gain

    def _named(self, labels: Sequence[str]) -> int | None:
        """The loudspeaker that one of these labels names, literally or as a place of BS.2051."""
        for name in (name for label in labels for name in (label.rpartition(":")[2], place_name(label))):
            if name in self._layout.labels:
                index = self._layout.labels.index(name)
                if self._plays[index]:
                    return index
        return None

    def _within(self, block: SpeakerBlock) -> int | None:
        """The loudspeaker within the bounds of a block that is nearest to its position, if it is the only one."""
        zone = block.bounds or Zone(block.cartesian, block.position, block.position)
        if zone.cartesian:
            places, spot = self._spots, np.array(_in_cube(block.position))
            low, high = np.clip(zone.low, -1.0, 1.0), np.clip(zone.high, -1.0, 1.0)
            inside = ((places >= low - AS_NEAR) & (places <= high + AS_NEAR)).all(axis=1)
        else:
            if block.bounds and not zone.low[2] - AS_NEAR <= 1.0 <= zone.high[2] + AS_NEAR:
                return None
            places, spot = self._nominal, cartesian(*block.position)
            inside = np.array(
                [_in_sector(s.nominal_azimuth_deg, s.nominal_elevation_deg, zone) for s in self._layout.speakers]
            )
        usable = np.flatnonzero(inside & self._plays)
        if not len(usable):
            return None
        away = np.linalg.norm(places[usable] - spot, axis=1)
        near = usable[away < away.min() + AS_NEAR]
        return int(near[0]) if len(near) == 1 else None

    def _points(self, index: int, block: Block) -> list[_Point]:
        if is_everywhere(block):
            return []
        without = self._excluded(block.zones)
        found = []
        for share, place in _parts(block):
            position, distance = _direction(block.cartesian, place)
            if block.lock is not None:
                position = self._locked(position, distance, block.lock, without)
            width_deg, height_deg, depth = _extent(block, position)
            distances = [distance] if depth == 0.0 else [distance + depth / 2.0, max(distance - depth / 2.0, 0.0)]
            for away in distances:
                sizes = extent_at(width_deg, away), extent_at(height_deg, away)
                found.append(_Point(index, share / len(distances), position, *sizes, without))
        return found

    def _excluded(self, zones: Sequence[Zone]) -> frozenset[int]:
        """Indices of the loudspeakers in zones; none where all are."""
        speakers = enumerate(zip(self._layout.speakers, self._places, strict=True))
        found = {index for index, (speaker, place) in speakers if any(_in_zone(speaker, place, z) for z in zones)}
        left = [index for index, plays in enumerate(self._plays) if plays and index not in found]
        return frozenset(found) if left else frozenset()

    def _locked(
        self, position: tuple[float, float, float], distance: float, farthest: float, without: frozenset[int]
    ) -> tuple[float, float, float]:
        """The nearest loudspeaker within a distance, if any."""
        usable = [index for index, plays in enumerate(self._plays) if plays and index not in without]
        away = np.linalg.norm(self._places[usable] - np.multiply(position, distance), axis=1)
        if away.min() > farthest + AS_NEAR:
            return position
        x, y, z = self._places[usable[nearest(away, [self._layout.speakers[index] for index in usable])]].tolist()
        return x, y, z


def is_everywhere(block: Block) -> bool:
    """Whether a block has no direction: wholly diffuse and all around."""
    whole = (1.0, 1.0) if block.cartesian else (360.0, 180.0)
    return block.diffuse == 1.0 and block.width >= whole[0] and block.height >= whole[1]


def extent_at(angle_deg: float, distance: float) -> float:
    """An extent as it is seen from nearer or farther away than the loudspeakers (BS.2127 section 7.3.8.2.3).

    >>> extent_at(45.0, 1.0), extent_at(0.0, 0.0)
    (45.0, 360.0)
    """
    size = _SMALLEST + (1.0 - _SMALLEST) * angle_deg / 360.0
    usual_deg, seen_deg = (4.0 * math.degrees(math.atan2(size, away)) for away in (1.0, distance))
    if distance == 1.0:
        return angle_deg
    return float(np.interp(seen_deg, [0.0, usual_deg, 360.0], [0.0, angle_deg, 360.0]))


def _parts(block: Block) -> list[tuple[float, tuple[float, float, float]]]:
    """Positions of a block and their shares of its power: itself, and two at its sides if it diverges."""
    value = block.divergence
    if value == 0.0:
        return [(1.0, block.position)]
    sides = [_beside(block, block.divergence_range), _beside(block, -block.divergence_range)]
    aside = value / (value + 1.0)
    return [((1.0 - value) / (value + 1.0), block.position), *((aside, side) for side in sides)]


def _beside(block: Block, turn: float) -> tuple[float, float, float]:
    if block.cartesian:
        x, y, z = block.position
        return min(max(x + turn, -1.0), 1.0), y, z
    azimuth_deg, elevation_deg, distance = block.position
    x, y, z = cartesian(turn, 0.0).tolist()
    tilt = math.radians(elevation_deg)
    raised = x * math.cos(tilt) - z * math.sin(tilt), y, x * math.sin(tilt) + z * math.cos(tilt)
    turned_deg, raised_deg, _ = polar(raised).tolist()
    return azimuth_deg + turned_deg, raised_deg, distance


def _direction(cubic: bool, place: tuple[float, float, float]) -> tuple[tuple[float, float, float], float]:
    """Unit vector (x front, y left, z up) and distance."""
    azimuth_deg, elevation_deg, distance = sphere_of(*_in_cube(place)) if cubic else place
    x, y, z = cartesian(azimuth_deg, elevation_deg).tolist()
    return (x, y, z), distance


def _in_cube(place: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = (min(max(part, -1.0), 1.0) for part in place)
    return x, y, z


def _seen(block: SpeakerBlock) -> tuple[float, float]:
    """Azimuth and elevation of a block in a room that is not a cube."""
    if not block.cartesian:
        return block.position[0], block.position[1]
    named = [place for label in block.labels if (place := place_of(label))]
    return named[0] if named else direction_of(*_in_cube(block.position))


def _extent(block: Block, position: tuple[float, float, float]) -> tuple[float, float, float]:
    if not block.cartesian:
        return block.width, block.height, block.depth
    if block.width == block.height == block.depth == 0.0:
        return 0.0, 0.0, 0.0
    azimuth_deg, elevation_deg, _ = polar(position).tolist()
    return angles_of(azimuth_deg, elevation_deg, block.width, block.depth, block.height)


def _in_zone(speaker: Speaker, place: Floats, zone: Zone) -> bool:
    if zone.cartesian:
        front, left, up = place.tolist()
        spot = -left, front, up
        return all(
            low - _ZONE_EDGE_DEG <= part <= high + _ZONE_EDGE_DEG
            for low, part, high in zip(zone.low, spot, zone.high, strict=True)
        )
    return _in_sector(speaker.azimuth_deg, speaker.elevation_deg, zone)


def _in_sector(azimuth_deg: float, elevation_deg: float, zone: Zone) -> bool:
    """Whether a direction is in a polar zone; overhead has every azimuth."""
    edge = _ZONE_EDGE_DEG
    overhead = abs(elevation_deg) > 90.0 - edge
    from_deg, to_deg = (-180.0, 180.0) if overhead else (zone.low[0] - edge, zone.high[0] + edge)
    return Sector(from_deg, to_deg, zone.low[1] - edge, zone.high[1] + edge).holds(azimuth_deg, elevation_deg)
