"""How much separated instruments have in common: a slow meter, run by the writer of the stems.

A separator leaves a little of every instrument in the others. From one place, that adds up by amplitude, as in the
recording; from several it does not, and the room is softer. The loss depends on the music: none for a voice alone, up
to 2 dB for a dense mix. It is measured here; `scene.loudness` says how much of it a scene loses.

The meter takes every frame once and in order, and its result does not depend on the division into blocks: a file is as
loud as the same music live.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stemfield.renderer.dsp.weighting import k_weighting
from stemfield.renderer.native.arrays import Doubles, Floats
from stemfield.renderer.native.operations import EXACT

KINDS: Final = 2
"""Kinds of leakage: alike in both sides, and opposite in them."""
ASSUMED: Final = (0.18, 0.1)
"""Shares before any music: about the average of four recordings with the default model."""
LEAST, MOST = -0.2, 0.6
"""Bounds of a share: no music reaches them, and they keep the gain below 3.5 dB."""
MEMORY_S: Final = 10.0
ASSUMED_S: Final = 2.0
"""Weight of the assumed shares, as a duration of music."""
SMOOTHING_S: Final = 1.0
"""Time constant of the shares: a loud entry after soft music changes the measurement at once."""
FORGET_S: Final = 1.0
"""Silence after which the next piece begins as if it were the first."""
_SILENT: Final = 1e-18
_CROSS, _TOTAL, _HEARD, _SHOWN, _BEGIN, _SILENCE = 0, 2, 3, 4, 6, 8


class LeakageMeter:
    """Measures how much what instruments have in common makes them louder together than the sum of their powers.

    Both shares, of what is alike in both sides and of what is opposite, are relative to that sum; `begin` has the
    initial ones.
    """

    def __init__(self, sample_rate_hz: float, stems: int, begin: tuple[float, float] = ASSUMED) -> None:
        self._sections = k_weighting(sample_rate_hz)
        self._delays = np.zeros((2 * stems, len(self._sections), 2))
        self._sums = np.zeros(9)
        self._sums[_SHOWN:_BEGIN] = self._sums[_BEGIN:_SILENCE] = begin
        self._sums[_SILENCE] = FORGET_S if begin == ASSUMED else 0.0
        kept = (math.exp(-1.0 / (seconds * sample_rate_hz)) for seconds in (MEMORY_S, SMOOTHING_S))
        self._rates = np.array([1.0 / sample_rate_hz, *kept])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered: silence leaves the shares at the assumed ones."""
        return bool(self._sums[_SILENCE] >= FORGET_S)

    def measure(self, stems: NDArray[np.float32]) -> Floats:
        """Measures the next frames.

        Args:
            stems: shape (2 stems, n), left and right in turn.

        Returns:
            The shares after each of them, alike and opposite, shape (KINDS, n).
        """
        shares = np.zeros((KINDS, stems.shape[1]), np.float32)
        _measure(np.ascontiguousarray(stems), self._sections, self._delays, self._sums, self._rates, shares)
        return shares


@njit(**EXACT)
def _measure(stems: Floats, sections: Doubles, delays: Doubles, sums: Doubles, rates: Doubles, shares: Floats) -> None:
    second, kept, smooth = rates[0], rates[1], rates[2]
    weighted = np.zeros(2)
    for i in range(stems.shape[1]):
        alike = opposite = powers_alike = powers_opposite = 0.0
        sounds = False
        for row in range(0, stems.shape[0], 2):
            for side in range(2):
                x = np.float64(stems[row + side, i])
                sounds |= x != 0.0
                for k in range(sections.shape[0]):
                    section, delay = sections[k], delays[row + side, k]
                    y = section[0] * x + delay[0]
                    delay[0] = section[1] * x - section[4] * y + delay[1]
                    delay[1] = section[2] * x - section[5] * y
                    x = y
                weighted[side] = x
            both, difference = weighted[0] + weighted[1], weighted[0] - weighted[1]
            alike += both
            opposite += difference
            powers_alike += both * both
            powers_opposite += difference * difference
        sums[_SILENCE] = 0.0 if sounds else sums[_SILENCE] + second
        if sums[_SILENCE] >= FORGET_S:
            delays[:] = 0.0
            sums[:_SHOWN] = 0.0
            for kind in range(2):
                sums[_SHOWN + kind] = sums[_BEGIN + kind] = ASSUMED[kind]
                shares[kind, i] = np.float32(ASSUMED[kind])
            continue
        sums[_CROSS] = kept * sums[_CROSS] + (alike * alike - powers_alike)
        sums[_CROSS + 1] = kept * sums[_CROSS + 1] + (opposite * opposite - powers_opposite)
        sums[_TOTAL] = kept * sums[_TOTAL] + (powers_alike + powers_opposite)
        sums[_HEARD] = kept * sums[_HEARD] + (second if sounds else 0.0)
        for kind in range(2):
            measured = sums[_CROSS + kind] / sums[_TOTAL] if sums[_TOTAL] > _SILENT else 0.0
            heard = sums[_HEARD] if sums[_TOTAL] > _SILENT else 0.0
            share = (measured * heard + sums[_BEGIN + kind] * ASSUMED_S) / (heard + ASSUMED_S)
            share = min(max(share, LEAST), MOST)
            sums[_SHOWN + kind] = smooth * sums[_SHOWN + kind] + (1.0 - smooth) * share
            shares[kind, i] = np.float32(sums[_SHOWN + kind])
