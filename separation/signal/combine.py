"""Stems from estimated magnitudes and the mixture's phase.

`wiener` is the multichannel Wiener filter of Duong, Vincent and Gribonval, "Under-determined reverberant audio source
separation using a full-rank spatial covariance model" (IEEE TASLP 18, 2010), with its parameters estimated by
expectation-maximisation as in Nugraha, Liutkus and Vincent, "Multichannel audio source separation with deep neural
networks" (IEEE/ACM TASLP 24, 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.signal.masks import ratio

_LOADING = 1e-7
"""Diagonal loading of a covariance, relative to its trace, that makes it invertible."""
_TINY = 1e-30


def with_phase(magnitudes: NDArray[np.float32], mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Spectra with these magnitudes and the mixture's phases.

    Args:
        magnitudes: shape (sources, 2, bins, frames).
        mixture: shape (2, bins, frames).
    """
    size = np.abs(mixture)
    phase = np.divide(mixture, size, out=np.zeros_like(mixture), where=size > 0)
    spectra: NDArray[np.complex64] = np.multiply(phase, magnitudes)
    return spectra


def ratio_masks(magnitudes: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    """Ratio masks: a source's magnitude to a power over the sum of all sources; 0 where all are silent.

    Args:
        magnitudes: shape (sources, 2, bins, frames), not negative.
        power: 1 for amplitudes, 2 for energies.
    """
    # Divided by the largest first: powers of tiny magnitudes would underflow.
    powers = ratio(magnitudes, magnitudes.max(axis=0)) ** np.float32(power)
    return ratio(powers, powers.sum(axis=0))


def wiener(magnitudes: NDArray[np.float32], mixture: NDArray[np.complex64], iterations: int) -> NDArray[np.complex64]:
    """Multichannel Wiener filter: spectra of sources that sum to the mixture, each with its own spatial covariance.

    Args:
        magnitudes: shape (sources, 2, bins, frames).
        mixture: shape (2, bins, frames).
        iterations: number of expectation-maximisation steps.
    """
    level = float(np.abs(mixture).max(initial=0.0))
    if level == 0.0:
        return np.zeros(magnitudes.shape, np.complex64)
    x = (mixture / level).astype(np.complex128)
    y = with_phase(magnitudes, mixture).astype(np.complex128) / level
    for _ in range(iterations):
        power = (np.abs(y) ** 2).mean(axis=1)  # (sources, bins, frames)
        outer = np.einsum("sift,sjft->sfij", y, y.conj())
        total = power.sum(axis=2)
        spatial = outer / np.maximum(total, _TINY)[..., None, None]  # (sources, bins, 2, 2)
        a = np.einsum("sft,sf->ft", power, spatial[..., 0, 0].real)
        d = np.einsum("sft,sf->ft", power, spatial[..., 1, 1].real)
        b = np.einsum("sft,sf->ft", power, spatial[..., 0, 1])
        loading = _LOADING * (a + d) + _TINY
        a, d = a + loading, d + loading
        determinant = a * d - np.abs(b) ** 2
        whitened = np.stack([d * x[0] - b * x[1], a * x[1] - b.conj() * x[0]]) / determinant
        y = np.einsum("sft,sfij,jft->sift", power, spatial, whitened)
    return (level * y).astype(np.complex64)
