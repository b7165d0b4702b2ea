"""Second-order filters: designs of the Audio EQ Cookbook, and the compiled cascade.

A section is five numbers, b0 b1 b2 a1 a2, normalised so that a0 is 1. The cascade is in transposed direct form II with
float64 state: at 20 Hz and 192 kHz a pole is 0.0005 from the unit circle, where float32 state would be audible.

Robert Bristow-Johnson: Audio EQ Cookbook, W3C Working Group Note, 2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numba import njit

from stemfield.layouts.model import EqBand
from stemfield.renderer.native.arrays import Doubles
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.simd.arithmetic import fused
from stemfield.renderer.simd.load_store import load, store

HIGHEST = 0.49
"""Maximum frequency of a band, relative to the sample rate: the bilinear transform ends at one half."""
BUTTERWORTH_Q = math.sqrt(0.5)
RUN: Final = 8
"""Frames processed by a section before the next section. Within a section each frame depends on the one before; the CPU
fills the wait with the next sections."""
IDENTITY: Final = (1.0, 0.0, 0.0, 0.0, 0.0)
"""The section that changes nothing."""


def sections(bands: Sequence[EqBand], sample_rate_hz: float) -> Doubles:
    """The cascade of an equaliser.

    Returns:
        Shape (bands, 5).
    """
    return np.array([section(band, sample_rate_hz) for band in bands], np.float64).reshape(-1, 5)


def section(band: EqBand, sample_rate_hz: float) -> Doubles:
    """One band as b0 b1 b2 a1 a2, shape (5,).

    The bandpass has 0 dB at its centre. The gain applies to peaks and shelves only.

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
    for at in range(0, length, RUN):
        end = min(at + RUN, length)
        for k in range(count):
            c = coefficients[k]
            p, q = states[k, 0], states[k, 1]
            for i in range(at, end):
                samples[i], p, q = _step(samples[i], c[0], c[1], c[2], c[3], c[4], p, q)
            states[k, 0], states[k, 1] = p, q


@njit(**INNER)
def cascades(frames: Doubles, coefficients: Doubles, states: Doubles, count: int, length: int) -> None:
    """Filters `DOUBLES` signals at once in place, each by its own cascade, to the same bits as `cascade`.

    Args:
        frames: shape (length or more, DOUBLES).
        coefficients: shape (count or more, 5, DOUBLES).
        states: shape (count or more, 2, DOUBLES).
        count: sections.
        length: frames.
    """
    for at in range(0, length, RUN):
        end = min(at + RUN, length)
        for k in range(count):
            c, state = coefficients[k], states[k]
            b0, b1, b2, a1, a2 = load(c[0], 0), load(c[1], 0), load(c[2], 0), load(c[3], 0), load(c[4], 0)
            p, q = load(state[0], 0), load(state[1], 0)
            for i in range(at, end):
                y, p, q = _step(load(frames[i], 0), b0, b1, b2, a1, a2, p, q)
                store(frames[i], 0, y)
            store(state[0], 0, p)
            store(state[1], 0, q)


@njit(**INNER)
def _step(x: Any, b0: Any, b1: Any, b2: Any, a1: Any, a2: Any, p: Any, q: Any) -> tuple[Any, Any, Any]:
    """One sample of one signal or of several: the output and the new state."""
    y = fused(b0, x, p)
    return y, fused(-a1, y, fused(b1, x, q)), fused(-a2, y, b2 * x)
