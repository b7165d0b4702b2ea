"""The equaliser of one object, which may change while it sounds: old and new filters are cross-faded.

Coefficients that jump under a running state ring. So a new equaliser starts beside the old one and takes over in
`FADE_S`; a fade that has begun is ended first, and then the newest equaliser follows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.dsp.biquad import cascade
from stemfield.renderer.dsp.kinds import Doubles, Floats, Words
from stemfield.renderer.native import NATIVE

MAX_SECTIONS: Final = 16
"""Bands of one object's equaliser."""
FADE_S: Final = 0.02

SLOT, VERSION, FADED, COUNTS, EQUALISER_WORDS = 0, 1, 2, 3, 5
"""Words of one equaliser: the slot in force, its version, frames faded, and the number of sections of both slots."""


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
        coefficients: shape (2, MAX_SECTIONS, 5), the old and the new filter.
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
            slot = 1 - words[SLOT]
            for k in range(wanted_count):
                for c in range(5):
                    coefficients[slot, k, c] = wanted[k, c]
                states[slot, k, 0] = 0.0
                states[slot, k, 1] = 0.0
            words[COUNTS + slot] = wanted_count
            words[SLOT] = slot
            words[VERSION] = version
            words[FADED] = 0
        slot = words[SLOT]
        faded = words[FADED]
        if faded >= fade and words[COUNTS + slot] == 0:
            return
        count = min(length - at, fade - faded) if faded < fade else length - at
        old, new = work[0], work[1]
        for i in range(count):
            new[i] = samples[at + i]
        if faded < fade:
            for i in range(count):
                old[i] = new[i]
            cascade(old, coefficients[1 - slot], states[1 - slot], words[COUNTS + 1 - slot], count)
        cascade(new, coefficients[slot], states[slot], words[COUNTS + slot], count)
        if faded < fade:
            for i in range(count):
                share = np.float64(faded + i + 1) / np.float64(fade)
                new[i] = old[i] + (new[i] - old[i]) * share
            words[FADED] = faded + count
        for i in range(count):
            samples[at + i] = np.float32(new[i])
        at += count
