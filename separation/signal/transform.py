"""The streaming STFT of mask models, with high frequency resolution and low latency.

The analysis window covers `n_fft` samples and is asymmetric: a slow square-root Hann rise and a square-root Hann fall
over the last `hop`. The synthesis window covers only the last two hops; the product of both is a Hann window with
constant overlap-add (Mauler and Martin, "A low delay, variable resolution, perfect reconstruction spectral
analysis-synthesis system for speech enhancement", EUSIPCO 2007). So the latency is two hops instead of `n_fft`.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import Stft


def windows(stft: Stft) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Analysis and synthesis window, before scaling.

    Returns:
        Analysis, shape (n_fft,), and synthesis, shape (2 * hop,), for the last samples of a frame.
    """
    rise_length = stft.n_fft - stft.hop
    rise = np.sin(0.5 * np.pi * (np.arange(rise_length) + 0.5) / rise_length)
    fall = np.cos(0.5 * np.pi * (np.arange(stft.hop) + 0.5) / stft.hop)
    analysis = np.concatenate([rise, fall])
    hann = np.sin(np.pi * (np.arange(2 * stft.hop) + 0.5) / (2 * stft.hop)) ** 2
    return analysis, hann / analysis[-2 * stft.hop :]


class Transform:
    """Analysis of the mixture and synthesis of a number of sources, hop by hop; synthesis is one hop behind."""

    def __init__(self, stft: Stft, sources: int) -> None:
        self._hop = stft.hop
        analysis, synthesis = windows(stft)
        scale = 2.0 / analysis.sum()
        self._analysis = (scale * analysis).astype(np.float32)
        self._synthesis = (synthesis / scale).astype(np.float32)
        self._newest = np.zeros((2, stft.n_fft), np.float32)
        self._windowed = np.zeros((2, stft.n_fft), np.float32)
        self._spectrum = np.zeros((2, stft.bins), np.complex64)
        self._frames = np.zeros((sources, 2, stft.n_fft), np.float32)
        self._pending = np.zeros((sources, 2, stft.hop), np.float32)

    def reset(self) -> None:
        """Clear the state."""
        self._newest.fill(0.0)
        self._pending.fill(0.0)

    def analyse(self, hop: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Spectrum of the newest `n_fft` samples.

        Args:
            hop: the next samples, shape (2, hop).

        Returns:
            Shape (2, bins), valid until the next call.
        """
        self._newest[:, : -self._hop] = self._newest[:, self._hop :]
        self._newest[:, -self._hop :] = hop
        np.multiply(self._newest, self._analysis, out=self._windowed)
        np.fft.rfft(self._windowed, out=cast("Any", self._spectrum))  # older NumPy stubs only have double
        return self._spectrum

    def synthesise(self, spectra: NDArray[np.complex64], out: NDArray[np.float32]) -> None:
        """Samples of the previous hop, which this call completes.

        Args:
            spectra: shape (sources, 2, bins).
            out: receives the samples, shape (sources, 2, hop).
        """
        np.fft.irfft(spectra, out=cast("Any", self._frames))
        tail = self._frames[..., -2 * self._hop :]
        tail *= self._synthesis
        np.add(self._pending, tail[..., : self._hop], out=out)
        self._pending[:] = tail[..., self._hop :]
