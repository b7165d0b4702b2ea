"""The STFT of chunk models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_parts import ChunkStft


def chunk_window(stft: ChunkStft) -> NDArray[np.float64]:
    """The window, before scaling, shape (n_fft,)."""
    if stft.window == "sine":
        return np.sin(np.pi * (np.arange(stft.n_fft) + 0.5) / stft.n_fft)
    return np.sin(np.pi * np.arange(stft.n_fft) / stft.n_fft) ** 2


class ChunkTransform:
    """Short-time Fourier transform of chunks of one length in samples."""

    def __init__(self, stft: ChunkStft, samples: int) -> None:
        self._n_fft, self._hop, self._samples = stft.n_fft, stft.hop, samples
        self._frames = stft.frames(samples)
        self._left = stft.n_fft // 2 - (stft.hop // 2 if stft.centre == "hop" else 0)
        self._length = (self._frames - 1) * stft.hop + stft.n_fft
        self._pad = "reflect" if stft.pad == "reflect" else "constant"
        window = chunk_window(stft)
        scale = {"none": 1.0, "sqrt_n_fft": np.sqrt(stft.n_fft), "amplitude": 0.5 * window.sum()}[stft.scale]
        self._analysis = (window / scale).astype(np.float32)
        self._synthesis = (window * scale).astype(np.float32)
        energy = self._overlapped(np.broadcast_to((window**2).astype(np.float32), (self._frames, stft.n_fft)))
        self._energy = np.maximum(energy, np.float32(1e-6))

    def analyse(self, sound: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Spectra, shape (..., bins, frames), of audio, shape (..., samples)."""
        right = self._length - self._left - self._samples
        edges = [(0, 0)] * (sound.ndim - 1) + [(self._left, max(right, 0))]
        padded = np.pad(sound, edges, mode=self._pad)[..., : self._length]  # type: ignore[call-overload]
        frames = np.lib.stride_tricks.sliding_window_view(padded, self._n_fft, axis=-1)[..., :: self._hop, :]
        spectra: NDArray[np.complex64] = np.fft.rfft(frames * self._analysis).astype(np.complex64, copy=False)
        return np.swapaxes(spectra, -1, -2)

    def synthesise(self, spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Audio, shape (..., samples), of spectra, shape (..., bins, frames)."""
        frames = np.fft.irfft(np.swapaxes(spectra, -1, -2), self._n_fft).astype(np.float32, copy=False)
        frames *= self._synthesis
        sound = self._overlapped(frames)
        sound /= self._energy
        return sound[..., self._left : self._left + self._samples]

    def _overlapped(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Overlap-add of frames, shape (..., frames, n_fft)."""
        sound = np.zeros((*frames.shape[:-2], max(self._length, self._left + self._samples)), np.float32)
        for index in range(self._frames):
            start = index * self._hop
            sound[..., start : start + self._n_fft] += frames[..., index, :]
        return sound
