"""Voices of a scene: every position of a channel of an object, with the parameters that ADM has for it.

A channel has one voice at its position, and a second one all around for its diffuse part; a `channel` object has one
for each loudspeaker. The voices of a channel share its track.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from stemfield.layouts.coordinates import polar
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.adm.model import Zone
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import (
    STEREO_AZIMUTH_DEG,
    Placed,
    object_level,
    placed,
    separation_gain,
)
from stemfield.renderer.scene.placement import channel_count, distance_gain, excluded, placement_of
from stemfield.renderer.scene.rows import STEM_ROWS
from stemfield.renderer.scene.scene import Scene, SceneObject

FIELD = "field"
"""Part of the diffuse sound."""
_ZONE_DEG = 0.5
_POLE_DEG = 0.01
_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Voice:
    """One channel of an object at one position."""

    object_id: int
    channel: int
    """0-based channel of the object."""
    row: int
    """Row of the engine's source that it plays."""
    part: str = ""
    """Empty, `field`, or the label of the loudspeaker that plays it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Rendering of a voice: direction from the listener, and gain with everything included."""

    azimuth_deg: float
    elevation_deg: float
    gain: float
    """Linear, 0 and more."""
    width_deg: float = 0.0
    height_deg: float = 0.0
    diffuse: bool = False
    lock: float | None = None
    """As in `model.Block`."""
    zones: tuple[Zone, ...] = ()


def voices_of(scene: Scene, layout: Layout, panner: Panner) -> Mapping[Voice, Setting]:
    """The voices of a scene, also silent ones, as loud as in the room.

    The master and the loudspeakers' own gains are left out, and `amount` is 0 or 1.
    """
    found: dict[Voice, Setting] = {}
    heard = _in_the_room(scene, layout, panner)
    for item, near, far in zip(scene.objects, heard.near, heard.far, strict=True):
        as_mixed = scene.amount == 0.0 and item.kind == "stem"
        for channel, part, setting in _as_mixed() if as_mixed else _placed(item, scene, layout):
            scale = float(far if part == FIELD else near)
            setting = replace(setting, gain=round(setting.gain * scale, _DECIMALS))
            row = 2 * item.id + channel if item.kind == "stem" else STEM_ROWS + item.channels[channel]
            found[Voice(item.id, channel, row, part)] = setting
    return found


def _in_the_room(scene: Scene, layout: Layout, panner: Panner) -> Placed:
    scene = replace(scene, amount=0.0 if scene.amount == 0.0 else 1.0)
    try:
        return placed(scene, layout, panner)
    except ValueError:  # at some listener positions one loudspeaker hides another, and nothing can be panned
        return placed(replace(scene, listener=(0.0, 0.0, 0.0)), layout, panner)


def _as_mixed() -> Iterator[tuple[int, str, Setting]]:
    """The recording from the stereo pair."""
    for channel, azimuth_deg in enumerate((STEREO_AZIMUTH_DEG, -STEREO_AZIMUTH_DEG)):
        yield channel, "", Setting(azimuth_deg, 0.0, 1.0)


def _placed(item: SceneObject, scene: Scene, layout: Layout) -> Iterator[tuple[int, str, Setting]]:
    """Channel, part and setting of every voice of an object."""
    gain = object_level(scene, item) * separation_gain(item, scene.separation)
    gain *= distance_gain(item, scene.distance, scene.listener)
    diffuseness = 1.0 if item.type == "diffuse" else item.diffuseness
    near, far = gain * math.sqrt(1.0 - diffuseness), gain * math.sqrt(diffuseness)
    zones = _zones(item, layout)
    placement = placement_of(replace(item, channel_lock_deg=0.0), scene, layout)
    # The distance of two unit vectors with this angle between them.
    lock = 2.0 * math.sin(math.radians(item.channel_lock_deg) / 2.0) if item.channel_lock_deg > 0.0 else None
    for channel in range(channel_count(item)):
        if item.type == "channel":
            for speaker in _loudspeakers(item, channel, layout):
                setting = Setting(speaker.azimuth_deg, speaker.elevation_deg, near, lock=math.inf)
                yield channel, speaker.label, setting
        else:
            azimuth_deg, elevation_deg, _ = polar(placement.positions[channel]).round(_DECIMALS).tolist()
            size = placement.width_deg, placement.height_deg
            yield channel, "", Setting(azimuth_deg, elevation_deg, near, *size, lock=lock, zones=zones)
        if far > 0.0:
            yield channel, FIELD, Setting(0.0, 0.0, far, 360.0, 180.0, diffuse=True, zones=zones)


def _loudspeakers(item: SceneObject, channel: int, layout: Layout) -> list[Speaker]:
    """The loudspeakers that play a channel and that can be panned to."""
    usable = {speaker.label: speaker for speaker in layout.speakers if not speaker.lfe}
    place = 0 if len(item.outputs) == 1 else channel
    labels = item.outputs[place] if place < len(item.outputs) else ()
    return [usable[label] for label in labels if label in usable]


def _zones(item: SceneObject, layout: Layout) -> tuple[Zone, ...]:
    """Zones that an object excludes: its sector, and a small zone around every other loudspeaker."""
    left_out = excluded(item, layout)
    if not left_out:
        return ()
    zones, sector = [], item.exclude_sector
    if sector is not None:
        # In ADM a loudspeaker overhead has every azimuth.
        kept = [speaker for index, speaker in enumerate(layout.speakers) if index not in left_out]
        poles = {math.copysign(90.0, s.elevation_deg) for s in kept if abs(s.elevation_deg) > 90.0 - _POLE_DEG}
        lowest = max(sector.elevation_from_deg, -90.0 + _POLE_DEG if -90.0 in poles else -90.0)
        highest = min(sector.elevation_to_deg, 90.0 - _POLE_DEG if 90.0 in poles else 90.0)
        zones.append(Zone(False, (sector.azimuth_from_deg, lowest), (sector.azimuth_to_deg, highest)))
    for index in sorted(left_out):
        speaker = layout.speakers[index]
        azimuth_deg, elevation_deg = speaker.azimuth_deg, speaker.elevation_deg
        if speaker.lfe or (sector is not None and sector.holds(azimuth_deg, elevation_deg)):
            continue
        low = _turned(azimuth_deg - _ZONE_DEG), max(elevation_deg - _ZONE_DEG, -90.0)
        zones.append(Zone(False, low, (_turned(azimuth_deg + _ZONE_DEG), min(elevation_deg + _ZONE_DEG, 90.0))))
    return tuple(zones)


def _turned(azimuth_deg: float) -> float:
    return (azimuth_deg + 180.0) % 360.0 - 180.0
