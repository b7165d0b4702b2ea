"""Sample-rate conversion around a model: which rate to go to, and how late the way there and back is.

libsoxr (through `soxr`) filters in linear phase and removes its own delay, so what comes out is aligned with what went
in. It works in long blocks, though: its output comes late and in bursts. When it comes depends on the number of frames
fed alone and not on how they were cut, so the greatest lag can be measured once for each ratio, on zeros.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import numpy as np
import soxr
from numpy.typing import NDArray

from stemfield.separation.card_schema import SampleRate

_QUALITY = "HQ"
_TRIAL_FRAMES = 1 << 18
_TRIAL_STEP = 16


def model_ratio(sample_rate_hz: int, accepted: SampleRate) -> Fraction:
    """The simplest ratio of a rate in the accepted range to this one: 1 within the range, else small numbers.

    >>> rate = SampleRate(nominal_hz=44100, lowest_hz=44100, highest_hz=48000)
    >>> [str(model_ratio(hz, rate)) for hz in (48000, 88200, 96000, 192000, 32000, 8000)]
    ['1', '1/2', '1/2', '1/4', '3/2', '6']
    """
    lowest = Fraction(accepted.lowest_hz, sample_rate_hz)
    highest = Fraction(accepted.highest_hz, sample_rate_hz)
    denominator = 1
    while floor(highest * denominator) < ceil(lowest * denominator):
        denominator += 1
    return Fraction(ceil(lowest * denominator), denominator)


class Converter:
    """A stream of frames at another rate, aligned with the one that is fed.

    Args:
        ratio: output rate over input rate.
        channels: of both streams.
    """

    def __init__(self, ratio: Fraction, channels: int) -> None:
        self._stream = soxr.ResampleStream(
            ratio.denominator, ratio.numerator, channels, dtype="float32", quality=_QUALITY
        )

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames, shape (channels, m), that become known with these, shape (channels, n)."""
        converted: NDArray[np.float32] = self._stream.resample_chunk(np.ascontiguousarray(samples.T))
        return converted.T

    def reset(self) -> None:
        """Forgets what was fed."""
        self._stream.clear()


@lru_cache(maxsize=16)
def greatest_lag(ratio: Fraction) -> Fraction:
    """How many input frames a `Converter` can be behind: frames fed less what its output corresponds to."""
    converter = Converter(ratio, 1)
    step = np.zeros((1, _TRIAL_STEP), np.float32)
    made = 0
    lag = Fraction(0)
    for fed in range(_TRIAL_STEP, _TRIAL_FRAMES, _TRIAL_STEP):
        made += converter.feed(step).shape[1]
        lag = max(lag, fed + _TRIAL_STEP - 1 - made / ratio)
    return lag
