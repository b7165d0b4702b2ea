"""Loudness of a programme from the powers of its steps: ITU-R BS.1770-5, and EBU Tech 3341 and 3342.

What is integrated is counted in a histogram, so that neither memory nor work grows with the programme; only the gates
are quantised by it, to 0.01 LU.

>>> import numpy as np
>>> loudness = ProgrammeLoudness()
>>> loudness.add(np.full(400, 10 ** -2.2309))  # four seconds of -23 LUFS
>>> [round(value, 2) for value in (loudness.momentary_lufs, loudness.short_term_lufs, loudness.integrated_lufs)]
[-23.0, -23.0, -23.0]
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP_S: Final = 0.01
_HOP: Final = 10
"""Steps from one gating block to the next: these are 0.4 s long and overlap by three quarters."""
_MOMENTARY: Final = 40
_SHORT_TERM: Final = 300
_OFFSET_DB: Final = -0.691
_ABSOLUTE_LUFS: Final = -70.0
_INTEGRATED_GATE_LU: Final = -10.0
_RANGE_GATE_LU: Final = -20.0
_RANGE_QUANTILES: Final = (0.1, 0.95)
_BIN_LU: Final = 0.01
_BINS: Final = 9_000
"""Up to 20 LUFS; what is louder counts as in the last bin."""


class ProgrammeLoudness:
    """Momentary and short-term loudness; and of all since a restart integrated loudness, loudness range and maxima."""

    def __init__(self) -> None:
        self._past = np.zeros(_SHORT_TERM)
        self.restart()

    def restart(self) -> None:
        """Begin a new programme."""
        self._steps = 0
        self._blocks, self._ranges = _Histogram(), _Histogram()
        self._most_momentary = self._most_short_term = 0.0

    def add(self, powers: Floats) -> None:
        """Add the weighted mean powers of the next steps, any number."""
        for at in range(0, len(powers), _SHORT_TERM):
            self._add(powers[at : at + _SHORT_TERM])

    def _add(self, powers: Floats) -> None:
        count = len(powers)
        known = np.concatenate([self._past, powers])
        # Windows that end with each of the new steps, the oldest first; the sums are of few numbers, so exact enough.
        momentary = _means(known, _MOMENTARY)[-count:]
        short_term = _means(known, _SHORT_TERM)[-count:]
        self._past = known[-_SHORT_TERM:]
        ends = self._steps + 1 + np.arange(count)
        self._steps += count
        whole = ends % _HOP == 0
        self._blocks.add(momentary[whole & (ends >= _MOMENTARY)])
        self._ranges.add(short_term[whole & (ends >= _SHORT_TERM)])
        self._most_momentary = max(self._most_momentary, momentary[ends >= _MOMENTARY].max(initial=0.0))
        self._most_short_term = max(self._most_short_term, short_term[ends >= _SHORT_TERM].max(initial=0.0))

    @property
    def momentary_lufs(self) -> float:
        """Of the last 0.4 s; -inf for silence."""
        return lufs(self._past[-_MOMENTARY:].mean())

    @property
    def short_term_lufs(self) -> float:
        """Of the last 3 s; -inf for silence."""
        return lufs(self._past.mean())

    @property
    def max_momentary_lufs(self) -> float:
        """The highest momentary loudness of the programme; -inf before it is 0.4 s long."""
        return lufs(self._most_momentary)

    @property
    def max_short_term_lufs(self) -> float:
        """The highest short-term loudness of the programme; -inf before it is 3 s long."""
        return lufs(self._most_short_term)

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness of the whole programme; -inf for silence and for less than 0.4 s."""
        return lufs(self._blocks.above(_INTEGRATED_GATE_LU)[1])

    @property
    def range_lu(self) -> float:
        """Loudness range by EBU Tech 3342; 0 for less than 3 s."""
        counts, _ = self._ranges.above(_RANGE_GATE_LU)
        total = np.cumsum(counts)
        if not total[-1]:
            return 0.0
        low, high = (int(np.searchsorted(total, (total[-1] - 1) * q, "right")) for q in _RANGE_QUANTILES)
        return _BIN_LU * (high - low)


class _Histogram:
    """Powers above the absolute gate, by loudness: how many, and their sum, so that means are exact."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)
        self._sums = np.zeros(_BINS)

    def add(self, powers: Floats) -> None:
        levels = _loudness(powers)
        heard = levels > _ABSOLUTE_LUFS
        bins = np.minimum(((levels[heard] - _ABSOLUTE_LUFS) / _BIN_LU).astype(np.int64), _BINS - 1)
        np.add.at(self._counts, bins, 1)
        np.add.at(self._sums, bins, powers[heard])

    def above(self, gate_lu: float) -> tuple[NDArray[np.int64], float]:
        """How many powers each bin has above the gate relative to their mean, and the mean of those."""
        number = int(self._counts.sum())
        if not number:
            return self._counts, 0.0
        gate = (lufs(self._sums.sum() / number) + gate_lu - _ABSOLUTE_LUFS) / _BIN_LU
        first = max(math.ceil(gate - 0.5), 0)
        counts = np.where(np.arange(_BINS) >= first, self._counts, 0)
        return counts, float(self._sums[first:].sum() / counts.sum())


def lufs(power: float) -> float:
    """Loudness of a weighted mean power; -inf for none."""
    return _OFFSET_DB + 10.0 * math.log10(power) if power > 0.0 else -math.inf


def _loudness(powers: Floats) -> Floats:
    found: Floats = _OFFSET_DB + 10.0 * np.log10(np.maximum(powers, 1e-30))
    return found


def _means(powers: Floats, window: int) -> Floats:
    """Mean of every window."""
    found: Floats = np.lib.stride_tricks.sliding_window_view(powers, window).mean(axis=1)
    return found
