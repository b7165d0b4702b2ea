"""Slow levelling: the gain that brings music to a target loudness, without changing its dynamics.

What counts is the gated loudness (ITU-R BS.1770) of the last minute in which there was music, and at once what is much
louder than that. Pauses do not count, nor passages far below that minute, unless they last two minutes, and during both
the gain stays. It follows slowly, and raises no peak above -1 dBTP.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.gating import STEP_S, lufs

RISE_DB_PER_S: Final = 0.25
FALL_DB_PER_S: Final = 1.0
LOWEST_DB: Final = -24.0
HIGHEST_DB: Final = 12.0
PEAK_DB: Final = -1.0
"""The gain raises no true peak above it."""
_SILENCE_LUFS: Final = -50.0
"""What is softer is a pause, perhaps with the noise of a record."""
_GATE: Final = 0.1
"""Power relative to the loudness of the last minute, 10 LU below."""
_SUDDEN_LU: Final = 6.0
"""What is louder than that above the last minute counts at once."""
_STEPS: Final = 10
_HOP_S: Final = _STEPS * STEP_S
_MOMENTARY: Final = 4
_SHORT_TERM: Final = 30
_LONG: Final = 600
"""Hops of a minute."""
_PATIENCE: Final = 1200
"""Hops after which a soft passage is the music."""


class Leveller:
    """Follows a programme.

    Attributes:
        target_lufs: loudness to reach, or None: the gain is 0 dB.
        gain_db: gain of what comes in now.
    """

    def __init__(self) -> None:
        self.target_lufs: float | None = None
        self.gain_db = 0.0
        self._rest = np.zeros((0, 2))
        self._recent: deque[float] = deque([0.0] * _SHORT_TERM, _SHORT_TERM)
        self._heard: deque[tuple[float, float]] = deque(maxlen=_LONG)
        """Power and peak of the blocks that count."""
        self._soft: deque[tuple[float, float]] = deque(maxlen=_PATIENCE)
        """Those of a soft passage."""
        self._gate = 0.0
        """Power below which a passage is soft."""

    def add(self, powers: NDArray[np.float64], peaks: NDArray[np.float32]) -> None:
        """Add the weighted mean powers and the true peaks of the next steps, of the programme without the gain."""
        steps = np.concatenate([self._rest, np.column_stack([powers, peaks])])
        whole = len(steps) // _STEPS * _STEPS
        self._rest = steps[whole:]
        for hop in steps[:whole].reshape(-1, _STEPS, 2):
            self._add_hop(float(hop[:, 0].mean()), float(hop[:, 1].max()))
        if self.target_lufs is None:
            self.gain_db = 0.0

    def _add_hop(self, power: float, peak: float) -> None:
        self._recent.append(power)
        recent = list(self._recent)
        block = sum(recent[-_MOMENTARY:]) / _MOMENTARY
        if lufs(block) <= _SILENCE_LUFS:
            return
        if block < self._gate:
            self._soft.append((block, peak))
            if len(self._soft) < _PATIENCE:
                return
            self._heard.extend(self._soft)
        else:
            self._heard.append((block, peak))
        self._soft.clear()
        blocks, peaks = np.array(self._heard).T
        gate = float(blocks.mean()) * _GATE
        mean = float(blocks[blocks > gate].mean())
        self._gate = mean * _GATE
        if self.target_lufs is None or len(self._heard) < _SHORT_TERM:
            return
        loudness_lufs = max(lufs(mean), lufs(sum(recent) / _SHORT_TERM) - _SUDDEN_LU)
        wanted_db = min(max(self.target_lufs - loudness_lufs, LOWEST_DB), HIGHEST_DB)
        if wanted_db > 0.0:
            wanted_db = min(wanted_db, max(PEAK_DB - 20.0 * math.log10(float(peaks.max())), 0.0))
        lowest_db, highest_db = self.gain_db - FALL_DB_PER_S * _HOP_S, self.gain_db + RISE_DB_PER_S * _HOP_S
        self.gain_db = min(max(wanted_db, lowest_db), highest_db)
