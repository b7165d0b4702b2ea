"""Rules on the masks that a model estimates: what of a bin a stem may keep.

A rule sees one hop: the spectra of the mixture, of what the model claims for each stem, and of the stems as they are to
be, which may differ from the claims by then. A stem's mask estimate in a bin is |claim| / |mixture|. What a rule takes
away stays in what no stem gets, the residual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SMOOTHING_HOPS = 20
"""Of the rule `surrey`: 232 ms at 44.1 kHz and 512 samples a hop."""


class Rule(Protocol):
    """What the host of a model asks for once a hop."""

    threshold: float
    """0..1."""

    @property
    def memory_hops(self) -> int:
        """How many hops of silence make it forget what it heard."""

    def reset(self) -> None:
        """Forgets what it heard."""

    def apply(
        self, mixture: NDArray[np.complex64], claims: NDArray[np.complex64], stems: NDArray[np.complex64]
    ) -> None:
        """Changes the stems.

        Args:
            mixture: shape (2, bins).
            claims: shape (sources, 2, bins); may be the stems themselves.
            stems: shape (sources, 2, bins); changed in place.
        """


class Soft:
    """Keeps each stem where its mask estimate reaches the threshold; a threshold of 0 changes nothing."""

    memory_hops = 0

    def __init__(self) -> None:
        self.threshold = 0.0

    def reset(self) -> None:
        """It remembers nothing."""

    def apply(
        self, mixture: NDArray[np.complex64], claims: NDArray[np.complex64], stems: NDArray[np.complex64]
    ) -> None:
        """Takes the bins out of a stem, each channel by itself, in which it claims too little of the mixture."""
        reject_below(self.threshold, mixture, claims, stems)


class Surrey:
    """Winner takes all, as in the University of Surrey's web remixer.

    Masks of both channels together, brought to 0..1 over the frequencies of each hop. In each bin the largest wins if
    it exceeds the threshold, and gets the mixture's bin; otherwise nobody does. Shares are averaged over the latest
    20 hops.
    """

    memory_hops = SMOOTHING_HOPS

    def __init__(self) -> None:
        self.threshold = 0.0
        self._latest: NDArray[np.float32] | None = None
        self._at = 0

    def reset(self) -> None:
        """Forgets the latest hops."""
        self._latest = None
        self._at = 0

    def apply(
        self, mixture: NDArray[np.complex64], claims: NDArray[np.complex64], stems: NDArray[np.complex64]
    ) -> None:
        """Gives each stem the mixture's bins in the share of the latest hops in which it won them."""
        if self._latest is None:
            self._latest = np.zeros((SMOOTHING_HOPS, len(stems), mixture.shape[1]), np.float32)
        masks = _ratio(np.abs(claims).sum(axis=1), np.abs(mixture).sum(axis=0))
        lowest, highest = masks.min(axis=1, keepdims=True), masks.max(axis=1, keepdims=True)
        masks = _ratio(masks - lowest, highest - lowest)
        winner = masks.argmax(axis=0)
        wins = np.take_along_axis(masks, winner[None], axis=0)[0] > self.threshold
        self._latest[self._at] = (winner == np.arange(len(stems))[:, None]) & wins
        self._at = (self._at + 1) % SMOOTHING_HOPS
        np.multiply(self._latest.mean(axis=0)[:, None], mixture, out=stems)


RULES: Mapping[str, type[Soft] | type[Surrey]] = {"soft": Soft, "surrey": Surrey}
"""The rules by name."""


def reject_below(
    threshold: float, mixture: NDArray[np.complex64], claims: NDArray[np.complex64], stems: NDArray[np.complex64]
) -> None:
    """Takes the bins out of a stem in which it claims too little of the mixture.

    A stem's mask estimate in a bin of a channel is |claim| / |mixture|. Where it is below the threshold the stem gets
    nothing; the sound stays in what no stem gets. A threshold of 0 changes nothing.

    Args:
        threshold: 0..1.
        mixture: shape (2, bins).
        claims: shape (sources, 2, bins); may be the stems themselves.
        stems: shape (sources, 2, bins); changed in place.
    """
    if threshold > 0.0:
        stems[np.abs(claims) < np.float32(threshold) * np.abs(mixture)] = 0.0


def share_out(mixture: NDArray[np.complex64], stems: NDArray[np.complex64]) -> None:
    """Where stems claim more of a bin than there is, each gets its share of it.

    A stem claims |stem| of the mixture's |mixture|. Masks that are shared so leave nothing of the other polarity.

    Args:
        mixture: shape (2, bins).
        stems: shape (sources, 2, bins); changed in place.
    """
    claimed, whole = np.abs(stems).sum(axis=0), np.abs(mixture)
    stems *= np.divide(whole, claimed, out=np.ones_like(whole), where=claimed > whole)


def _ratio(part: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.float32]:
    """Their quotient, and 0 where the whole is 0."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    quotient: NDArray[np.float32] = np.divide(part, whole, out=np.zeros(shape, np.float32), where=whole > 0)
    return quotient
