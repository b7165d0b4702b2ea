"""Linkwitz-Riley crossovers of fourth order, whose two bands sum to an allpass: a flat response.

Used twice. Bass management: loudspeakers leave what is below the crossover to subwoofers; undivided feeds go through
the same allpass, so that all loudspeakers keep the same phase. Dual-band panning: below 700 Hz the ear adds
amplitudes, above it powers, and the bass of a source is scaled so that its amplitudes add up.

S. P. Lipshitz and J. Vanderkooy: A family of linear-phase crossover networks of high slope derived by time delay, JAES
31, 1983 (for the allpass sum of Linkwitz-Riley networks). The designs follow from the actual sample rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.biquad import BUTTERWORTH_Q, cascade, sections
from stemfield.renderer.native.arrays import Doubles, Floats
from stemfield.renderer.native.operations import NATIVE

DUAL_BAND_HZ = 700.0


class Crossover(NamedTuple):
    """Filters of one crossover: low + high = allpass."""

    low: Doubles
    """Shape (2, 5)."""
    high: Doubles
    """Shape (2, 5)."""
    allpass: Doubles
    """Shape (1, 5)."""


def linkwitz_riley(frequency_hz: float, sample_rate_hz: float) -> Crossover:
    """A crossover of 24 dB an octave, both bands 6 dB down at its frequency."""
    low = EqBand("lowpass", frequency_hz, BUTTERWORTH_Q)
    high = EqBand("highpass", frequency_hz, BUTTERWORTH_Q)
    allpass = EqBand("allpass", frequency_hz, BUTTERWORTH_Q)
    return Crossover(*(sections(bands, sample_rate_hz) for bands in ((low, low), (high, high), (allpass,))))


@njit(**NATIVE)
def scale_bass(
    samples: Floats,
    length: int,
    low: Doubles,
    high: Doubles,
    states: Doubles,
    start: np.float32,
    goal: np.float32,
    done: int,
    total: int,
    work: Doubles,
) -> None:
    """Scales what is below the crossover, in place, by a gain that ramps from `start` to `goal`.

    Args:
        samples: one source.
        length: frames.
        low: shape (2, 5).
        high: shape (2, 5).
        states: shape (4, 2): of low, then of high.
        start: gain of the bass at the start of the ramp.
        goal: at its end.
        done: frames of the ramp that are over.
        total: frames of the ramp.
        work: shape (2, length or more).
    """
    below, above = work[0], work[1]
    for i in range(length):
        below[i] = samples[i]
        above[i] = samples[i]
    cascade(below, low, states, low.shape[0], length)
    cascade(above, high, states[low.shape[0] :], high.shape[0], length)
    slope = (goal - start) / np.float32(total)
    ramping = min(length, max(total - done, 0))
    for i in range(ramping):
        gain = start + slope * np.float32(done + i + 1)
        samples[i] = np.float32(above[i] + below[i] * np.float64(gain))
    for i in range(ramping, length):
        samples[i] = np.float32(above[i] + below[i] * np.float64(goal))
