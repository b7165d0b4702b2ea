"""Separation metrics: energy ratios between true stems and estimates, in dB.

Signals have any shape whose last axis is time; channels are evaluated together, and the mean is not removed. Higher is
better. The result is NaN for a silent reference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Signal to distortion ratio: 10 log10(|s|^2 / |s - e|^2).

    Args:
        reference: the true stem s.
        estimate: the separated stem e, same shape.
    """
    s, e = _pair(reference, estimate)
    return _ratio_db(_energy(s), _energy(s - e)) if s.any() else float("nan")


def si_sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Scale-invariant SDR of Le Roux et al., "SDR - half-baked or well done?" (ICASSP 2019), independent of polarity.

    The estimate's projection on the reference counts as signal, the rest as distortion; a silent estimate has -inf.

    Args:
        reference: the true stem.
        estimate: the separated stem, same shape, in any scale and polarity.
    """
    s, e = _pair(reference, estimate)
    if not s.any():
        return float("nan")
    projection = (np.vdot(s, e) / _energy(s)) * s
    return _ratio_db(_energy(projection), _energy(e - projection))


def csdr(reference: ArrayLike, estimate: ArrayLike, sample_rate_hz: int) -> float:
    """Median of `sdr` over frames of one second in which the reference is not silent.

    Args:
        reference: the true stem.
        estimate: the separated stem, same shape.
        sample_rate_hz: sample rate; an incomplete last second is ignored.
    """
    s, e = _pair(reference, estimate)
    starts = range(0, s.shape[-1] - sample_rate_hz + 1, sample_rate_hz)
    seconds = [slice(start, start + sample_rate_hz) for start in starts]
    ratios = [sdr(s[..., second], e[..., second]) for second in seconds if s[..., second].any()]
    return float(np.median(ratios)) if ratios else float("nan")


def _pair(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    s, e = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    if s.shape != e.shape:
        raise ValueError(f"estimate: expected shape {s.shape}, the reference's, got {e.shape}")
    return s, e


def _energy(signal: NDArray[np.float64]) -> float:
    return float(np.vdot(signal, signal))


def _ratio_db(signal: float, distortion: float) -> float:
    if signal == 0.0:
        return float("-inf")
    return float(10.0 * np.log10(signal / distortion)) if distortion > 0.0 else float("inf")
