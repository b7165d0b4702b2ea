"""Sample-rate conversion around a model: which rate to go to, and the way there and back.

A linear-phase filter in polyphase form, whose delay is taken out: what comes out is aligned with what went in, and an
output is known as soon as the inputs under its filter are, half the filter's length later. Converters that work in long
blocks are cheaper and would add tens of milliseconds.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import SampleRate

STOP_DB = 120.0
"""What lies beyond the band is lowered by so much, and the band's ripple is a millionth."""
EDGE = 0.1
"""The filter falls from this share below half the lower of both rates to as much above it."""


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


@lru_cache(maxsize=16)
def taps(ratio: Fraction) -> NDArray[np.float64]:
    """The filter at the numerator's multiple of the input rate: a windowed sinc, odd in length, symmetric.

    Kaiser, "Nonrecursive digital filter design using the I0-sinh window function" (IEEE ISCAS 1974).
    """
    most = max(ratio.numerator, ratio.denominator)
    half = ceil((STOP_DB - 7.95) / (2.285 * 2.0 * pi * EDGE / most) / 2.0)
    sinc = np.sinc(np.arange(-half, half + 1) / most)
    lowpass: NDArray[np.float64] = sinc * np.kaiser(2 * half + 1, 0.1102 * (STOP_DB - 8.7))
    lowpass *= ratio.numerator / lowpass.sum()
    return lowpass


def greatest_lag(ratio: Fraction) -> Fraction:
    """How many input frames a `Converter` can be behind: frames fed less what its output corresponds to."""
    return Fraction(len(taps(ratio)) // 2, ratio.numerator)


class Converter:
    """A stream of frames at another rate, aligned with the one that is fed.

    Output m is the sum over inputs i of taps[half + m * down - i * up]. Which taps meet which inputs repeats every `up`
    outputs: these phases are filters of their own, at the input rate.

    Args:
        ratio: output rate over input rate.
        channels: of both streams.
    """

    def __init__(self, ratio: Fraction, channels: int) -> None:
        self._up, self._down = ratio.numerator, ratio.denominator
        lowpass = taps(ratio).astype(np.float32)
        self._half = len(lowpass) // 2
        # newest input last, as correlation wants it
        self._phases = [np.ascontiguousarray(lowpass[phase :: self._up][::-1]) for phase in range(self._up)]
        self._past = max(map(len, self._phases))
        self._silence = np.zeros((channels, self._past), np.float32)
        self.reset()

    def reset(self) -> None:
        """Forgets what was fed."""
        self._held = self._silence
        self._fed = self._made = 0

    def missing(self, frames: int) -> int:
        """How many frames, at least one, must be fed until so many more are out."""
        last = (self._made + frames - 1) * self._down + self._half
        return max(last // self._up + 1 - self._fed, 1)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The frames, shape (channels, m), that become known with these, shape (channels, n)."""
        heard = np.concatenate([self._held, samples], axis=1)
        start = self._fed - self._held.shape[1]
        self._fed += samples.shape[1]
        known = max((self._fed * self._up - 1 - self._half) // self._down + 1, self._made)
        converted = np.empty((len(heard), known - self._made), np.float32)
        for first in range(self._made, min(self._made + self._up, known)):
            newest, phase = divmod(first * self._down + self._half, self._up)
            kernel = self._phases[phase]
            oldest = newest - len(kernel) + 1
            last = newest + (known - 1 - first) // self._up * self._down
            for row, out in zip(heard[:, oldest - start : last + 1 - start], converted, strict=True):
                out[first - self._made :: self._up] = np.correlate(row, kernel, "valid")[:: self._down]
        self._held = heard[:, -self._past :].copy()
        self._made = known
        return converted
