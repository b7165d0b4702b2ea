"""Meters: peak and power of a signal, block by block."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Doubles, Floats
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.simd.arithmetic import fused, largest, largest_of, magnitude, spread, total
from stemfield.renderer.simd.load_store import load_part
from stemfield.renderer.simd.vectors import FLOATS

ZERO = np.float32(0.0)


@njit(**INNER)
def measure(samples: Floats, length: int, peaks: Floats, powers: Doubles, index: int) -> np.float32:
    """Adds samples[:length] to a meter; returns their own peak.

    Args:
        samples: finite samples.
        length: frames.
        peaks: peak of each meter.
        powers: sum of squares of each meter.
        index: index of the meter.
    """
    highest, power = spread(ZERO), spread(ZERO)
    for i in range(0, length, FLOATS):
        x = load_part(samples, i, length - i)
        highest, power = largest_of(magnitude(x), highest), fused(x, x, power)
    peak = largest(highest)
    peaks[index] = max(peaks[index], peak)
    powers[index] += np.float64(total(power))
    return peak
