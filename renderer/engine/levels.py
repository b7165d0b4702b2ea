"""Levels to display, from the engine's meters: peaks with a slow decay, mean levels, and gain reduction.

They do not depend on how often they are read: a peak shows at once and falls by 20 dB in 1.7 s, as in digital peak
meters (IEC 60268-18). The root mean square is that of the last 0.3 s, as in VU meters (IEC 60268-17).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine.engine import Meters
from stemfield.renderer.engine.memory import METER_PERIOD_S
from stemfield.renderer.scene.scene import SILENCE_DB

FALL_DB_PER_S: Final = 20.0 / 1.7
MEAN_S: Final = 0.3
HIGHEST_DB: Final = 80.0

SETTLE_S: Final = 3.0
"""Time constant of the mean powers."""
PERIOD_S: Final = 0.1
MOST_DB: Final = 20.0
_SILENT: Final = 1e-9
"""Mean power, -90 dB re full scale, below which there is no result."""

Decibels = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Levels:
    """Levels in dB re full scale, -120 and more, to a tenth."""

    mixture: Decibels = (SILENCE_DB,) * 4
    """Peak and root mean square of the left channel, then of the right one."""
    monitor: Decibels = (SILENCE_DB,) * 4
    """The same of the ears of the binaural monitor."""
    objects: Mapping[int, Decibels] = field(default_factory=dict)
    """By id: peak and root mean square of the louder channel, after the equaliser, before its level."""
    speakers: Mapping[str, Decibels] = field(default_factory=dict)
    """By label: peak, root mean square, and gain reduction of its limiter, 0 and more."""

    @property
    def is_silent(self) -> bool:
        """Whether no meter shows anything."""
        peaks = chain(self.mixture[::2], (level[0] for level in chain(self.objects.values(), self.speakers.values())))
        return max(peaks) <= SILENCE_DB


SILENT: Final = Levels()


def shown_levels(meters: Meters, objects: Sequence[int], rows: NDArray[np.intp], labels: Sequence[str]) -> Levels:
    """The levels of some meters, given the object id of each source of the scene and the engine row that plays it."""
    periods = len(meters.peaks)
    if not periods:
        return SILENT
    age_s = METER_PERIOD_S * np.arange(periods - 1, -1, -1)[:, None]
    fallen = 10 ** (-FALL_DB_PER_S / 20 * age_s)
    means = np.sqrt(meters.mean_squares[-round(MEAN_S / METER_PERIOD_S) :].mean(axis=0))
    both = np.stack([_db((meters.peaks * fallen).max(axis=0)), _db(means)], axis=1)
    # Gain reduction decays as peaks do.
    reductions = -_db(1.0 - ((1.0 - meters.limits) * fallen).max(axis=0)) + 0.0
    feeds = both[len(both) - len(reductions) :]
    heard: dict[int, Decibels] = {}
    for number, (peak, mean) in zip(objects, both[2 + rows].tolist(), strict=True):
        before = heard.get(number, (SILENCE_DB, SILENCE_DB))
        heard[number] = max(peak, before[0]), max(mean, before[1])
    played = np.column_stack([feeds, reductions]).tolist()
    return Levels(
        tuple(both[:2].ravel().tolist()),
        tuple(feeds[len(labels) :].ravel().tolist()) or SILENT.monitor,
        heard,
        {label: tuple(own) for label, own in zip(labels, played, strict=False)},
    )


class LoudnessMatch:
    """How much louder the loudspeakers are together than the mixture.

    Both are mean powers of the same seconds, so that changes in the music cancel.
    """

    def __init__(self) -> None:
        self._played = 0.0
        self._mixture = 0.0

    def add(self, levels: Levels, input_gain_db: float = 0.0) -> None:
        """Add present levels; to be called ten times a second while the scene plays.

        Args:
            levels: present levels.
            input_gain_db: gain of the mixture behind its meter.
        """
        share = PERIOD_S / SETTLE_S
        played = sum(_power(level[1]) for level in levels.speakers.values())
        mixture = _power(input_gain_db) * (_power(levels.mixture[1]) + _power(levels.mixture[3]))
        self._played += share * (played - self._played)
        self._mixture += share * (mixture - self._mixture)

    @property
    def gain_db(self) -> float:
        """Gain that makes the recording as loud, -20..20; 0 if one of them is silent."""
        if min(self._played, self._mixture) < _SILENT:
            return 0.0
        return min(max(10.0 * math.log10(self._played / self._mixture), -MOST_DB), MOST_DB)


def _db(gains: NDArray[np.floating]) -> NDArray[np.float64]:
    lowest, highest = 10 ** (SILENCE_DB / 20), 10 ** (HIGHEST_DB / 20)
    rounded: NDArray[np.float64] = np.round(20 * np.log10(np.clip(gains.astype(np.float64), lowest, highest)), 1)
    return rounded


def _power(level_db: float) -> float:
    return float(10.0 ** (level_db / 10.0))
