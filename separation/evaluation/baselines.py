"""Baselines and an upper bound for evaluation: separations without a model.

All take a mixture, shape (2, n), and return vocals, bass, drums and other, shape (4, 2, n), in the order of `STEMS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from stemfield.separation.cards.card_parts import ChunkStft
from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.signal.combine import ratio_masks
from stemfield.separation.signal.masks import ratio

STEMS = ("vocals", "bass", "drums", "other")
PIECE_S = 20.0
BASS_HZ = 180.0
MEDIAN_LENGTH = 17
"""Length of the median filters in frames and bins: 0.2 s and 180 Hz at 44.1 kHz."""

_SPECTRA = ChunkStft(n_fft=4096, hop=1024)
_ORACLE = ChunkStft(n_fft=2048, hop=512)

Masks = Callable[[NDArray[np.complex64], slice], NDArray[np.float32]]


def untouched(mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mixture itself as each stem."""
    return np.repeat(mixture[None], len(STEMS), axis=0)


def no_learning(mixture: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Classical signal processing: percussive sound is drums, low frequencies are bass, the centre is vocals.

    Harmonic/percussive separation: Fitzgerald, "Harmonic/percussive separation using median filtering" (DAFx 2010).
    Centre extraction by inter-channel similarity: Avendano and Jot, "A frequency-domain approach to multichannel upmix"
    (JAES 52, 2004).
    """
    low = np.arange(_SPECTRA.all_bins)[:, None] * sample_rate_hz / _SPECTRA.n_fft < BASS_HZ

    def masks(spectra: NDArray[np.complex64], _where: slice) -> NDArray[np.float32]:
        left, right = spectra
        size = np.abs(left) + np.abs(right)
        harmonic = median_filter(size, (1, MEDIAN_LENGTH)) ** 2
        percussive = median_filter(size, (MEDIAN_LENGTH, 1)) ** 2
        tonal = ratio(harmonic, harmonic + percussive)
        energy = np.abs(left) ** 2 + np.abs(right) ** 2
        middle = np.clip(ratio(2.0 * (left * right.conj()).real, energy), 0.0, 1.0) ** 4
        bass = tonal * low
        vocals = tonal * ~low * middle
        drums = 1.0 - tonal
        found = np.stack([vocals, bass, drums, 1.0 - vocals - bass - drums])
        return np.repeat(found[:, None], 2, axis=1).astype(np.float32)

    return _masked(mixture, sample_rate_hz, _SPECTRA, masks)


def oracle(mixture: NDArray[np.float32], truth: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Ideal ratio masks of energies, close to the upper bound for real masks of this resolution.

    Args:
        mixture: shape (2, n).
        truth: the true stems, shape (4, 2, n).
        sample_rate_hz: sample rate of both.
    """

    def masks(_spectra: NDArray[np.complex64], where: slice) -> NDArray[np.float32]:
        sound = truth[..., where]
        return ratio_masks(np.abs(ChunkTransform(_ORACLE, sound.shape[-1]).analyse(sound)), 2.0)

    return _masked(mixture, sample_rate_hz, _ORACLE, masks)


def _masked(mixture: NDArray[np.float32], sample_rate_hz: int, stft: ChunkStft, masks: Masks) -> NDArray[np.float32]:
    """Apply masks to the mixture, piece by piece; a last piece too short for the STFT is silent."""
    stems = np.zeros((len(STEMS), *mixture.shape), np.float32)
    piece = round(PIECE_S * sample_rate_hz)
    for at in range(0, mixture.shape[1], piece):
        where = slice(at, min(at + piece, mixture.shape[1]))
        if where.stop - where.start > stft.n_fft:
            transform = ChunkTransform(stft, where.stop - where.start)
            spectra = transform.analyse(mixture[:, where])
            stems[..., where] = transform.synthesise(masks(spectra, where) * spectra)
    return stems
