"""Input of the network: the STFT of the separator, pooling of its bins into units, and features of units.

A network for files does not stream, so its STFT has a symmetric window of the same length and hop.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from stemfield.separation.cards.card_parts import ChunkStft
from stemfield.separation.cards.card_schema import Stft
from stemfield.separation.chunks.chunk_transform import chunk_window
from stemfield.separation.signal.transform import windows

STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")
CHUNK_STFT = ChunkStft(n_fft=STFT.n_fft, hop=STFT.hop, window="sine", pad="zero", scale="amplitude")
BINS = 1025
UNITS = 512
"""Resolution of features and masks: 256 single bins, 128 pairs and 128 groups of four (the last also has bin 1024)."""
FEATURES = 4
SCALE = 32768.0
"""Scale of the spectra, which makes the epsilons in logarithms and ratios about 1: graph optimisers may remove an
epsilon of 1e-9."""


def stft(sound: Tensor, *, symmetric: bool = False) -> Tensor:
    """STFT of the streaming separator, or with a symmetric window, (..., frames) to (..., hops, 1025)."""
    analysis = _symmetric(str(sound.device)) if symmetric else _windows(str(sound.device))[0]
    return torch.fft.rfft(sound.unfold(-1, STFT.n_fft, STFT.hop) * analysis)


def istft(spectra: Tensor) -> Tensor:
    """Inverse STFT, (..., hops, 1025) to (..., (hops + 1) * 512); the first and the last hop are incomplete."""
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


@functools.cache
def _symmetric(device: str) -> Tensor:
    window = chunk_window(CHUNK_STFT)
    return torch.tensor(2.0 / window.sum() * window, dtype=torch.float32, device=device)


def pool(bins: Tensor) -> Tensor:
    """Sum the bins of each unit, (..., 1025) to (..., 512)."""
    pairs = bins[..., 256:512].unflatten(-1, (128, 2)).sum(-1)
    fours = bins[..., 512:1024].unflatten(-1, (128, 4)).sum(-1)
    top = fours[..., -1:] + bins[..., 1024:]
    return torch.cat([bins[..., :256], pairs, fours[..., :-1], top], -1)


def unpool(units: Tensor) -> Tensor:
    """Copy the value of each unit to all its bins, (..., 512) to (..., 1025)."""
    pairs = units[..., 256:384].repeat_interleave(2, -1)
    fours = units[..., 384:].repeat_interleave(4, -1)
    return torch.cat([units[..., :256], pairs, fours, units[..., -1:]], -1)


def features(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> Tensor:
    """Features of a mixture.

    Args:
        left: real and imaginary part, (..., 1025), of spectra in which a sine of amplitude 1 has magnitude 1.
        right: the same for the right channel.

    Returns:
        (..., 512, 4): mid level, side level, balance, and similarity of left and right.
    """
    (a, b), (c, d) = ((SCALE * real, SCALE * imaginary) for real, imaginary in (left, right))
    middle, side = ((a + c) ** 2 + (b + d) ** 2) / 4, ((a - c) ** 2 + (b - d) ** 2) / 4
    power_left, power_right, middle, side = pool(torch.stack([a**2 + b**2, c**2 + d**2, middle, side])).unbind(0)
    return torch.stack(
        [
            0.6 * torch.log10(middle + 1.0) - 2.4,
            0.6 * torch.log10(side + 1.0) - 1.8,
            (power_left - power_right) / (power_left + power_right + 1.0),
            (middle - side) / (middle + side + 1.0),
        ],
        -1,
    )
