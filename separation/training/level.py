"""Level of training examples: a mixture is brought to the level at which the host will run the model.

The same law as `signal.level.RunningGain`, for whole batches of spectra: the gain of a hop follows from the mean power
of the latest 1.5 s. Stems and mixture get the same gain, so what a mask should be does not change. A model
for files also knows what follows: its level is the mean of 1.5 s on both sides, measured by its graph.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.chunks.chunk_transform import chunk_window
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.signal.level import FLOOR_DB, ONSET, WINDOW_S
from stemfield.separation.signal.transform import windows
from stemfield.separation.training.spectrum import CHUNK_STFT, STFT

LEVEL_DB = -12.0
"""A card's `level_db`, about the level after augmentation. Vocals are 0.3 dB worse at -15, bass at -9."""
_RECENT_S = 0.15
"""Time within which an onset limits the gain; the host has 0.1 to 0.2 s."""


def at_level(stems: Tensor, *, two_sided: bool = False) -> Tensor:
    """Stems (batch, stems, channels, hops, 1025) with a gain for each hop that brings their sum to `LEVEL_DB`."""
    mixture = stems.sum(1)
    gains = two_sided_gains(mixture.real**2 + mixture.imag**2) if two_sided else level_gains(mixture)
    return stems * gains[:, None, None, :, None]


def level_gains(mixture: Tensor, target_db: float = LEVEL_DB) -> Tensor:
    """Linear gain of each hop that brings a mixture to a level.

    Args:
        mixture: complex spectra, (batch, channels, hops, 1025), from the beginning of a stream.
        target_db: RMS level in dB re full scale.

    Returns:
        Shape (batch, hops).
    """
    # Without the DC offset; by Parseval's theorem the sum over the bins is the mean square under the analysis window.
    power = _parseval() * (mixture[..., 1:].real ** 2 + mixture[..., 1:].imag ** 2).sum(-1).mean(1)
    hops_per_s = RATE_HZ / STFT.hop
    long, short = (_running_mean(power, round(seconds * hops_per_s)) for seconds in (WINDOW_S, _RECENT_S))
    level = torch.maximum(long, ONSET * short).clamp_min(10.0 ** (FLOOR_DB / 10.0))
    return (10.0 ** (target_db / 10.0) / level).sqrt()


def two_sided_gains(power: Tensor, target_db: float = LEVEL_DB) -> Tensor:
    """Linear gain of each hop that brings a mixture to a level, from the 1.5 s before and after it.

    Args:
        power: squared magnitudes of spectra with the symmetric window, (batch, channels, hops, 1025).
        target_db: RMS level in dB re full scale.

    Returns:
        Shape (batch, hops).
    """
    hops = round(WINDOW_S * RATE_HZ / STFT.hop)
    heard = power[..., 1:].sum(-1).mean(1)
    # digital silence, such as before the beginning of a recording, does not count
    both = torch.stack([heard, (heard > 0.0).to(heard.dtype)], 1)
    sums, counts = torch.nn.functional.avg_pool1d(both, 2 * hops + 1, 1, hops).unbind(1)
    level = (_symmetric_parseval() * sums / counts.clamp_min(1e-3)).clamp_min(10.0 ** (FLOOR_DB / 10.0))
    return (10.0 ** (target_db / 10.0) / level).sqrt()


def _running_mean(power: Tensor, hops: int) -> Tensor:
    """Mean over each hop and those before it, as many as given or as there are, (batch, hops)."""
    sums = torch.nn.functional.pad(power.double().cumsum(-1), (hops, 0))
    counts = torch.arange(1, power.shape[-1] + 1, device=power.device).clamp_max(hops)
    return ((sums[..., hops:] - sums[..., :-hops]) / counts).float()


@functools.cache
def _parseval() -> float:
    """Mean square of a signal over the sum of the squares of its bins, for spectra in which a sine of 1 is 1."""
    return _mean_square(windows(STFT)[0])


@functools.cache
def _symmetric_parseval() -> float:
    return _mean_square(chunk_window(CHUNK_STFT))


def _mean_square(window: NDArray[np.float64]) -> float:
    return float(window.sum() ** 2 / (2.0 * len(window) * (window**2).sum()))
