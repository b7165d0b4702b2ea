"""Where each stem lies between left and right, learnt while it plays, tells stems apart that masks confuse.

A mask scales both channels of a bin and cannot take out what comes from elsewhere. A multichannel Wiener filter can: it
models a stem in each bin as a source of the power that the mask says and of the place, a covariance between the two
channels, that it had so far (Duong, Vincent and Gribonval, "Under-determined reverberant audio source separation using
a full-rank spatial covariance model", 2010; here recursive, without a look into the future). Where all stems lie in
the same place it does nothing: they get what their masks give them.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WIDTH: Final = np.float32(0.03)
"""The share of every stem that comes from anywhere: no stem is so narrow that it can be told apart for certain."""
_TRUST: Final = np.float32(0.7)
"""The share of the filter in the result, beside what the masks give: all of it costs stems that are spread out."""
_TINY: Final = np.float32(1e-30)
_FAINT: Final = np.float32(1e-30)
_FAINT_CROSS: Final = np.complex64(1e-30 + 1e-30j)
"""Added and taken away again, these round to multiples of a number that is not denormal: what is left of a stem after
minutes of silence would become so, and slow, and what is 0 stays 0."""
_ONE: Final = np.float32(1.0)


class Places:
    """The places of the stems of one stream of hops.

    Args:
        hop_s: seconds from one hop to the next.
        memory_s: seconds after which what was heard counts for 1/e.
    """

    def __init__(self, hop_s: float, memory_s: float) -> None:
        self._keep = np.float32(math.exp(-hop_s / memory_s))
        self.reset()

    def reset(self) -> None:
        """Forgets what was heard."""
        self._power: NDArray[np.float32] | float = 0.0
        self._cross: NDArray[np.complex64] | float = 0.0

    def filtered(self, mixture: NDArray[np.complex64], claims: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """The stems of a hop, which sum to the mixture.

        Args:
            mixture: shape (2, bins).
            claims: what masks give to the stems, shape (stems, 2, bins); they sum to the mixture.

        Returns:
            Shape (stems, 2, bins).
        """
        heard, claimed = np.abs(mixture), np.abs(claims)
        power, cross = self._learnt(heard, claims, claimed)
        # A stem's covariance: what its mask leaves it of the power of the bin, spread as its place says.
        level = np.einsum("scb,cb->sb", claimed, heard) + _TINY
        level /= level.sum(axis=0)
        left, right, both = level * (power[0] + _WIDTH), level * (power[1] + _WIDTH), level * cross
        a, d, b = left.sum(axis=0), right.sum(axis=0), both.sum(axis=0)
        trusted = _TRUST / (a * d - (b.real**2 + b.imag**2))
        x = (d * mixture[0] - b * mixture[1]) * trusted
        y = (a * mixture[1] - b.conj() * mixture[0]) * trusted
        stems = (_ONE - _TRUST) * claims
        stems[:, 0] += left * x + both * y
        stems[:, 1] += both.conj() * x + right * y
        return stems

    def _learnt(
        self, heard: NDArray[np.float32], claims: NDArray[np.complex64], claimed: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.complex64]]:
        """Places of the stems, this hop among them: shares of left and right, (2, stems, bins), and what both share.

        A bin that belongs to a stem alone says more of its place than one in which it is one of several.
        """
        mine = np.divide(claimed.sum(axis=1), np.maximum(heard.sum(axis=0), _TINY))
        power = (claimed**2).swapaxes(0, 1) * mine
        cross = claims[:, 0] * claims[:, 1].conj() * mine
        power += self._keep * self._power
        cross += self._keep * self._cross
        power += _FAINT
        power -= _FAINT
        cross += _FAINT_CROSS
        cross -= _FAINT_CROSS
        self._power, self._cross = power, cross
        whole = np.divide(_ONE, np.maximum(power.sum(axis=0), _TINY))
        return power * whole, cross * whole
