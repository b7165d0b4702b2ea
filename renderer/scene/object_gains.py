"""The gains of a scene's objects, recomputed only for those that changed.

When an object moves, a hundred times a second, the rest of the scene stays as it was. Objects are frozen and shared by
successive scenes, so that an identical object has the same gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import instruments_together, placed, ramp_frames
from stemfield.renderer.scene.placement import channel_count
from stemfield.renderer.scene.rows import Source, sources_of
from stemfield.renderer.scene.scene import Scene, SceneObject
from stemfield.renderer.scene.solo import any_solo, is_silenced


class ObjectGains:
    """The gains of the latest scene.

    Args:
        layout: loudspeaker layout.
        panner: panner of the layout.
        sample_rate_hz: sample rate of the ramps.

    Attributes:
        sources: rows of all arrays.
        direct: linear gains, shape (sources, loudspeakers).
        diffuse: gains to the decorrelators, shape (sources, loudspeakers).
        together: shares of `loudness.heard_together`, shape (sources, 2).
        ramps: frames, shape (sources,).
    """

    def __init__(self, layout: Layout, panner: Panner, sample_rate_hz: float) -> None:
        self._layout = layout
        self._panner = panner
        self._sample_rate_hz = sample_rate_hz
        self._objects: tuple[SceneObject, ...] = ()
        self._common: tuple[object, ...] = ()
        self._starts: list[int] = []
        self.sources: tuple[Source, ...] = ()
        self._direct = self._diffuse = np.zeros((0, len(layout.speakers)))
        self.direct = self.diffuse = np.zeros((0, len(layout.speakers)), np.float32)
        self.together = np.ones((0, 2), np.float32)
        self.ramps = np.zeros(0, np.int64)

    def show(self, scene: Scene) -> bool:
        """Updates the gains for a scene.

        Returns:
            Whether the arrays have other rows than before.
        """
        pairs = zip(scene.objects, self._objects, strict=False)
        stale = [index for index, (item, before) in enumerate(pairs) if item is not before]
        anew = self._has_other_rows(scene, stale)
        self._objects = scene.objects
        soloed = any_solo(scene.objects)
        common = (soloed, scene.amount, scene.distance, scene.listener, scene.separation.gains_db, scene.groups)
        if anew:
            self._begin(scene)
        if anew or common != self._common:
            stale = list(range(len(scene.objects)))
        self._common = common
        if stale:
            self._renew(scene, stale, soloed=soloed)
        return anew

    def energies(self) -> NDArray[np.float32]:
        """Share of each loudspeaker in each object's energy, (objects, loudspeakers); zeros for silence."""
        powers = self.direct**2 + self.diffuse**2
        powers = np.add.reduceat(powers, self._starts[:-1], axis=0) if len(powers) else powers
        totals = powers.sum(axis=1, keepdims=True)
        shared: NDArray[np.float32] = np.divide(powers, totals, out=np.zeros_like(powers), where=totals > 0)
        return shared

    def rows_of(self, index: int) -> range:
        """The rows of an object's channels."""
        return range(self._starts[index], self._starts[index + 1])

    def _has_other_rows(self, scene: Scene, changed: Sequence[int]) -> bool:
        if len(scene.objects) != len(self._objects):
            return True
        return any(_row_kind(scene.objects[i]) != _row_kind(self._objects[i]) for i in changed)

    def _begin(self, scene: Scene) -> None:
        self.sources = sources_of(scene)
        self._starts = [0, *np.cumsum([channel_count(o) for o in scene.objects]).tolist()]
        shape = (len(self.sources), len(self._layout.speakers))
        self._direct, self._diffuse = np.zeros(shape), np.zeros(shape)
        self.direct, self.diffuse = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.together = np.ones((shape[0], 2), np.float32)
        self.ramps = np.ones(shape[0], np.int64)

    def _renew(self, scene: Scene, stale: Sequence[int], *, soloed: bool) -> None:
        # The scene of these objects alone would not show that another one has a solo.
        heard = [scene.objects[i] for i in stale]
        if soloed:
            heard = [replace(o, mute=is_silenced(o, soloed), solo=False) for o in heard]
        part = replace(scene, objects=tuple(heard))
        rows = np.concatenate([self.rows_of(i) for i in stale]).astype(np.intp)
        found = placed(part, self._layout, self._panner)
        self._direct[rows], self._diffuse[rows] = found.direct, found.diffuse
        self.ramps[rows] = ramp_frames(part, sources_of(part), self._sample_rate_hz)
        if any(item.kind == "stem" for item in heard):
            self.together = instruments_together(scene, self._layout, self._direct, self._diffuse)
        self.direct[rows], self.diffuse[rows] = found.direct, found.diffuse


def _row_kind(item: SceneObject) -> tuple[int, str, tuple[int, ...]]:
    return item.id, item.kind, item.channels
