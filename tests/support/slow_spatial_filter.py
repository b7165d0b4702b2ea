"""The multichannel Wiener filter by its definition, one matrix at a time: the oracle for `signal.spatial_filter`."""

from __future__ import annotations

import numpy as np

WIDTH, TRUST = 0.03, 0.7


class SlowSpatialFilter:
    """`keep` is what is left of the past from hop to hop."""

    def __init__(self, keep: float) -> None:
        self.keep = keep
        self.past: np.ndarray | None = None

    def apply(self, mixture: np.ndarray, stems: np.ndarray) -> np.ndarray:
        """Mixture (2, bins) and stems (sources, 2, bins) to the stems as they are to be."""
        sources, _, bins = stems.shape
        if self.past is None:
            self.past = np.zeros((bins, sources, 2, 2), complex)
        found = np.zeros(stems.shape, complex)
        for k in range(bins):
            x = mixture[:, k]
            if not x.any():
                self.past[k] *= self.keep
                continue
            powers = []
            for s in range(sources):
                y = stems[s, :, k]
                share = np.abs(y).sum() / np.abs(x).sum()
                self.past[k, s] = self.keep * self.past[k, s] + share * np.outer(y, y.conj())
                place = self.past[k, s] / max(np.trace(self.past[k, s]).real, 1e-30)
                powers.append((np.abs(y) * np.abs(x)).sum() * (place + WIDTH * np.eye(2)))
            inverse = np.linalg.inv(np.sum(powers, axis=0))
            for s in range(sources):
                found[s, :, k] = TRUST * powers[s] @ inverse @ x + (1 - TRUST) * stems[s, :, k]
        return found
