"""The equaliser of one object, which may change while it sounds: old and new filters are cross-faded.

Coefficients that jump under a running state ring. So a new equaliser starts beside the old one and takes over in
`FADE_S`; a fade that has begun is ended first, and then the newest equaliser follows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.dsp.biquad import IDENTITY, cascade
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE

MAX_SECTIONS: Final = 16
"""Bands of one object's equaliser."""
FADE_S: Final = 0.02

VERSION, FADED, COUNTS, EQUALISER_WORDS = 0, 1, 2, 4
"""Words of one equaliser: the version asked for last, frames faded, and the number of sections of both slots.

Slot 0 is in force; slot 1 takes over while a fade is under way, and its contents move to slot 0 at the end.
"""


@njit(**INNER)
def rests(words: Words, version: int, fade: int) -> bool:
    """Whether slot 0 is all there is to do."""
    return words[VERSION] == version and words[FADED] >= fade


@njit(**NATIVE)
def equalise(
    samples: Floats,
    length: int,
    words: Words,
    coefficients: Doubles,
    states: Doubles,
    wanted: Doubles,
    wanted_count: int,
    version: int,
    fade: int,
    work: Doubles,
) -> None:
    """Filters samples[:length] in place.

    Args:
        samples: one source.
        length: frames.
        words: shape (EQUALISER_WORDS,).
        coefficients: shape (2, MAX_SECTIONS, 5), of both slots.
        states: shape (2, MAX_SECTIONS, 2).
        wanted: shape (MAX_SECTIONS, 5), the newest filter that control has asked for.
        wanted_count: its sections.
        version: another number for every other filter.
        fade: frames.
        work: shape (2, length or more).
    """
    at = 0
    while at < length:
        if words[FADED] >= fade and words[VERSION] != version:
            _fill(coefficients[1], states[1], wanted, wanted_count)
            words[COUNTS + 1] = wanted_count
            words[VERSION] = version
            words[FADED] = 0
        faded = words[FADED]
        fading = faded < fade
        if not fading and words[COUNTS] == 0:
            return
        count = min(length - at, fade - faded) if fading else length - at
        old, new = work[0], work[1]
        for i in range(count):
            old[i] = samples[at + i]
            new[i] = samples[at + i]
        cascade(old, coefficients[0], states[0], words[COUNTS], count)
        if fading:
            cascade(new, coefficients[1], states[1], words[COUNTS + 1], count)
            for i in range(count):
                share = np.float64(faded + i + 1) / np.float64(fade)
                old[i] += (new[i] - old[i]) * share
            words[FADED] = faded + count
            if faded + count == fade:
                _fill(coefficients[0], states[0], coefficients[1], words[COUNTS + 1])
                for k in range(words[COUNTS + 1]):
                    states[0, k, 0], states[0, k, 1] = states[1, k, 0], states[1, k, 1]
                words[COUNTS] = words[COUNTS + 1]
        for i in range(count):
            samples[at + i] = np.float32(old[i])
        at += count


@njit(**INNER)
def _fill(coefficients: Doubles, states: Doubles, wanted: Doubles, count: int) -> None:
    """Puts a filter at rest into a slot, and behind it sections that change nothing: banks run through these too."""
    for k in range(MAX_SECTIONS):
        for n in range(5):
            coefficients[k, n] = wanted[k, n] if k < count else IDENTITY[n]
        states[k, 0], states[k, 1] = 0.0, 0.0
