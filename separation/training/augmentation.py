"""Augmentation of stems and mixtures on the training device: reverb, compression, fades, noise, equalisers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.training.dataset import STEMS, Random
from stemfield.separation.training.spectrum import STFT


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Probabilities and deviations of the augmentation. Four values are for vocals, bass, drums and other."""

    same_song: float = 0.5
    """All stems from the same position of one song."""
    partial: float = 0.35
    """A recording with only some separate stems, mixed with the stems that it lacks, if there are such recordings."""
    absent: tuple[float, float, float, float] = (0.1, 0.09, 0.1, 0.05)
    vocals_only: float = 0.04
    level_db: tuple[float, float, float, float] = (4.5, 2.5, -2.0, 0.5)
    """Mean levels of the stems, about those of released recordings."""
    spread_db: float = 3.5
    """Standard deviation of the levels."""
    doubled: tuple[float, float, float, float] = (0.08, 0.0, 0.08, 0.2)
    """The same stem of a second song added."""
    speed: float = 0.5
    """Stem played up to a tenth faster or slower."""
    equalised: float = 0.5
    reverberant: float = 0.25
    """Reverb added to the vocals."""
    compressed: float = 0.4
    """Compressor on the mixture."""
    mono: float = 0.06
    faded: float = 0.12
    """Everything fades in or out, or is suddenly louder or quieter: the host follows the level within seconds."""
    noisy: float = 0.12
    """Noise of tape, needle or microphone, which belongs to `other` and stays when the music fades."""
    low_passed: float = 0.12
    """No high frequencies, as after a lossy codec."""


def augment_waveforms(stems: Tensor, random: Random, config: Augmentation, groups: Tensor) -> Tensor:
    """Reverb on vocals, compression, mono, noise, fades and overall level; (batch, 4, 2, frames).

    Args:
        stems: the waveforms, changed in place.
        random: source of all random choices.
        config: probabilities.
        groups: stems in each of the waveforms, (batch, 4, 4): see `batches.Batch`.
    """
    size = len(stems)
    reverberant = np.flatnonzero(random.random(size) < config.reverberant)
    if len(reverberant):
        stems[reverberant, 0] += _reverb(stems[reverberant, 0], random)
    compressed = np.flatnonzero(random.random(size) < config.compressed)
    if len(compressed):
        stems[compressed] *= _compressor_gain(stems[compressed].sum(1), random)[:, None, None]
    mono = np.flatnonzero(random.random(size) < config.mono)
    if len(mono):
        stems[mono] = stems[mono].mean(2, keepdim=True).expand(-1, -1, 2, -1)
    noisy = np.flatnonzero(random.random(size) < config.noisy)
    noise = _noise(stems[noisy].sum(1), random) if len(noisy) else None
    faded = np.flatnonzero(random.random(size) < config.faded)
    if len(faded):
        stems[faded] *= _beside(stems, _fade(len(faded), stems.shape[-1], random))[:, None, None]
    if noise is not None:
        stems[noisy, groups[noisy, :, STEMS.index("other")].argmax(1)] += noise
    gain = _beside(stems, 10.0 ** (random.normal(0.0, 4.0, size) / 20.0))
    return stems * gain[:, None, None, None]


def _noise(mixtures: Tensor, random: Random) -> Tensor:
    """Noise for mixtures (n, 2, frames), 40 to 75 dB below them, partly the same in both channels."""
    number = len(mixtures)
    chance = torch.Generator(mixtures.device).manual_seed(int(random.integers(1 << 40)))
    noise = torch.randn(*mixtures.shape, device=mixtures.device, generator=chance)
    alike = _beside(mixtures, random.uniform(0.0, 1.0, (number, 1, 1)))
    noise = alike * noise[:, :1] + (1.0 - alike) * noise
    level = _beside(mixtures, 10.0 ** (random.uniform(-75.0, -40.0, (number, 1, 1)) / 20.0))
    wanted = level * mixtures.square().mean((1, 2), keepdim=True).sqrt()
    return noise * (wanted / noise.square().mean((1, 2), keepdim=True).sqrt())


def _fade(number: int, frames: int, random: Random) -> NDArray[np.float64]:
    """Gains (number, frames): a fade of 10 to 50 dB over up to the whole example, or within 50 ms, out or in."""
    time = np.linspace(0.0, 1.0, frames)
    lasts = np.where(random.random(number) < 0.3, 0.05 * RATE_HZ / frames, random.uniform(0.3, 1.0, number))
    begins = random.uniform(0.0, 1.0, number) * np.maximum(1.0 - lasts, 0.3)
    done = np.clip((time - begins[:, None]) / lasts[:, None], 0.0, 1.0)
    done = np.where(random.random((number, 1)) < 0.5, done, 1.0 - done)
    gains: NDArray[np.float64] = 10.0 ** (-random.uniform(10.0, 50.0, (number, 1)) * done / 20.0)
    return gains


def _reverb(voices: Tensor, random: Random) -> Tensor:
    """Reverb of voices (n, 2, frames): decaying noise after a pre-delay."""
    number, _, frames = voices.shape
    time = torch.arange(int(1.5 * RATE_HZ), device=voices.device) / RATE_HZ
    fall_s = _beside(voices, random.uniform(0.03, 0.3, number))
    wet = _beside(voices, random.uniform(0.03, 0.35, number))
    chance = torch.Generator(voices.device).manual_seed(int(random.integers(1 << 40)))
    noise = torch.randn(number, 2, len(time), device=voices.device, generator=chance)
    response = noise * torch.exp(-time / fall_s[:, None, None])
    response[..., : int(random.uniform(0.0, 0.03) * RATE_HZ)] = 0.0
    response *= (wet / response.square().sum((1, 2)).sqrt())[:, None, None]
    length = 1 << (frames + len(time) - 1).bit_length()
    spectrum = torch.fft.rfft(voices.sum(1, keepdim=True), length)
    return torch.fft.irfft(spectrum * torch.fft.rfft(response, length), length)[..., :frames]


def _compressor_gain(mixtures: Tensor, random: Random) -> Tensor:
    """Compressor gain, (n, frames), for mixtures (n, 2, frames)."""
    number, frames = len(mixtures), mixtures.shape[-1]
    block = 512
    power = torch.nn.functional.avg_pool1d(mixtures.square().mean(1, keepdim=True), block, block, ceil_mode=True)
    power = torch.nn.functional.avg_pool1d(power, 9, 1, 4, count_include_pad=False)
    above_db = 10.0 * torch.log10(power / power.mean(-1, keepdim=True).clamp_min(1e-12) + 1e-6)
    above_db -= _beside(mixtures, random.uniform(-10.0, 2.0, number))[:, None, None]
    slope = _beside(mixtures, 1.0 - 1.0 / random.uniform(1.5, 5.0, number))
    gain_db = -slope[:, None, None] * above_db.clamp_min(0.0)
    smooth = torch.nn.functional.interpolate(gain_db, size=frames, mode="linear")
    return torch.pow(10.0, smooth[:, 0] / 20.0)


def augment_spectra(spectra: Tensor, random: Random, config: Augmentation) -> Tensor:
    """Equalise stems, and low-pass mixtures."""
    size = len(spectra)
    octave = torch.log2(torch.arange(STFT.bins, device=spectra.device).clamp_min(1) * (RATE_HZ / STFT.n_fft))

    def drawn(low: float, high: float) -> Tensor:
        return _beside(spectra, random.uniform(low, high, (size, len(STEMS), 1)))

    gain_db = drawn(-1.2, 1.2) * (octave - 10.0)
    for _ in range(2):
        bell = (octave - drawn(6.0, 14.0)) / drawn(0.3, 1.5)
        gain_db = gain_db + drawn(-5.0, 5.0) * torch.exp(-0.5 * bell**2)
    gain_db = gain_db.clamp(-12.0, 12.0) * (drawn(0.0, 1.0) < config.equalised)
    limit = np.where(random.random(size) < config.low_passed, random.uniform(13.2, 14.1, size), 20.0)
    slope = _beside(spectra, limit)[:, None, None] - octave
    gain_db = gain_db + (200.0 * slope).clamp(-60.0, 0.0)
    return spectra * torch.pow(10.0, gain_db / 20.0)[:, :, None, None, :]


def _beside(tensor: Tensor, values: NDArray[np.float64]) -> Tensor:
    """Values as float32 on the device of a tensor."""
    return torch.tensor(values, dtype=torch.float32, device=tensor.device)
