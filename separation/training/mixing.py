"""What happens to stems on their way to a mixture, on the device that learns: rooms, a compressor, equalisers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.training.songs import STEMS, Random
from stemfield.separation.training.spectrum import STFT


@dataclass(frozen=True, slots=True)
class Remixing:
    """How songs become examples; likelihoods and deviations. Four values are of vocals, bass, drums and other."""

    together: float = 0.5
    """That the stems are of one song and one time."""
    partial: float = 0.35
    """That a record whose stems are not all apart is mixed with what it lacks, where there are such records."""
    absent: tuple[float, float, float, float] = (0.1, 0.09, 0.1, 0.05)
    alone: float = 0.04
    """That there is nothing but the voice."""
    level_db: tuple[float, float, float, float] = (4.5, 2.5, -2.0, 0.5)
    """So that the stems' shares of the mixture's energy are about those of records."""
    spread_db: float = 3.5
    doubled: tuple[float, float, float, float] = (0.08, 0.0, 0.08, 0.2)
    """That a second song's stem is mixed into the first's."""
    speed: float = 0.5
    """That a stem plays up to a tenth faster or slower."""
    equalised: float = 0.5
    roomy: float = 0.25
    """That the voice sounds in one more room."""
    squeezed: float = 0.4
    """That one compressor works on the whole mixture."""
    mono: float = 0.06
    dull: float = 0.12
    """That the treble is missing, as after a poor codec."""


def mixed(stems: Tensor, random: Random, how: Remixing) -> Tensor:
    """One more room, a compressor for all, mono, level; (batch, 4, 2, frames)."""
    size, device = len(stems), stems.device
    roomy = np.flatnonzero(random.random(size) < how.roomy)
    if len(roomy):
        stems[roomy, 0] += _room(stems[roomy, 0], random)
    squeezed = np.flatnonzero(random.random(size) < how.squeezed)
    if len(squeezed):
        stems[squeezed] *= _squeeze(stems[squeezed].sum(1), random)[:, None, None]
    mono = np.flatnonzero(random.random(size) < how.mono)
    if len(mono):
        stems[mono] = stems[mono].mean(2, keepdim=True).expand(-1, -1, 2, -1)
    gain = torch.tensor(10.0 ** (random.normal(0.0, 4.0, size) / 20.0), dtype=torch.float32, device=device)
    return stems * gain[:, None, None, None]


def _room(voices: Tensor, random: Random) -> Tensor:
    """The reverberation of (n, 2, frames): noise that dies away, after a pause."""
    number, _, frames = voices.shape
    time = torch.arange(int(1.5 * RATE_HZ), device=voices.device) / RATE_HZ
    fall_s = torch.tensor(random.uniform(0.03, 0.3, number), dtype=torch.float32, device=voices.device)
    wet = torch.tensor(random.uniform(0.03, 0.35, number), dtype=torch.float32, device=voices.device)
    chance = torch.Generator(voices.device).manual_seed(int(random.integers(1 << 40)))
    noise = torch.randn(number, 2, len(time), device=voices.device, generator=chance)
    response = noise * torch.exp(-time / fall_s[:, None, None])
    response[..., : int(random.uniform(0.0, 0.03) * RATE_HZ)] = 0.0
    response *= (wet / response.square().sum((1, 2)).sqrt())[:, None, None]
    length = 1 << (frames + len(time) - 1).bit_length()
    heard = torch.fft.rfft(voices.sum(1, keepdim=True), length)
    return torch.fft.irfft(heard * torch.fft.rfft(response, length), length)[..., :frames]


def _squeeze(mixtures: Tensor, random: Random) -> Tensor:
    """A compressor's gain, (n, frames), for mixtures (n, 2, frames)."""
    number, frames = len(mixtures), mixtures.shape[-1]
    block = 512
    power = torch.nn.functional.avg_pool1d(mixtures.square().mean(1, keepdim=True), block, block, ceil_mode=True)
    power = torch.nn.functional.avg_pool1d(power, 9, 1, 4, count_include_pad=False)
    above_db = 10.0 * torch.log10(power / power.mean(-1, keepdim=True).clamp_min(1e-12) + 1e-6)
    above_db -= torch.tensor(random.uniform(-10.0, 2.0, number), dtype=torch.float32, device=mixtures.device)[
        :, None, None
    ]
    slope = torch.tensor(1.0 - 1.0 / random.uniform(1.5, 5.0, number), dtype=torch.float32, device=mixtures.device)
    gain_db = -slope[:, None, None] * above_db.clamp_min(0.0)
    smooth = torch.nn.functional.interpolate(gain_db, size=frames, mode="linear")
    return torch.pow(10.0, smooth[:, 0] / 20.0)


def coloured(spectra: Tensor, random: Random, how: Remixing) -> Tensor:
    """Stems equalised, and mixtures without treble."""
    size, device = len(spectra), spectra.device
    octave = torch.log2(torch.arange(STFT.bins, device=device).clamp_min(1) * (RATE_HZ / STFT.n_fft))

    def drawn(low: float, high: float) -> Tensor:
        return torch.tensor(random.uniform(low, high, (size, len(STEMS), 1)), dtype=torch.float32, device=device)

    gain_db = drawn(-1.2, 1.2) * (octave - 10.0)
    for _ in range(2):
        bell = (octave - drawn(6.0, 14.0)) / drawn(0.3, 1.5)
        gain_db = gain_db + drawn(-5.0, 5.0) * torch.exp(-0.5 * bell**2)
    gain_db = gain_db.clamp(-12.0, 12.0) * (drawn(0.0, 1.0) < how.equalised)
    limit = np.where(random.random(size) < how.dull, random.uniform(13.2, 14.1, size), 20.0)
    slope = torch.tensor(limit, dtype=torch.float32, device=device)[:, None, None] - octave
    gain_db = gain_db + (200.0 * slope).clamp(-60.0, 0.0)
    return spectra * torch.pow(10.0, gain_db / 20.0)[:, :, None, None, :]
