"""Scores of the stems of a song."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.evaluation.evaluate import csdr, sdr, si_sdr

REMIX_GAINS_DB = (-np.inf, -12.0, -6.0, 6.0, 12.0)
SILENT_DB = -60.0
"""Level below the mixture at which a second of a stem counts as silent."""

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StemScore:
    """Scores of a stem in dB; NaN where they are not defined."""

    csdr_db: float
    """Median over seconds in which the stem is not silent."""
    si_sdr_db: float
    si_sdr_improvement_db: float
    """Improvement over the mixture as the estimate."""
    sdr_improvement_db: float
    """Improvement of the SDR of the whole song over the mixture as the estimate."""
    leakage_db: float
    """Energy of the estimate relative to the mixture in seconds in which the stem is silent."""
    remix_sdr_db: tuple[float, ...]
    """SDR of the remix with only this stem scaled by each of `REMIX_GAINS_DB`."""


@dataclass(frozen=True, slots=True)
class SongScore:
    """Scores of a song."""

    stems: Mapping[str, StemScore]
    sum_null_db: float
    """Peak difference between the sum of stems and residual and the mixture, relative to the mixture's peak."""
    residual_db: float
    """Energy of the residual relative to the mixture."""


def score(mixture: Audio, truth: Mapping[str, Audio], estimates: Mapping[str, Audio], sample_rate_hz: int) -> SongScore:
    """Score a separation.

    Args:
        mixture: shape (2, n).
        truth: true stems, each of shape (2, n), by name; `drums+bass` is the sum of two. Estimated stems that occur in
            none of the names count as silent.
        estimates: estimated stems, each of shape (2, n).
        sample_rate_hz: sample rate of all signals.
    """
    known = {part for name in truth for part in name.split("+")}
    silent = {name: np.zeros_like(mixture) for name in estimates if name not in known}
    stems = {}
    for name, true in {**truth, **silent}.items():
        found = sum((estimates[part] for part in name.split("+") if part in estimates), np.zeros_like(mixture))
        stems[name] = _stem_score(mixture, true, found, sample_rate_hz)
    residual = mixture - sum(estimates.values(), np.zeros_like(mixture))
    whole = sum(estimates.values(), np.zeros_like(mixture)) + residual
    peak = float(np.abs(mixture).max(initial=0.0))
    null = float(np.abs(whole - mixture).max(initial=0.0))
    return SongScore(stems, _db(null**2, peak**2), _db(_energy(residual), _energy(mixture)))


def _stem_score(mixture: Audio, true: Audio, found: Audio, sample_rate_hz: int) -> StemScore:
    similar = si_sdr(true, found)
    remixes = []
    for gain_db in REMIX_GAINS_DB:
        change = 10.0 ** (gain_db / 20.0) - 1.0
        remixes.append(sdr(mixture + change * true, mixture + change * found) if true.any() else float("nan"))
    return StemScore(
        csdr(true, found, sample_rate_hz),
        similar,
        similar - si_sdr(true, mixture),
        sdr(true, found) - sdr(true, mixture),
        _leakage_db(mixture, true, found, sample_rate_hz),
        tuple(remixes),
    )


def _leakage_db(mixture: Audio, true: Audio, found: Audio, sample_rate_hz: int) -> float:
    leaked = sounding = 0.0
    for at in range(0, mixture.shape[1] - sample_rate_hz + 1, sample_rate_hz):
        second = slice(at, at + sample_rate_hz)
        energy = _energy(mixture[:, second])
        if energy > 0.0 and _energy(true[:, second]) < energy * 10.0 ** (SILENT_DB / 10.0):
            leaked += _energy(found[:, second])
            sounding += energy
    return _db(leaked, sounding)


def _energy(sound: Audio) -> float:
    return float(np.vdot(sound.astype(np.float64), sound))


def _db(part: float, whole: float) -> float:
    if whole == 0.0:
        return float("nan")
    return 10.0 * float(np.log10(part / whole)) if part > 0.0 else float("-inf")
