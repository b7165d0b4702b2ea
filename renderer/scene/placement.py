"""Positions and extents of the channels of an object, for the panner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.chain import speaker_positions
from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.panning.distance import adm_gain, inverse_gain
from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.scene import DistanceLaw, Scene, SceneObject

Floats = NDArray[np.float64]

AS_NEAR = 1e-5
"""Tolerance for equal distances of loudspeakers on the unit sphere."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The channels of one object."""

    positions: Floats
    """(channels, 3): relative to the listener."""
    width_deg: float
    """The extent of each."""
    height_deg: float
    without: frozenset[int]
    """Indices of loudspeakers that do not play it."""


def channel_count(item: SceneObject) -> int:
    """Number of channels that an object plays."""
    return 2 if item.kind == "stem" else len(item.channels)


def pans(scene: Scene, layout: Layout, panner: Panner) -> list[Floats]:
    """The gains of every object's channels, shapes (channels, loudspeakers), of power 1 each.

    Objects on the same loudspeakers are panned in one call.
    """
    placements = [placement_of(item, scene, layout) for item in scene.objects]
    results = [np.zeros((0, len(layout.speakers)))] * len(placements)
    for without in {placement.without for placement in placements}:
        chosen = [index for index, placement in enumerate(placements) if placement.without == without]
        counts = [len(placements[index].positions) for index in chosen]
        gains = extent_gains(
            panner.variant(without, scene.listener),
            np.concatenate([placements[index].positions for index in chosen]),
            np.repeat([placements[index].width_deg for index in chosen], counts),
            np.repeat([placements[index].height_deg for index in chosen], counts),
        )
        start = 0
        for index, count in zip(chosen, counts, strict=True):
            results[index] = gains[start : start + count]
            start += count
    return results


def excluded(item: SceneObject, layout: Layout) -> frozenset[int]:
    """Indices of the loudspeakers that do not play an object; empty when that would leave none."""
    if not item.exclude and item.exclude_sector is None:
        return frozenset()
    found = {
        index
        for index, speaker in enumerate(layout.speakers)
        if any(fnmatchcase(speaker.label, pattern) for pattern in item.exclude)
        or (item.exclude_sector and item.exclude_sector.holds(speaker.azimuth_deg, speaker.elevation_deg))
    }
    kept = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe and index not in found]
    return frozenset(found) if kept else frozenset()


def distance_gain(item: SceneObject, distance: DistanceLaw, listener: Sequence[float]) -> float:
    """The linear gain of an object by the scene's distance law."""
    if distance.law == "none" or item.type in ("plane", "diffuse", "channel"):
        return 1.0
    away_m = float(np.linalg.norm(np.subtract(item.position, listener)))
    if distance.law == "inverse":
        return inverse_gain(away_m, distance.reference_m, distance.floor_db)
    return adm_gain(away_m, item.dref, item.dmax_m)


def placement_of(item: SceneObject, scene: Scene, layout: Layout) -> Placement:
    """Placement of an object of a scene in a room."""
    seen = np.array([item.position], np.float64)
    if item.type != "plane":
        seen -= scene.listener
    count = channel_count(item)
    without = excluded(item, layout)
    if count < 2:
        positions, width_deg = seen[:count], item.width_deg
    else:
        positions = _sides(seen, min(item.width_deg, 180.0), count)
        width_deg = max(item.width_deg - 180.0, 0.0)
    if item.channel_lock_deg > 0.0:
        positions = _locked(positions, layout, scene.listener, without, item.channel_lock_deg)
    return Placement(positions, width_deg, item.height_deg, without)


def _sides(position: Floats, width_deg: float, count: int) -> Floats:
    """(count, 3): spread evenly over the width about a position (1, 3), from left to right."""
    if width_deg == 0.0:
        return position.repeat(count, axis=0)
    azimuth_deg, elevation_deg, distance_m = polar(position[0])
    return cartesian(azimuth_deg + width_deg * np.linspace(0.5, -0.5, count), elevation_deg, distance_m or 1.0)


def _locked(
    positions: Floats, layout: Layout, listener: Sequence[float], without: frozenset[int], angle_deg: float
) -> Floats:
    """Positions, each moved to the nearest loudspeaker that plays it, if that is within the angle."""
    usable = [i for i, speaker in enumerate(layout.speakers) if not speaker.lfe and i not in without]
    speakers, targets = [layout.speakers[i] for i in usable], _unit(speaker_positions(layout, listener)[usable])
    away = np.linalg.norm(_unit(positions)[:, None] - targets, axis=2)
    farthest = 2.0 * np.sin(np.radians(min(angle_deg, 180.0)) / 2.0)
    moved = positions.copy()
    for channel in np.flatnonzero(away.min(axis=1) <= farthest + AS_NEAR):
        moved[channel] = targets[nearest(away[channel], speakers)]
    return moved


def nearest(away: Sequence[float] | Floats, speakers: Sequence[Speaker]) -> int:
    """The nearest of some loudspeakers, by their distances on the unit sphere.

    Of several at the same distance, as in ITU-R BS.2127: the one nearest to ear height, then below, then in front, then
    on the right.
    """

    def order(index: int) -> tuple[float, float, float, float]:
        speaker = speakers[index]
        return abs(speaker.elevation_deg), speaker.elevation_deg, abs(speaker.azimuth_deg), speaker.azimuth_deg

    as_near = min(away) + AS_NEAR
    return min((index for index, value in enumerate(away) if value <= as_near), key=order)


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = np.where(norms > 0, vectors, [1.0, 0.0, 0.0]) / np.where(norms > 0, norms, 1.0)
    return unit
