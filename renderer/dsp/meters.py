"""Meters: the peak and the power of a signal, gathered block by block."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.kinds import Doubles, Floats
from stemfield.renderer.native import NATIVE

# A meter may add up in any order: nobody sees its last bit.
METERING = NATIVE | {"fastmath": {"nnan", "nsz", "reassoc", "contract"}}


@njit(**METERING)
def measure(samples: Floats, length: int, peaks: Floats, powers: Doubles, index: int) -> np.float32:
    """Takes samples[:length] into account; returns their own peak.

    Args:
        samples: finite.
        length: frames.
        peaks: one a meter.
        powers: sums of squares, one a meter.
        index: which meter.
    """
    highest = np.float32(0.0)
    power = np.float32(0.0)
    for i in range(length):
        highest = max(highest, abs(samples[i]))
        power += samples[i] * samples[i]
    peaks[index] = max(peaks[index], highest)
    powers[index] += np.float64(power)
    return highest
