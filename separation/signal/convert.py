"""Sample-rate conversion around a model: the choice of the rate and the resampler.

The resampler is a linear-phase polyphase filter with its delay compensated: the output is aligned with the input and
available half a filter length later. Resamplers that work in long blocks are cheaper but add tens of milliseconds.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, pi

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import SampleRate

STOP_DB = 120.0
"""Stop-band attenuation; the pass-band ripple is a millionth."""
EDGE = 0.1
"""Half the transition band, relative to half the lower of both rates and centred on it."""


def model_ratio(sample_rate_hz: int, accepted: SampleRate) -> Fraction:
    """The simplest ratio of an accepted rate to this rate: 1 within the accepted range.

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
    """The filter at `numerator` times the input rate: a windowed sinc, symmetric, of odd length.

    Kaiser, "Nonrecursive digital filter design using the I0-sinh window function" (IEEE ISCAS 1974).
    """
    most = max(ratio.numerator, ratio.denominator)
    half = ceil((STOP_DB - 7.95) / (2.285 * 2.0 * pi * EDGE / most) / 2.0)
    sinc = np.sinc(np.arange(-half, half + 1) / most)
    lowpass: NDArray[np.float64] = sinc * np.kaiser(2 * half + 1, 0.1102 * (STOP_DB - 8.7))
    lowpass *= ratio.numerator / lowpass.sum()
    return lowpass


def max_delay(ratio: Fraction) -> Fraction:
    """Maximum delay of a `Converter` in input frames: frames fed minus frames that its output corresponds to."""
    return Fraction(len(taps(ratio)) // 2, ratio.numerator)


class Converter:
    """Streaming resampler with output aligned to its input.

    Output m is the sum over inputs i of taps[half + m * down - i * up]. The alignment of taps and inputs repeats every
    `up` outputs; each of these phases is a filter at the input rate.

    Args:
        ratio: output rate over input rate.
        channels: number of channels.
    """

    def __init__(self, ratio: Fraction, channels: int) -> None:
        self._up, self._down = ratio.numerator, ratio.denominator
        lowpass = taps(ratio).astype(np.float32)
        self._half = len(lowpass) // 2
        # reversed, because np.correlate is used
        self._phases = [np.ascontiguousarray(lowpass[phase :: self._up][::-1]) for phase in range(self._up)]
        self._past = max(map(len, self._phases))
        self._silence = np.zeros((channels, self._past), np.float32)
        self.reset()

    def reset(self) -> None:
        """Clear the state."""
        self._held = self._silence
        self._fed = self._made = 0

    def needed(self, frames: int) -> int:
        """Input frames, at least one, needed for this many further output frames."""
        last = (self._made + frames - 1) * self._down + self._half
        return max(last // self._up + 1 - self._fed, 1)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resample frames, shape (channels, n); returns the output that is complete by now, shape (channels, m)."""
        window = np.concatenate([self._held, samples], axis=1)
        start = self._fed - self._held.shape[1]
        self._fed += samples.shape[1]
        known = max((self._fed * self._up - 1 - self._half) // self._down + 1, self._made)
        converted = np.empty((len(window), known - self._made), np.float32)
        for first in range(self._made, min(self._made + self._up, known)):
            newest, phase = divmod(first * self._down + self._half, self._up)
            kernel = self._phases[phase]
            oldest = newest - len(kernel) + 1
            last = newest + (known - 1 - first) // self._up * self._down
            for row, out in zip(window[:, oldest - start : last + 1 - start], converted, strict=True):
                out[first - self._made :: self._up] = np.correlate(row, kernel, "valid")[:: self._down]
        self._held = window[:, -self._past :].copy()
        self._made = known
        return converted
