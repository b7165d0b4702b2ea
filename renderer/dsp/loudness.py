"""Integrated loudness by ITU-R BS.1770, block by block; its memory does not grow with the blocks.

>>> import numpy as np
>>> meter = LoudnessMeter(48_000, [1.0])
>>> meter.add(np.sin(2 * np.pi * 997 / 48_000 * np.arange(96_000))[None])
>>> round(meter.integrated_lkfs, 1)  # the standard says -3.01 for a full-scale sine of 997 Hz in one front channel
-3.0
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.gating import STEP_S, ProgrammeLoudness
from stemfield.renderer.dsp.weighting import k_weighting

Floats = NDArray[np.float64]

_AT_THE_SIDES = 10.0**0.15


class LoudnessMeter:
    """Meter of integrated loudness, with a weight of each channel's power."""

    def __init__(self, sample_rate_hz: int, weights: Sequence[float]) -> None:
        self._sections = k_weighting(sample_rate_hz)
        self._weights = np.array(weights, np.float64)
        self._states = np.zeros((2, len(weights), 2))
        self._step_frames = max(round(STEP_S * sample_rate_hz), 1)
        self._rest = np.zeros(0)
        self._programme = ProgrammeLoudness()

    def add(self, block: NDArray[np.float32] | Floats) -> None:
        """Measure the next frames, shape (channels, n)."""
        from scipy.signal import sosfilt  # takes 0.3 s, which a start does not need

        heard, self._states = sosfilt(self._sections, block.astype(np.float64), axis=1, zi=self._states)
        powers = np.concatenate([self._rest, self._weights @ heard**2])
        whole = len(powers) // self._step_frames * self._step_frames
        self._programme.add(powers[:whole].reshape(-1, self._step_frames).mean(axis=1))
        self._rest = powers[whole:]

    @property
    def integrated_lkfs(self) -> float:
        """Loudness of everything measured; -inf for silence and for less than 0.4 s."""
        return self._programme.integrated_lufs


def channel_weights(layout: Layout) -> list[float]:
    """Weight of each loudspeaker's power: more at the sides, none for LFE channels."""
    return [
        0.0
        if speaker.lfe
        else _AT_THE_SIDES
        if abs(speaker.elevation_deg) < 30.0 and 60.0 <= abs(speaker.azimuth_deg) <= 120.0
        else 1.0
        for speaker in layout.speakers
    ]
