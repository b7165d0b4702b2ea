"""Music as the network hears it: the transform of the streaming separator, its bins in units, and features of these."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from stemfield.separation.cards.card_schema import Stft
from stemfield.separation.signal.transform import windows

STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")
BINS = 1025
UNITS = 512
"""What the network sees and decides on: 256 single bins, 128 pairs, 128 groups of four (the last also has bin 1024)."""
FEATURES = 4
LOUD = 32768.0
"""Spectra are scaled by this, so that the guards of logarithms and ratios are of order one: an optimiser of graphs may
take a guard of 1e-9 for nothing."""


def spectra_of(sound: Tensor) -> Tensor:
    """(..., frames) to the transform of the streaming separator, (..., hops, 1025)."""
    analysis, _ = _windows(str(sound.device))
    return torch.fft.rfft(sound.unfold(-1, STFT.n_fft, STFT.hop) * analysis)


def sound_of(spectra: Tensor) -> Tensor:
    """(..., hops, 1025) to (..., (hops + 1) * 512): the last hop and the first are not complete."""
    _, synthesis = _windows(str(spectra.device))
    tails = torch.fft.irfft(spectra)[..., -STFT.synthesis_tail :] * synthesis
    early, late = tails[..., : STFT.hop], tails[..., STFT.hop :]
    pad = torch.zeros_like(early[..., :1, :])
    return (torch.cat([early, pad], -2) + torch.cat([pad, late], -2)).flatten(-2)


@functools.cache
def _windows(device: str) -> tuple[Tensor, Tensor]:
    analysis, synthesis = windows(STFT)
    scale = 2.0 / analysis.sum()
    return (torch.tensor(scale * analysis, dtype=torch.float32, device=device),
            torch.tensor(synthesis / scale, dtype=torch.float32, device=device))  # fmt: skip


def pooled(bins: Tensor) -> Tensor:
    """Sums over the bins of each unit: (..., 1025) to (..., 512)."""
    pairs = bins[..., 256:512].unflatten(-1, (128, 2)).sum(-1)
    fours = bins[..., 512:1024].unflatten(-1, (128, 4)).sum(-1)
    top = fours[..., -1:] + bins[..., 1024:]
    return torch.cat([bins[..., :256], pairs, fours[..., :-1], top], -1)


def spread(units: Tensor) -> Tensor:
    """Each unit's value for all its bins: (..., 512) to (..., 1025)."""
    pairs = units[..., 256:384].repeat_interleave(2, -1)
    fours = units[..., 384:].repeat_interleave(4, -1)
    return torch.cat([units[..., :256], pairs, fours, units[..., -1:]], -1)


def features(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> Tensor:
    """What the network hears of a mixture.

    Args:
        left: real and imaginary part, (..., 1025), of spectra in which a sine of amplitude 1 reads 1.
        right: the same.

    Returns:
        (..., 512, 4): level of the middle and of the sides, balance, and likeness of left and right.
    """
    (a, b), (c, d) = ((LOUD * real, LOUD * imaginary) for real, imaginary in (left, right))
    middle, side = ((a + c) ** 2 + (b + d) ** 2) / 4, ((a - c) ** 2 + (b - d) ** 2) / 4
    power_left, power_right, middle, side = pooled(torch.stack([a**2 + b**2, c**2 + d**2, middle, side])).unbind(0)
    return torch.stack(
        [
            0.6 * torch.log10(middle + 1.0) - 2.4,
            0.6 * torch.log10(side + 1.0) - 1.8,
            (power_left - power_right) / (power_left + power_right + 1.0),
            (middle - side) / (middle + side + 1.0),
        ],
        -1,
    )
