"""Second-order filters: designs of the Audio EQ Cookbook, and the compiled cascade.

A section is five numbers, b0 b1 b2 a1 a2, normalised so that a0 is 1. The cascade is in transposed direct form II with
float64 state: at 20 Hz and 192 kHz a pole is 0.0005 from the unit circle, where float32 state would be heard.

Robert Bristow-Johnson: Audio EQ Cookbook, W3C Working Group Note, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from stemfield.layouts import EqBand
from stemfield.renderer.dsp.kinds import Doubles
from stemfield.renderer.native import NATIVE

HIGHEST = 0.49
"""Bands above this part of the sample rate are designed for it: the bilinear transform ends at the half."""
BUTTERWORTH_Q = math.sqrt(0.5)


def sections(bands: Sequence[EqBand], sample_rate_hz: float) -> Doubles:
    """The cascade of an equaliser.

    Returns:
        Shape (bands, 5).
    """
    return np.array([section(band, sample_rate_hz) for band in bands], np.float64).reshape(-1, 5)


def section(band: EqBand, sample_rate_hz: float) -> Doubles:
    """One band as b0 b1 b2 a1 a2, shape (5,).

    The bandpass has 0 dB at its centre. The gain matters to peaks and shelves only.

    >>> section(EqBand("peak", 1000.0, 1.0, 0.0), 48_000).round(3).tolist()
    [1.0, -1.861, 0.877, -1.861, 0.877]
    """
    w = 2 * math.pi * min(band.f_hz / sample_rate_hz, HIGHEST)
    cosine, alpha = math.cos(w), math.sin(w) / (2 * band.q)
    a = 10.0 ** (band.gain_db / 40.0)
    slope = 2 * math.sqrt(a) * alpha
    poles = (1 + alpha, -2 * cosine, 1 - alpha)
    match band.type:
        case "lowpass":
            b, p = ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2), poles
        case "highpass":
            b, p = ((1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2), poles
        case "bandpass":
            b, p = (alpha, 0.0, -alpha), poles
        case "bandstop":
            b, p = (1.0, -2 * cosine, 1.0), poles
        case "allpass":
            b, p = (1 - alpha, -2 * cosine, 1 + alpha), poles
        case "peak":
            b = (1 + alpha * a, -2 * cosine, 1 - alpha * a)
            p = (1 + alpha / a, -2 * cosine, 1 - alpha / a)
        case "lowshelf":
            more, less = (a + 1) - (a - 1) * cosine, (a - 1) - (a + 1) * cosine
            b = (a * (more + slope), 2 * a * less, a * (more - slope))
            more, less = (a + 1) + (a - 1) * cosine, (a - 1) + (a + 1) * cosine
            p = (more + slope, -2 * less, more - slope)
        case "highshelf":
            more, less = (a + 1) + (a - 1) * cosine, (a - 1) + (a + 1) * cosine
            b = (a * (more + slope), -2 * a * less, a * (more - slope))
            more, less = (a + 1) - (a - 1) * cosine, (a - 1) - (a + 1) * cosine
            p = (more + slope, 2 * less, more - slope)
    return np.array([*b, p[1], p[2]]) / p[0]


def butterworth4(kind: str, frequency_hz: float, sample_rate_hz: float) -> Doubles:
    """A `lowpass` or `highpass` of 24 dB an octave, 3 dB down at its corner; shape (2, 5)."""
    qs = [1 / (2 * math.cos(math.pi * k / 8)) for k in (1, 3)]
    bands = [EqBand("lowpass" if kind == "lowpass" else "highpass", frequency_hz, q) for q in qs]
    return sections(bands, sample_rate_hz)


@njit(**NATIVE)
def cascade(samples: Doubles, coefficients: Doubles, states: Doubles, count: int, length: int) -> None:
    """Filters samples[:length] in place.

    Args:
        samples: at least `length`.
        coefficients: shape (count or more, 5).
        states: shape (count or more, 2), carried from block to block.
        count: sections.
        length: frames.
    """
    # Within a section each sample waits for the one before; sections side by side wait together.
    at = 0
    while at + 4 <= count:
        _four(samples, coefficients[at:], states[at:], length)
        at += 4
    if at + 2 <= count:
        _two(samples, coefficients[at:], states[at:], length)
        at += 2
    if at < count:
        _one(samples, coefficients[at:], states[at:], length)


@njit(**NATIVE)
def _step(x: float, c: Doubles, k: int, first: float, second: float) -> tuple[float, float, float]:
    """One sample through section k: what comes out, and the new state."""
    y = c[k, 0] * x + first
    return y, (c[k, 1] * x + second) - c[k, 3] * y, c[k, 2] * x - c[k, 4] * y


@njit(**NATIVE)
def _one(samples: Doubles, c: Doubles, states: Doubles, length: int) -> None:
    p, q = states[0, 0], states[0, 1]
    for i in range(length):
        samples[i], p, q = _step(samples[i], c, 0, p, q)
    states[0, 0], states[0, 1] = p, q


@njit(**NATIVE)
def _two(samples: Doubles, c: Doubles, states: Doubles, length: int) -> None:
    p0, q0, p1, q1 = states[0, 0], states[0, 1], states[1, 0], states[1, 1]
    for i in range(length):
        x, p0, q0 = _step(samples[i], c, 0, p0, q0)
        samples[i], p1, q1 = _step(x, c, 1, p1, q1)
    states[0, 0], states[0, 1], states[1, 0], states[1, 1] = p0, q0, p1, q1


@njit(**NATIVE)
def _four(samples: Doubles, c: Doubles, states: Doubles, length: int) -> None:
    p0, q0, p1, q1 = states[0, 0], states[0, 1], states[1, 0], states[1, 1]
    p2, q2, p3, q3 = states[2, 0], states[2, 1], states[3, 0], states[3, 1]
    for i in range(length):
        x, p0, q0 = _step(samples[i], c, 0, p0, q0)
        x, p1, q1 = _step(x, c, 1, p1, q1)
        x, p2, q2 = _step(x, c, 2, p2, q2)
        samples[i], p3, q3 = _step(x, c, 3, p3, q3)
    states[0, 0], states[0, 1], states[1, 0], states[1, 1] = p0, q0, p1, q1
    states[2, 0], states[2, 1], states[3, 0], states[3, 1] = p2, q2, p3, q3
