"""Scores stems in a room: each loudspeaker feed compared with the feed of the true stems."""

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
"""Level below the loudest loudspeaker at which a loudspeaker is not scored."""

Audio = NDArray[np.float32]


class RoomScorer:
    """Renders stems for a room and compares the feeds.

    Args:
        song: song with true stems; stems that are only known together are placed where the first of them is.
        layout: layout of the loudspeakers.
        scene: positions of the instruments.
    """

    def __init__(self, song: Song, layout: Layout, scene: Scene) -> None:
        self._song, self._layout, self._scene = song, layout, scene
        self._joined = tuple(tuple(STEMS.index(part) for part in name.split("+")) for name in song.stems)
        truth = np.zeros((len(STEMS), *song.mixture.shape), np.float32)
        for (first, *_), sound in zip(self._joined, song.stems.values(), strict=True):
            truth[first] = sound
        self._truth = self._feeds(truth)
        powers = np.square(self._truth.astype(np.float64)).sum(axis=1)
        self._audible = powers > powers.max(initial=0.0) * 10.0 ** (SILENT_DB / 10.0)

    def score(self, stems: Audio) -> Mapping[str, float]:
        """SDR in dB of every audible loudspeaker, by label.

        Args:
            stems: separated stems, in the order of `STEMS`, shape (4, 2, n).
        """
        together = stems.copy()
        for first, *others in self._joined:
            for other in others:
                together[first] += together[other]
                together[other] = 0.0
        feeds = self._feeds(together)
        every = zip(self._layout.labels, self._truth, feeds, self._audible, strict=True)
        return {label: sdr(true, found) for label, true, found, audible in every if audible}

    def _feeds(self, stems: Audio) -> Audio:
        mixture, rate_hz = self._song.mixture, self._song.sample_rate_hz
        blocks = (mixture[:, at : at + BLOCK_FRAMES] for at in range(0, mixture.shape[1], BLOCK_FRAMES))
        return np.concatenate([*feeds_of(blocks, rate_hz, self._layout, self._scene, _Known(stems))], axis=1)


class _Known:
    """Known stems in place of a separator."""

    latency_frames = 0

    def __init__(self, stems: Audio) -> None:
        self._left = stems

    def feed(self, mixture: Audio) -> Audio:
        """As many frames as are fed; silence after the end."""
        given, self._left = self._left[..., : mixture.shape[1]], self._left[..., mixture.shape[1] :]
        missing = mixture.shape[1] - given.shape[2]
        return np.pad(given, ((0, 0), (0, 0), (0, missing)))
