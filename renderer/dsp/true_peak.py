"""True peaks: of the waveform between the samples too, which a converter plays (ITU-R BS.1770, annex 2).

A windowed sinc interpolates three samples between two at 48 kHz and one at 96 kHz, so that peaks are looked for at
about 192 kHz, as the standard asks. The interpolation is flat within 0.2 dB up to 0.4 of the sample rate.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.simd.arithmetic import fused, largest, largest_of, magnitude, pick, spread
from stemfield.renderer.simd.load_store import load
from stemfield.renderer.simd.vectors import FLOATS

TAPS: Final = 12
_RATE_HZ: Final = 160_000
"""Minimum rate at which peaks are looked for."""
_MOST: Final = 4
_KAISER: Final = 3.5
ZERO = np.float32(0.0)


def interpolation(sample_rate_hz: float) -> Floats:
    """The filters of the samples between two, shape (samples, TAPS); each takes the oldest sample first."""
    factor = min(1 << max(int(np.ceil(np.log2(_RATE_HZ / sample_rate_hz))), 0), _MOST)
    between = np.arange(1, factor)[:, None] / factor
    distances = np.arange(TAPS) - (TAPS // 2 - 1) - between
    window = np.i0(_KAISER * np.sqrt(np.maximum(1.0 - (distances / (TAPS // 2)) ** 2, 0.0)))
    taps = np.sinc(distances) * window
    found: Floats = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


@njit(**INNER)
def true_peak(line: Floats, at: int, count: int, taps: Floats) -> np.float32:
    """The highest magnitude of line[at : at + count], and between them as far as they have arrived.

    Args:
        line: samples, TAPS - 1 older ones before `at`, and room for whole registers after the last.
        at: index of the first.
        count: number of samples.
        taps: the result of `interpolation`.
    """
    heard = spread(ZERO)
    for i in range(at - (TAPS - 1), at + count, FLOATS):
        heard = largest_of(magnitude(load(line, i)), heard)
    if largest(heard) == ZERO:  # most loudspeakers of a large room, most of the time
        return ZERO
    highest = spread(ZERO)
    for i in range(at, at + count, FLOATS):
        most = magnitude(load(line, i))
        for k in range(taps.shape[0]):
            y = spread(ZERO)
            for j in range(TAPS):
                y = fused(spread(taps[k, j]), load(line, i - (TAPS - 1) + j), y)
            most = largest_of(magnitude(y), most)
        highest = largest_of(pick(at + count - i, most, spread(ZERO)), highest)
    return largest(highest)
