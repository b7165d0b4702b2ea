"""From scene and layout to the engine's gain matrices. Pure: no sound, no time, no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts import Layout
from stemfield.layouts.coordinates import cartesian
from stemfield.renderer.panning import Panner, amplitude_normalised
from stemfield.renderer.placement import channel_count, distance_gain, excluded, pans
from stemfield.renderer.scene import RESIDUAL, SILENCE_DB, STEMS, Group, Scene, SceneObject, Separation, SpeakerTrim

Floats = NDArray[np.float64]

CLICK_FREE_S = 0.005
"""No ramp is shorter: a faster change of gain is heard as a click."""

STEREO_PAIR = ("M+030", "M-030")
STEREO_AZIMUTH_DEG = 30.0
_UNTRIMMED = SpeakerTrim()
_UNGROUPED = Group()


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
    """The gain of every source on every loudspeaker, directly.

    The channels of an object stand `width_deg` apart about its position, first channel left, at its elevation and
    distance and at full level each: the sides of an object without width are summed. Mute, solo (of any object:
    the others are silent), level, group, distance and the separator's re-scaling multiply. What is diffuse is left
    out, see `diffuse_gains`. A `channel` object sends each channel at full level to the loudspeakers of that place in
    `outputs`, LFE ones included, or all channels to the only place there. Between the recording as it was mixed
    (`amount` 0) and the scene (1) the powers are mixed.

    Args:
        scene: what plays, and where.
        layout: the room.
        panner: of that layout.
        sources: the rows wanted; `sources_of(scene)` when not given. Those that are not of the scene are silent.

    Returns:
        Linear gains, shape (sources, loudspeakers), in layout order.
    """
    own = sources_of(scene)
    levels = _levels(scene) * np.sqrt(1.0 - _diffuseness(scene))
    matrix = levels[:, None] * _unit_gains(scene, layout, panner)
    if scene.amount < 1.0:
        pair = _stereo_gains(layout, panner)
        recording = np.array([pair[int(source.side == "right")] for source in own]).reshape(matrix.shape)
        mixed = np.sqrt((1.0 - scene.amount) * recording**2 + scene.amount * matrix**2)
        matrix = np.where(_is_stem(scene)[:, None], mixed, matrix)
    return _rows(matrix, own, sources)


def band_gains(
    scene: Scene, layout: Layout, panner: Panner, sources: Sequence[Source] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The gains of every source below and above the crossover of dual-band panning (`Layout.dual_band`).

    Above, the powers of the loudspeakers add up at the listener, below their amplitudes do: the upper matrix is
    `source_gains`, and every row of the lower one is scaled so that its sum is what the root of its power was.

    Returns:
        Two matrices of shape (sources, loudspeakers): below, above.
    """
    above = source_gains(scene, layout, panner, sources)
    return amplitude_normalised(above.astype(np.float64)).astype(np.float32), above


def diffuse_gains(scene: Scene, layout: Layout, sources: Sequence[Source] | None = None) -> NDArray[np.float32]:
    """How much of every source is sent to every loudspeaker's decorrelator.

    The diffuse part of the power, the same on every loudspeaker that is not an LFE and that the object does not
    leave out. With `source_gains` it makes the power of the source.

    Args:
        scene: what plays.
        layout: the room.
        sources: the rows wanted; `sources_of(scene)` when not given. Those that are not of the scene are silent.

    Returns:
        Linear gains, shape (sources, loudspeakers), in layout order.
    """
    levels = _levels(scene) * np.sqrt(_diffuseness(scene))
    levels *= np.where(_is_stem(scene), np.sqrt(scene.amount), 1.0)
    heard = [np.zeros((0, len(layout.speakers)))]
    for item in scene.objects:
        without = excluded(item, layout)
        plays = np.array([not s.lfe and index not in without for index, s in enumerate(layout.speakers)], np.float64)
        heard.append(np.tile(plays / np.sqrt(plays.sum()), (channel_count(item), 1)))
    return _rows(levels[:, None] * np.concatenate(heard), sources_of(scene), sources)


def speaker_gains(scene: Scene, layout: Layout) -> NDArray[np.float32]:
    """The gain of every loudspeaker: its trim, mute and solo, and the master's; linear, shape (loudspeakers,)."""
    trims = [scene.speakers.get(label, _UNTRIMMED) for label in layout.labels]
    any_solo = any(trim.solo for trim in trims)
    own = [0.0 if trim.mute or (any_solo and not trim.solo) else linear(trim.gain_db) for trim in trims]
    master = 0.0 if scene.master_mute else linear(scene.master_gain_db)
    return np.array(own, np.float32) * np.float32(master)


def object_level(scene: Scene, item: SceneObject) -> float:
    """How loud an object is apart from its distance: its level, mute and solo, and its group's; linear."""
    if item.mute or (not item.solo and any(o.solo for o in scene.objects)):
        return 0.0
    return item.level * _group_gain(scene.groups.get(item.group, _UNGROUPED))


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


def _rows(matrix: Floats, own: Sequence[Source], wanted: Sequence[Source] | None) -> NDArray[np.float32]:
    if wanted is not None:
        rows = {source: row for row, source in zip(matrix, own, strict=True)}
        silent = np.zeros(matrix.shape[1])
        matrix = np.array([rows.get(source, silent) for source in wanted]).reshape(-1, matrix.shape[1])
    return matrix.astype(np.float32)


def _per_source(scene: Scene, values: Sequence[float]) -> Floats:
    """Shape (sources,): what an object has, for each of its channels."""
    return np.repeat(np.array(values, np.float64), [channel_count(item) for item in scene.objects])


def _levels(scene: Scene) -> Floats:
    any_solo = any(item.solo for item in scene.objects)
    return _per_source(
        scene,
        [
            0.0
            if item.mute or (any_solo and not item.solo)
            else item.level
            * separation_gain(item, scene.separation)
            * _group_gain(scene.groups.get(item.group, _UNGROUPED))
            * distance_gain(item, scene.distance, scene.listener)
            for item in scene.objects
        ],
    )


def _diffuseness(scene: Scene) -> Floats:
    return _per_source(scene, [1.0 if item.type == "diffuse" else item.diffuseness for item in scene.objects])


def _is_stem(scene: Scene) -> NDArray[np.bool_]:
    return _per_source(scene, [item.kind == "stem" for item in scene.objects]).astype(bool)


def _unit_gains(scene: Scene, layout: Layout, panner: Panner) -> Floats:
    """Shape (sources of the scene, loudspeakers): where each is heard, at level 1."""
    blocks = [np.zeros((0, len(layout.speakers)))]
    for item, gains in zip(scene.objects, pans(scene, layout, panner), strict=True):
        blocks.append(_routed(item, layout, len(gains)) if item.type == "channel" else gains)
    return np.concatenate(blocks)


def _routed(item: SceneObject, layout: Layout, count: int) -> Floats:
    places = item.outputs * count if len(item.outputs) == 1 else item.outputs
    gains = np.zeros((count, len(layout.speakers)))
    for row, labels in zip(gains, places, strict=False):
        row[[layout.labels.index(label) for label in labels if label in layout.labels]] = 1.0
    return gains


def separation_gain(item: SceneObject, separation: Separation) -> float:
    """By how much the separator's mask of a stem is re-scaled; linear."""
    names = (*STEMS, RESIDUAL)
    if item.kind != "stem" or item.id >= len(names):
        return 1.0
    return linear(separation.gains_db.get(names[item.id], 0.0))


def _group_gain(group: Group) -> float:
    return 0.0 if group.mute else linear(group.gain_db)


def _stereo_gains(layout: Layout, panner: Panner) -> Floats:
    """Shape (2, loudspeakers): where the left and the right side of a recording belong."""
    if all(label in layout.labels for label in STEREO_PAIR):
        return np.eye(len(layout.labels))[[layout.labels.index(label) for label in STEREO_PAIR]]
    return panner.gains(cartesian([STEREO_AZIMUTH_DEG, -STEREO_AZIMUTH_DEG], 0.0))
