"""Mask rules: how much of each bin a stem keeps.

A rule processes one hop: the spectra of the mixture, of the model's estimates, and of the stems, which may already
differ from the estimates. A stem's mask in a bin is |estimate| / |mixture|. Whatever a rule removes stays in the
residual.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

SMOOTHING_HOPS = 20
"""Smoothing of the rule `surrey`: 232 ms at 44.1 kHz with hops of 512 samples."""


class Rule:
    """The rule `soft`, applied once per hop: keeps a stem's bins whose mask reaches the threshold, in each channel.

    A threshold of 0 changes nothing. Other rules are derived from this one.

    Attributes:
        memory_hops: number of silent hops after which the state is that of a new rule.
        threshold: 0..1.
    """

    memory_hops = 0

    def __init__(self) -> None:
        self.threshold = 0.0
        self.reset()

    def reset(self) -> None:
        """Clear the state, if the rule has any."""

    def apply(
        self, mixture: NDArray[np.complex64], estimates: NDArray[np.complex64], stems: NDArray[np.complex64]
    ) -> None:
        """Apply the rule to the stems.

        Args:
            mixture: shape (2, bins).
            estimates: shape (sources, 2, bins); may be the stems themselves.
            stems: shape (sources, 2, bins); changed in place.
        """
        if self.threshold > 0.0:
            stems[np.abs(estimates) < np.float32(self.threshold) * np.abs(mixture)] = 0.0


class SurreyRule(Rule):
    """Binary masks, as in the University of Surrey's web remixer.

    Masks are computed for both channels together and normalised to 0..1 over the frequencies of each hop. In each bin
    the stem with the largest mask gets the mixture's bin if its mask exceeds the threshold; otherwise no stem does. The
    binary masks are averaged over the latest 20 hops.
    """

    memory_hops = SMOOTHING_HOPS

    def reset(self) -> None:
        """Clear the mask history."""
        self._latest: NDArray[np.float32] | None = None
        self._at = 0

    def apply(
        self, mixture: NDArray[np.complex64], estimates: NDArray[np.complex64], stems: NDArray[np.complex64]
    ) -> None:
        """Multiply the mixture by each stem's averaged binary mask."""
        if self._latest is None:
            self._latest = np.zeros((SMOOTHING_HOPS, len(stems), mixture.shape[1]), np.float32)
        masks = ratio(np.abs(estimates).sum(axis=1), np.abs(mixture).sum(axis=0))
        lowest, highest = masks.min(axis=1, keepdims=True), masks.max(axis=1, keepdims=True)
        masks = ratio(masks - lowest, highest - lowest)
        winner = masks.argmax(axis=0)
        wins = np.take_along_axis(masks, winner[None], axis=0)[0] > self.threshold
        self._latest[self._at] = (winner == np.arange(len(stems))[:, None]) & wins
        self._at = (self._at + 1) % SMOOTHING_HOPS
        np.multiply(self._latest.mean(axis=0)[:, None], mixture, out=stems)


RULES: Mapping[str, type[Rule]] = {"soft": Rule, "surrey": SurreyRule}
"""Mask rules by name."""


def limit_sum(mixture: NDArray[np.complex64], stems: NDArray[np.complex64]) -> None:
    """Scale the stems down in bins where their magnitudes sum to more than the mixture's.

    So the residual never has the opposite polarity of the mixture.

    Args:
        mixture: shape (2, bins).
        stems: shape (sources, 2, bins); changed in place.
    """
    total, limit = np.abs(stems).sum(axis=0), np.abs(mixture)
    stems *= np.divide(limit, total, out=np.ones_like(limit), where=total > limit)


def ratio(part: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quotient, 0 where the denominator is 0; the arrays are broadcast."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    quotient: NDArray[np.float32] = np.divide(part, whole, out=np.zeros(shape, np.float32), where=whole > 0)
    return quotient
