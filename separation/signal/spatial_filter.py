"""A recursive multichannel Wiener filter that separates stems by their position in the stereo image.

A mask scales both channels of a bin alike, so it cannot remove sound that comes from another position. This filter can:
it models a stem in each bin as a source with the power given by its mask and with the spatial covariance of the two
channels estimated so far (Duong, Vincent and Gribonval, "Under-determined reverberant audio source separation using a
full-rank spatial covariance model", 2010; here recursive and causal). If all stems have the same position, the filter
has no effect and the masks decide.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WIDTH: Final = np.float32(0.03)
"""Diffuse part added to every stem's covariance, so that no stem counts as perfectly localised."""
_TRUST: Final = np.float32(0.7)
"""Weight of the filter's output against the masks' output; more than this degrades wide stems."""
_TINY: Final = np.float32(1e-30)
_FAINT: Final = np.float32(1e-30)
_FAINT_CROSS: Final = np.complex64(1e-30 + 1e-30j)
"""Added and subtracted again, these flush denormals to 0: after minutes of silence the decayed state of a stem would
become denormal, which is slow."""
_ONE: Final = np.float32(1.0)


class SpatialFilter:
    """Spatial covariances of the stems of one stream, and the filter computed from them.

    Args:
        hop_s: duration of a hop in seconds.
        memory_s: time constant of the covariance estimates in seconds.
    """

    def __init__(self, hop_s: float, memory_s: float) -> None:
        self._keep = np.float32(math.exp(-hop_s / memory_s))
        self._memory_hops = math.ceil(2.0 * memory_s / hop_s)
        self.reset()

    def reset(self) -> None:
        """Clear the covariance estimates."""
        self._power: NDArray[np.float32] | float = 0.0
        self._cross: NDArray[np.complex64] | float = 0.0

    def apply_to_chunk(self, mixture: NDArray[np.complex64], estimates: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Filter all hops of a chunk: the places at its beginning are known from what follows.

        Args:
            mixture: shape (2, bins, hops).
            estimates: masked mixture for each stem, shape (stems, 2, bins, hops); they sum to the mixture.

        Returns:
            Stems, shape (stems, 2, bins, hops).
        """
        hops = mixture.shape[2]
        self.reset()
        for hop in reversed(range(min(hops, self._memory_hops))):
            self._updated(np.abs(mixture[..., hop]), estimates[..., hop], np.abs(estimates[..., hop]))
        return np.stack([self.apply(mixture[..., hop], estimates[..., hop]) for hop in range(hops)], axis=3)

    def apply(self, mixture: NDArray[np.complex64], estimates: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Update the covariances and filter one hop; the stems sum to the mixture.

        Args:
            mixture: shape (2, bins).
            estimates: masked mixture for each stem, shape (stems, 2, bins); they sum to the mixture.

        Returns:
            Stems, shape (stems, 2, bins).
        """
        mixture_size, estimate_size = np.abs(mixture), np.abs(estimates)
        power, cross = self._updated(mixture_size, estimates, estimate_size)
        # A stem's covariance: its share of the bin's power by its mask, times its spatial covariance.
        level = np.einsum("scb,cb->sb", estimate_size, mixture_size) + _TINY
        level /= level.sum(axis=0)
        left, right, both = level * (power[0] + _WIDTH), level * (power[1] + _WIDTH), level * cross
        a, d, b = left.sum(axis=0), right.sum(axis=0), both.sum(axis=0)
        trusted = _TRUST / (a * d - (b.real**2 + b.imag**2))
        x = (d * mixture[0] - b * mixture[1]) * trusted
        y = (a * mixture[1] - b.conj() * mixture[0]) * trusted
        stems = (_ONE - _TRUST) * estimates
        stems[:, 0] += left * x + both * y
        stems[:, 1] += both.conj() * x + right * y
        return stems

    def _updated(
        self, mixture_size: NDArray[np.float32], estimates: NDArray[np.complex64], estimate_size: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.complex64]]:
        """Normalised covariances including this hop: left and right power, (2, stems, bins), and cross power.

        Bins are weighted by the stem's mask: a bin that a stem dominates says more about its position.
        """
        weight = np.divide(estimate_size.sum(axis=1), np.maximum(mixture_size.sum(axis=0), _TINY))
        power = (estimate_size**2).swapaxes(0, 1) * weight
        cross = estimates[:, 0] * estimates[:, 1].conj() * weight
        power += self._keep * self._power
        cross += self._keep * self._cross
        power += _FAINT
        power -= _FAINT
        cross += _FAINT_CROSS
        cross -= _FAINT_CROSS
        self._power, self._cross = power, cross
        whole = np.divide(_ONE, np.maximum(power.sum(axis=0), _TINY))
        return power * whole, cross * whole
