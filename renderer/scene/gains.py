"""Gain matrices of the engine, from scene and layout. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.loudness import channel_weights
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.loudness import all_around, heard_together, taken_apart
from stemfield.renderer.scene.placement import channel_count, distance_gain, excluded, pans
from stemfield.renderer.scene.rows import Source, sources_of
from stemfield.renderer.scene.scene import (
    RESIDUAL,
    SILENCE_DB,
    STEMS,
    Group,
    Scene,
    SceneObject,
    Separation,
    SpeakerTrim,
)
from stemfield.renderer.scene.solo import any_solo, is_silenced

Floats = NDArray[np.float64]

CLICK_FREE_S = 0.005
"""Minimum duration of a ramp: a faster change of gain is heard as a click."""

STAGE_DEG = 10.0
"""Width from which the sides of an object are independent; narrower ones are on their way to a point, where they are
summed."""

STEREO_PAIR = ("M+030", "M-030")
STEREO_AZIMUTH_DEG = 30.0
_UNTRIMMED = SpeakerTrim()
_UNGROUPED = Group()


@dataclass(frozen=True, slots=True)
class Placed:
    """Gains of the channels of a scene's objects, each object as loud as what it plays."""

    direct: Floats
    """Linear gains, shape (sources, loudspeakers), in layout order."""
    diffuse: Floats
    """Gains to the decorrelators; the difference of two sides has opposite signs in both."""
    near: Floats
    """Factor of the direct gains of each object for its loudness, shape (objects,)."""
    far: Floats
    """Factor of the diffuse gains."""


def placed(scene: Scene, layout: Layout, panner: Panner) -> Placed:
    """The gains of every channel of every object.

    The channels of an object stand `width_deg` apart about its position, first channel left, at its elevation and
    distance and at full level each. Without width they are summed. From `STAGE_DEG` on they are taken apart where they
    share loudspeakers (`loudness.taken_apart`), and a stem's two sides together have the loudness of its level wherever
    they are; in between it is a mixture of both. Mute, solo (of any object: the others are silent), level, group,
    distance and the separator's re-scaling multiply. The diffuse part of the power is shared by all loudspeakers that
    are not LFEs and that the object does not leave out. A `channel` object sends each channel at full level to the
    loudspeakers of that place in `outputs`, LFE ones included, or all channels to the only place there. Between the
    recording as it was mixed (`amount` 0) and the scene (1) the powers are mixed.
    """
    levels, diffuseness, stem = _levels(scene), _diffuseness(scene), _is_stem(scene)
    wanted = levels**2
    direct = (levels * np.sqrt(1.0 - diffuseness))[:, None] * _unit_gains(scene, layout, panner)
    diffuse = (levels * np.sqrt(diffuseness))[:, None] * _everywhere(scene, layout)
    if scene.amount < 1.0:
        pair = _stereo_gains(layout, panner)
        recording = np.array([pair[int(source.side == "right")] for source in sources_of(scene)]).reshape(direct.shape)
        mixed = np.sqrt((1.0 - scene.amount) * recording**2 + scene.amount * direct**2)
        direct[stem], diffuse[stem] = mixed[stem], np.sqrt(scene.amount) * diffuse[stem]
        wanted[stem] = (1.0 - scene.amount) + scene.amount * wanted[stem]
    near, far = np.ones(len(scene.objects)), np.ones(len(scene.objects))
    two = np.array([i for i, item in enumerate(scene.objects) if _has_sides(item)], np.intp)
    if len(two):
        left = np.cumsum([0, *(channel_count(item) for item in scene.objects)])[two]
        right = left + 1
        widths = _stage_shares(scene)[left]
        scales, difference = taken_apart(direct[left], direct[right])
        scales = 1.0 + widths * (scales - 1.0)
        diffuse[left] += widths[:, None] * difference
        diffuse[right] -= widths[:, None] * difference
        direct[left] *= scales[:, None]
        direct[right] *= scales[:, None]
        near[two], far[two] = scales, np.sqrt(0.5)
        weights = np.where(stem[left][:, None], channel_weights(layout), 0.0)
        sides = sum(((direct[rows] ** 2 + diffuse[rows] ** 2) * weights).sum(axis=1) for rows in (left, right))
        scales = np.sqrt(np.divide(2.0 * wanted[left], sides, out=np.ones_like(scales), where=sides > 0.0))
        scales = 1.0 + widths * (scales - 1.0)
        for rows in (left, right):
            direct[rows] *= scales[:, None]
            diffuse[rows] *= scales[:, None]
        near[two] *= scales
        far[two] *= scales
    return Placed(direct, diffuse, near, far)


def instruments_together(scene: Scene, layout: Layout, direct: Floats, diffuse: Floats) -> NDArray[np.float32]:
    """Shares by which sources are raised, so that separated instruments are as loud as the recording, apart or not.

    Args:
        scene: the scene.
        layout: loudspeaker layout.
        direct: `Placed.direct`.
        diffuse: `Placed.diffuse`.

    Returns:
        The shares of `loudness.heard_together`, shape (sources, 2); 1 for sources that are not instruments or have no
        width, and for all at one place.
    """
    rows = np.flatnonzero(_per_source(scene, [item.id < len(STEMS) and _has_sides(item) for item in scene.objects]))
    shares = np.ones((len(direct), 2), np.float32)
    if len(rows):
        found = heard_together(direct[rows], diffuse[rows], np.array(channel_weights(layout)))
        shares[rows] += _stage_shares(scene)[rows, None] * (np.array(found) - 1.0)
    return shares


def speaker_gains(scene: Scene, layout: Layout) -> NDArray[np.float32]:
    """The gain of every loudspeaker: its trim, mute and solo, and the master's; linear, shape (loudspeakers,)."""
    trims = [scene.speakers.get(label, _UNTRIMMED) for label in layout.labels]
    soloed = any_solo(trims)
    own = [0.0 if is_silenced(trim, soloed) else linear(trim.gain_db) for trim in trims]
    master = 0.0 if scene.master_mute else linear(scene.master_gain_db)
    return np.array(own, np.float32) * np.float32(master)


def bass_gains(direct: NDArray[np.float32]) -> NDArray[np.float32]:
    """Factor of each source's bass, so that its amplitudes, not its powers, add up to its level.

    Args:
        direct: linear gains, shape (sources, loudspeakers).

    Returns:
        Shape (sources,); 1 for a silent one.
    """
    totals = direct.sum(axis=1)
    scaled: NDArray[np.float32] = np.divide(
        np.linalg.norm(direct, axis=1), totals, out=np.ones_like(totals), where=totals > 0
    )
    return scaled


def object_level(scene: Scene, item: SceneObject) -> float:
    """Linear gain of an object without its distance: its level, mute and solo, and its group's."""
    if is_silenced(item, any_solo(scene.objects)):
        return 0.0
    return item.level * _group_gain(scene.groups.get(item.group, _UNGROUPED))


def ramp_frames(
    scene: Scene, sources: Sequence[Source], sample_rate_hz: float, minimum_s: float = CLICK_FREE_S
) -> NDArray[np.int64]:
    """Frames of each source's ramp: its object's `smooth_s`, at least `minimum_s`.

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


def _per_source(scene: Scene, values: Sequence[float]) -> Floats:
    """Shape (sources,): the value of an object for each of its channels."""
    return np.repeat(np.array(values, np.float64), [channel_count(item) for item in scene.objects])


def _levels(scene: Scene) -> Floats:
    soloed = any_solo(scene.objects)
    return _per_source(
        scene,
        [
            0.0
            if is_silenced(item, soloed)
            else item.level
            * separation_gain(item, scene.separation)
            * _group_gain(scene.groups.get(item.group, _UNGROUPED))
            * distance_gain(item, scene.distance, scene.listener)
            for item in scene.objects
        ],
    )


def _diffuseness(scene: Scene) -> Floats:
    return _per_source(scene, [1.0 if item.type == "diffuse" else item.diffuseness for item in scene.objects])


def _has_sides(item: SceneObject) -> bool:
    """Whether an object has a left and a right channel that are panned."""
    return channel_count(item) == 2 and item.type != "channel"


def _stage_shares(scene: Scene) -> Floats:
    """Shape (sources,): 1 from `STAGE_DEG` on, 0 for a point."""
    return _per_source(scene, [min(item.width_deg / STAGE_DEG, 1.0) for item in scene.objects])


def _everywhere(scene: Scene, layout: Layout) -> Floats:
    """Shape (sources, loudspeakers): gains of the diffuse sound, of power 1; zeros without any."""
    blocks = [np.zeros((0, len(layout.speakers)))]
    for item in scene.objects:
        gains = np.zeros((channel_count(item), len(layout.speakers)))
        if item.type == "diffuse" or item.diffuseness > 0.0:
            without = excluded(item, layout)
            plays = np.array([float(not s.lfe and at not in without) for at, s in enumerate(layout.speakers)])
            if _has_sides(item):
                gains[:] = all_around(plays, np.array([s.azimuth_deg for s in layout.speakers]))
            else:
                gains[:] = plays / np.sqrt(plays.sum())
        blocks.append(gains)
    return np.concatenate(blocks)


def _is_stem(scene: Scene) -> NDArray[np.bool_]:
    return _per_source(scene, [item.kind == "stem" for item in scene.objects]).astype(bool)


def _unit_gains(scene: Scene, layout: Layout, panner: Panner) -> Floats:
    """Shape (sources, loudspeakers): direct gains at level 1."""
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
    """Linear factor of the separator's mask of a stem."""
    names = (*STEMS, RESIDUAL)
    if item.kind != "stem" or item.id >= len(names):
        return 1.0
    return linear(separation.gains_db.get(names[item.id], 0.0))


def _group_gain(group: Group) -> float:
    return 0.0 if group.mute else linear(group.gain_db)


def _stereo_gains(layout: Layout, panner: Panner) -> Floats:
    """Shape (2, loudspeakers): gains of the left and the right side of a recording."""
    if all(label in layout.labels for label in STEREO_PAIR):
        return np.eye(len(layout.labels))[[layout.labels.index(label) for label in STEREO_PAIR]]
    return panner.gains(cartesian([STEREO_AZIMUTH_DEG, -STEREO_AZIMUTH_DEG], 0.0))
