"""Routing: which share of the power of each true stem goes to each estimate, as a whole and in three registers.

The spectra are divided into tiles of a few frames and bins, in which a separation changes little. In each tile, every
estimate is projected on all true stems together: the true stem i goes into estimate j with the gain a_ij that explains
both channels best, as in Vincent, Gribonval and Fevotte, "Performance measurement in blind audio source separation"
(IEEE TASLP 14, 2006), whose gains may vary in the same way. With the power p_i of the true stem in the tile,

    share of i in j = sum(p_i a_ij) / sum over all j(sum(p_i a_ij)), each summed over tiles,

where one j is the residual, the mixture less all estimates. It follows that

- true stems as estimates give the identity, also where stems overlap;
- a mask gives the share of the amplitude that it lets pass, averaged with the power of the stem: 1/2 for a half;
- the shares of a stem add up to 1, and those of the whole are those of the registers weighted by power.

A share is below 0 where an estimate holds a stem in reverse polarity. Where two stems are the same but for their level,
nothing can tell them apart, so the gains are drawn slightly towards g_j, the gain from the mixture to estimate j in the
tile: minimised is |e_j - sum(a_ij s_i)|^2 + `PULL` sum(p_i (a_ij - g_j)^2), which keeps the sums. On real songs, masks
with a known effect on each stem gave shares true to 0.02, and to 0.05 in a single register in which the harmonics of
stems coincide for long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EDGES_HZ = (250.0, 2000.0)
"""Edges of the registers; a bin on an edge belongs to the register above."""
WHOLE = "all"
REGISTERS = ("below 250 Hz", "250-2000 Hz", "above 2000 Hz")
RESIDUAL = "residual"
SILENT = 1e-6
"""Power relative to that of all stems in a register, below which a stem has no shares there: -60 dB."""
ABSENT = 0.1
"""Gain from the true stem to the mixture below which the stem has no shares."""
PULL = 0.01

_FRAMES, _BINS = 8, 4
"""Size of a tile: 186 ms and 86 Hz at 44.1 kHz. Twice or half as much in either direction changes shares by 0.01."""
_PIECE_TILES = 32
"""Tiles in time that are processed at once: 6 s."""
_N_FFT, _RATE_HZ = 2048, 44100

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """Where a true stem goes in a register."""

    power: float
    """Share of the stem's power that lies in the register, 0..1."""
    shares: Mapping[str, float]
    """Share of that power in each estimate; their sum is 1. NaN where the stem is silent or not in the mixture."""


Routing = Mapping[str, Mapping[str, Row]]
"""A row for every true stem, by register (`WHOLE`, then `REGISTERS`) and name of the stem."""


def routing(mixture: Audio, truth: Mapping[str, Audio], estimates: Mapping[str, Audio], sample_rate_hz: int) -> Routing:
    """Measure where the power of the true stems goes.

    The memory needed does not grow with the length, so signals may be mapped from files.

    Args:
        mixture: shape (2, n).
        truth: true stems, each of shape (2, n), by name. Stems that are only known together, such as `drums+bass`, are
            one row; what goes to either of them has gone right.
        estimates: estimated stems, each of shape (2, n), by name; `residual` is added.
        sample_rate_hz: sample rate of all signals.

    Raises:
        ValueError: signals of different shapes.
    """
    for kind, signals in (("truth", truth), ("estimates", estimates)):
        for name, sound in signals.items():
            if sound.shape != mixture.shape:
                raise ValueError(f"{kind}, {name}: expected shape {mixture.shape}, the mixture's, got {sound.shape}")
    n_fft = round(_N_FFT * 2.0 ** round(math.log2(sample_rate_hz / _RATE_HZ)))
    registers = np.searchsorted(EDGES_HZ, np.arange(n_fft // 2 + 1) * sample_rate_hz / n_fft, side="right")
    powers = np.zeros((len(REGISTERS), len(truth)))
    parts = np.zeros((len(REGISTERS), len(truth), len(estimates) + 1))
    for spectra in _spectra(mixture, [*truth.values()], [*estimates.values()], n_fft):
        for register in range(len(REGISTERS)):
            power, part = _projected(_tiles(spectra[..., registers == register]), len(truth))
            powers[register] += power
            parts[register] += part
    columns = (*estimates, RESIDUAL)
    whole = powers.sum(axis=0)
    every = ((WHOLE, whole, parts.sum(axis=0)), *zip(REGISTERS, powers, parts, strict=True))
    return {register: dict(_rows((*truth,), columns, whole, power, part)) for register, power, part in every}


def _rows(
    stems: Sequence[str],
    columns: Sequence[str],
    whole: NDArray[np.float64],
    power: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> Iterator[tuple[str, Row]]:
    """Rows of a register from the power of the stems, (stems,), and what goes where, (stems, columns)."""
    for index, stem in enumerate(stems):
        in_mixture = parts[index].sum()
        known = power[index] > SILENT * power.sum() and in_mixture > ABSENT * power[index]
        shares = parts[index] / in_mixture if known else np.full(len(columns), math.nan)
        own = power[index] / whole[index] if whole[index] > 0.0 else math.nan
        yield stem, Row(float(own), dict(zip(columns, map(float, shares), strict=True)))


def _spectra(
    mixture: Audio, truth: Sequence[Audio], estimates: Sequence[Audio], n_fft: int
) -> Iterator[NDArray[np.complex64]]:
    """Spectra of all stems, estimates and the residual, piece by piece; (signals, 2, frames, bins)."""
    hop = n_fft // 2
    window = (np.sin(np.pi * (np.arange(n_fft) + 0.5) / n_fft) ** 2).astype(np.float32)
    frames = mixture.shape[1] // hop + 1
    for first in range(0, frames, _PIECE_TILES * _FRAMES):
        count = min(_PIECE_TILES * _FRAMES, -(-(frames - first) // _FRAMES) * _FRAMES)
        start, stop = (first - 1) * hop, (first + count) * hop
        sound = np.zeros((len(truth) + len(estimates) + 1, 2, stop - start), np.float32)
        inside = slice(max(start, 0), min(stop, mixture.shape[1]))
        here = sound[..., inside.start - start : inside.stop - start]
        for row, signal in zip(here, (*truth, *estimates, mixture), strict=True):
            row[:] = signal[:, inside]
        here[-1] -= here[len(truth) : -1].sum(axis=0)
        framed = np.lib.stride_tricks.sliding_window_view(sound, n_fft, axis=-1)[..., ::hop, :]
        yield np.fft.rfft(framed * window).astype(np.complex64, copy=False)


def _tiles(spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Tiles of spectra, (signals, 2, frames, bins), as real vectors, (tiles, signals, values)."""
    signals, channels, frames, bins = spectra.shape
    padded = np.pad(spectra, ((0, 0), (0, 0), (0, 0), (0, -bins % _BINS)))
    split = padded.reshape(signals, channels, frames // _FRAMES, _FRAMES, -1, _BINS).transpose(2, 4, 0, 1, 3, 5)
    vectors = np.ascontiguousarray(split).reshape(-1, signals, channels * _FRAMES * _BINS)
    return vectors.view(np.float32)


def _projected(tiles: NDArray[np.float32], stems: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power of each true stem, (stems,), and its products with the gains to each estimate, (stems, estimates)."""
    products = (tiles[:, :stems] @ tiles.swapaxes(1, 2)).astype(np.float64)
    among, across = products[..., :stems], products[..., stems:]
    power = np.diagonal(among, axis1=1, axis2=2)
    size = np.sqrt(np.where(power > 0.0, power, 1.0))
    # stems that cancel each other leave no mixture to compare with
    total = among.sum(axis=(1, 2)) + 1e-4 * power.sum(axis=1)
    gains = across.sum(axis=1) / np.where(total > 0.0, total, 1.0)[:, None]
    unexplained = (across - among.sum(axis=2)[..., None] * gains[:, None]) / size[..., None]
    coherence = among / size[..., None] / size[:, None]
    coherence[:, range(stems), range(stems)] = 1.0 + PULL
    differences = np.linalg.solve(coherence, unexplained)
    parts = power[..., None] * gains[:, None] + size[..., None] * differences
    return power.sum(axis=0), parts.sum(axis=0)
