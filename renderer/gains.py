"""From scene and layout to the engine's gain matrices. Pure: no sound, no time, no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts import Layout
from stemfield.layouts.coordinates import cartesian, polar
from stemfield.renderer.panning import Panner
from stemfield.renderer.scene import RESIDUAL, SILENCE_DB, STEMS, Scene, SceneObject, Separation

Floats = NDArray[np.float64]

CLICK_FREE_S = 0.005
"""No ramp is shorter: a faster change of gain is heard as a click."""

STEREO_PAIR = ("M+030", "M-030")
STEREO_AZIMUTH_DEG = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """What one row of the gain matrix plays."""

    object_id: int
    side: Literal["left", "right", "mono"]
    channel: int
    """Of a stem: 0 left, 1 right. Of an input object: the 0-based direct input."""


def sources_of(scene: Scene) -> tuple[Source, ...]:
    """The rows of the gain matrix, in the order of the scene's objects.

    A stem has two, left and right; an input object one a channel: two are left and right, one or more than two mono.
    """
    rows: list[Source] = []
    for item in scene.objects:
        channels = (0, 1) if item.kind == "stem" else item.channels
        if len(channels) == 2:
            rows += [Source(item.id, "left", channels[0]), Source(item.id, "right", channels[1])]
        else:
            rows += [Source(item.id, "mono", channel) for channel in channels]
    return tuple(rows)


def source_gains(
    scene: Scene, layout: Layout, panner: Panner, sources: Sequence[Source] | None = None
) -> NDArray[np.float32]:
    """The gain of every source on every loudspeaker.

    The channels of an object stand `width_deg` apart about its position, first channel left, at its elevation and
    distance and at full level each: the sides of an object without width are summed. Mute, solo (of any object:
    the others are silent), level and the separator's re-scaling multiply. A `channel` object sends each channel to
    the loudspeaker of that place in `outputs`, LFE ones included, or all of them to the only one named there.
    Between the recording as it was mixed (`amount` 0) and the scene (1) the powers are mixed.

    Args:
        scene: what plays, and where.
        layout: the room.
        panner: of that layout.
        sources: the rows wanted; `sources_of(scene)` when not given. Those that are not of the scene are silent.

    Returns:
        Linear gains, shape (sources, loudspeakers), in layout order.
    """
    own = sources_of(scene)
    matrix = _scene_gains(scene, layout, panner)
    if scene.amount < 1.0:
        objects = {item.id: item for item in scene.objects}
        is_stem = np.array([objects[source.object_id].kind == "stem" for source in own], bool)
        pair = _stereo_gains(layout, panner)
        recording = np.array([pair[int(source.side == "right")] for source in own]).reshape(matrix.shape)
        mixed = np.sqrt((1.0 - scene.amount) * recording**2 + scene.amount * matrix**2)
        matrix = np.where(is_stem[:, None], mixed, matrix)
    if sources is not None:
        rows = {source: row for row, source in zip(matrix, own, strict=True)}
        silent = np.zeros(len(layout.speakers))
        matrix = np.array([rows.get(source, silent) for source in sources]).reshape(-1, len(silent))
    return matrix.astype(np.float32)


def speaker_gains(scene: Scene, layout: Layout) -> NDArray[np.float32]:
    """The gain of every loudspeaker: its trim and mute and the master's; linear, shape (loudspeakers,)."""
    trims = [scene.speakers.get(label) for label in layout.labels]
    own = [1.0 if trim is None else 0.0 if trim.mute else linear(trim.gain_db) for trim in trims]
    master = 0.0 if scene.master_mute else linear(scene.master_gain_db)
    return np.array(own, np.float32) * np.float32(master)


def ramp_frames(
    scene: Scene, sources: Sequence[Source], sample_rate_hz: float, minimum_s: float = CLICK_FREE_S
) -> NDArray[np.int64]:
    """How many frames each source takes to its new gains: its object's `smooth_s`, at least `minimum_s`.

    Returns:
        Shape (sources,), each at least 1.
    """
    smooth_s = {item.id: item.smooth_s for item in scene.objects}
    seconds = np.array([max(smooth_s.get(source.object_id, 0.0), minimum_s) for source in sources])
    return np.maximum(np.rint(seconds * sample_rate_hz), 1).astype(np.int64)


def linear(gain_db: float) -> float:
    """The linear gain of decibels; -120 dB and below is silence.

    >>> linear(-20.0), linear(-120.0)
    (0.1, 0.0)
    """
    return 0.0 if gain_db <= SILENCE_DB else float(10.0 ** (gain_db / 20.0))


def _scene_gains(scene: Scene, layout: Layout, panner: Panner) -> Floats:
    """Shape (sources of the scene, loudspeakers), without regard to `amount`."""
    any_solo = any(item.solo for item in scene.objects)
    blocks = [np.zeros((0, len(layout.speakers)))]
    for item, pans in zip(scene.objects, _pans(scene, panner), strict=True):
        level = 0.0 if item.mute or (any_solo and not item.solo) else item.level
        gains = _routed(item, layout, len(pans)) if item.type == "channel" else pans
        blocks.append(level * _separation_gain(item, scene.separation) * gains)
    return np.concatenate(blocks)


def _pans(scene: Scene, panner: Panner) -> list[Floats]:
    """The panner's gains of every object's channels, shapes (channels, loudspeakers); one call for all."""
    counts = [2 if item.kind == "stem" else len(item.channels) for item in scene.objects]
    positions = [_channel_positions(item, count) for item, count in zip(scene.objects, counts, strict=True)]
    gains = panner.gains(np.concatenate([np.zeros((0, 3)), *positions]))
    return np.split(gains, np.cumsum(counts)[:-1]) if counts else []


def _channel_positions(item: SceneObject, count: int) -> Floats:
    """Metres, shape (count, 3): spread evenly over the object's width, from left to right."""
    if count < 2 or item.width_deg == 0.0:
        return np.tile(np.array(item.position, np.float64), (count, 1))
    azimuth_deg, elevation_deg, distance_m = polar(item.position)
    return cartesian(azimuth_deg + item.width_deg * np.linspace(0.5, -0.5, count), elevation_deg, distance_m or 1.0)


def _routed(item: SceneObject, layout: Layout, count: int) -> Floats:
    labels = item.outputs * count if len(item.outputs) == 1 else item.outputs
    gains = np.zeros((count, len(layout.speakers)))
    for row, label in zip(gains, labels, strict=False):
        if label in layout.labels:
            row[layout.labels.index(label)] = 1.0
    return gains


def _separation_gain(item: SceneObject, separation: Separation) -> float:
    names = (*STEMS, RESIDUAL)
    if item.kind != "stem" or item.id >= len(names):
        return 1.0
    return linear(separation.gains_db.get(names[item.id], 0.0))


def _stereo_gains(layout: Layout, panner: Panner) -> Floats:
    """Shape (2, loudspeakers): where the left and the right side of a recording belong."""
    if all(label in layout.labels for label in STEREO_PAIR):
        return np.eye(len(layout.labels))[[layout.labels.index(label) for label in STEREO_PAIR]]
    return panner.gains(cartesian([STEREO_AZIMUTH_DEG, -STEREO_AZIMUTH_DEG], 0.0))
