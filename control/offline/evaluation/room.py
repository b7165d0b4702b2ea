"""How well stems do in a room: each loudspeaker's feed against the feed that the true stems would have given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stemfield.control.offline.evaluation.songs import Song
from stemfield.control.offline.render import feeds_of
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers.file import BLOCK_FRAMES
from stemfield.renderer.scene.scene import Scene
from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.evaluation.evaluate import sdr

SILENT_DB = -60.0
"""A loudspeaker that is so far below the loudest is not judged."""

Sound = NDArray[np.float32]


class RoomJudge:
    """Renders stems for a room and compares the feeds.

    Args:
        song: with its true stems; stems that are known together only stand together, where the first of them stands.
        layout: of the loudspeakers.
        scene: where the instruments stand.
    """

    def __init__(self, song: Song, layout: Layout, scene: Scene) -> None:
        self._song, self._layout, self._scene = song, layout, scene
        self._joined = tuple(tuple(STEMS.index(part) for part in name.split("+")) for name in song.stems)
        truth = np.zeros((len(STEMS), *song.mixture.shape), np.float32)
        for (first, *_), sound in zip(self._joined, song.stems.values(), strict=True):
            truth[first] = sound
        self._truth = self._feeds(truth)
        powers = np.square(self._truth.astype(np.float64)).sum(axis=1)
        self._heard = powers > powers.max(initial=0.0) * 10.0 ** (SILENT_DB / 10.0)

    def score(self, stems: Sound) -> Mapping[str, float]:
        """SDR in dB of every loudspeaker that sounds, by its label.

        Args:
            stems: found, in the order of `STEMS`, shape (4, 2, n).
        """
        together = stems.copy()
        for first, *others in self._joined:
            for other in others:
                together[first] += together[other]
                together[other] = 0.0
        feeds = self._feeds(together)
        every = zip(self._layout.labels, self._truth, feeds, self._heard, strict=True)
        return {label: sdr(true, found) for label, true, found, heard in every if heard}

    def _feeds(self, stems: Sound) -> Sound:
        mixture, rate_hz = self._song.mixture, self._song.sample_rate_hz
        blocks = (mixture[:, at : at + BLOCK_FRAMES] for at in range(0, mixture.shape[1], BLOCK_FRAMES))
        return np.concatenate([*feeds_of(blocks, rate_hz, self._layout, self._scene, _Known(stems))], axis=1)


class _Known:
    """Stems that need no separating, in a separator's place."""

    latency_frames = 0

    def __init__(self, stems: Sound) -> None:
        self._left = stems

    def feed(self, mixture: Sound) -> Sound:
        """As many frames as come in; silence after the end."""
        given, self._left = self._left[..., : mixture.shape[1]], self._left[..., mixture.shape[1] :]
        missing = mixture.shape[1] - given.shape[2]
        return np.pad(given, ((0, 0), (0, 0), (0, missing)))
