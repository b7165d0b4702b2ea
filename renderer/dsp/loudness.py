"""Integrated loudness by ITU-R BS.1770, of sound that comes in blocks: memory does not grow with its length.

>>> import numpy as np
>>> meter = LoudnessMeter(48_000, [1.0])
>>> meter.hear(np.sin(2 * np.pi * 997 / 48_000 * np.arange(96_000))[None])
>>> round(meter.integrated_lkfs, 1)  # the standard says -3.01 for a full-scale sine of 997 Hz in one front channel
-3.0
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from stemfield.renderer.scene.loudness import channel_weights

__all__ = ["LoudnessMeter", "channel_weights"]

Floats = NDArray[np.float64]

_STEP_S = 0.1
_STEPS = 4
"""A gating block has 0.4 s and overlaps the next by three quarters."""
_OFFSET_DB = -0.691
_ABSOLUTE_LKFS = -70.0
_RELATIVE_DB = -10.0


class LoudnessMeter:
    """How loud a piece is.

    Args:
        sample_rate_hz: of the sound.
        weights: of the power of each channel.
    """

    def __init__(self, sample_rate_hz: int, weights: Sequence[float]) -> None:
        self._sections = _weighting(sample_rate_hz)
        self._weights = np.array(weights, np.float64)
        self._states = np.zeros((2, len(weights), 2))
        self._step_frames = max(round(_STEP_S * sample_rate_hz), 1)
        self._rest = np.zeros(0)
        self._powers: list[float] = []

    def hear(self, block: NDArray[np.float32] | Floats) -> None:
        """The next frames, shape (channels, n)."""
        heard, self._states = sosfilt(self._sections, block.astype(np.float64), axis=1, zi=self._states)
        powers = np.concatenate([self._rest, self._weights @ heard**2])
        whole = len(powers) // self._step_frames * self._step_frames
        self._powers += powers[:whole].reshape(-1, self._step_frames).mean(axis=1).tolist()
        self._rest = powers[whole:]

    @property
    def integrated_lkfs(self) -> float:
        """The loudness of all that was heard; -inf for silence and for less than 0.4 s."""
        steps = np.array(self._powers)
        if len(steps) < _STEPS:
            return -math.inf
        blocks = np.convolve(steps, np.full(_STEPS, 1.0 / _STEPS), "valid")
        blocks = blocks[_lkfs(blocks) > _ABSOLUTE_LKFS]
        if not len(blocks):
            return -math.inf
        blocks = blocks[_lkfs(blocks) > _lkfs(blocks.mean()) + _RELATIVE_DB]
        return float(_lkfs(blocks.mean()))


def _lkfs(power: Floats | float) -> Floats:
    loudness: Floats = _OFFSET_DB + 10.0 * np.log10(np.maximum(power, 1e-30))
    return loudness


def _weighting(sample_rate_hz: int) -> Floats:
    """The two sections of the K weighting, whose coefficients the standard gives for 48 kHz, at any rate."""
    k = math.tan(math.pi * 1681.974450955533 / sample_rate_hz)
    q, high = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    middle, scale = high**0.4996667741545416, 1.0 + k / q + k * k
    shelf = [
        (high + middle * k / q + k * k) / scale,
        2.0 * (k * k - high) / scale,
        (high - middle * k / q + k * k) / scale,
        1.0,
        2.0 * (k * k - 1.0) / scale,
        (1.0 - k / q + k * k) / scale,
    ]
    k = math.tan(math.pi * 38.13547087602444 / sample_rate_hz)
    q = 0.5003270373238773
    scale = 1.0 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale]])
