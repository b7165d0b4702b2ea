"""The streaming transform of a mask separator: fine in frequency, short in latency.

Analysis sees `n_fft` samples under an asymmetric window: a slow square-root Hann rise, and a square-root Hann fall
over the last `hop`. Synthesis covers only the last two hops, and its window is such that both together are a Hann
window, whose hops add up to one (Mauler and Martin, "A low delay, variable resolution, perfect reconstruction spectral
analysis-synthesis system for speech enhancement", EUSIPCO 2007). So the latency is two hops and not `n_fft`.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import Stft


def windows(stft: Stft) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The windows, before scaling.

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
    """Hops of the mixture in, hops of the stems out, one hop later.

    Args:
        stft: sizes and scale.
        sources: number of stems.
    """

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
        """Forgets what was heard."""
        self._newest.fill(0.0)
        self._pending.fill(0.0)

    def analyse(self, hop: NDArray[np.float32]) -> NDArray[np.complex64]:
        """The spectrum of the newest `n_fft` samples.

        Args:
            hop: the samples that follow, shape (2, hop).

        Returns:
            Shape (2, bins), valid until the next call.
        """
        self._newest[:, : -self._hop] = self._newest[:, self._hop :]
        self._newest[:, -self._hop :] = hop
        np.multiply(self._newest, self._analysis, out=self._windowed)
        np.fft.rfft(self._windowed, out=cast("Any", self._spectrum))  # older stubs of NumPy know double only
        return self._spectrum

    def synthesise(self, spectra: NDArray[np.complex64], out: NDArray[np.float32]) -> None:
        """The samples of the hop before the newest one, which this call completes.

        Args:
            spectra: shape (sources, 2, bins).
            out: receives the samples, shape (sources, 2, hop).
        """
        np.fft.irfft(spectra, out=cast("Any", self._frames))
        tail = self._frames[..., -2 * self._hop :]
        tail *= self._synthesis
        np.add(self._pending, tail[..., : self._hop], out=out)
        self._pending[:] = tail[..., self._hop :]
