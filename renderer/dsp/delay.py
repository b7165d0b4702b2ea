"""Delay of one loudspeaker, in whole frames, which may change while it sounds.

Whole frames: at 48 kHz half a frame is the way sound goes in 3.6 mm, less than anyone measures where a loudspeaker
stands, and a whole frame leaves every sample and the frequency response as they are. A new delay (the listener walks)
is faded in over the old one, which neither clicks nor shifts the pitch; a fade that has begun is ended first.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.simd import copy

FADE_S: Final = 0.02
OLD_TAP, TAP, TAP_FADED, DELAY_WORDS = 0, 1, 2, 3


@njit(**NATIVE)
def delay(samples: Floats, length: int, ring: Floats, position: int, words: Words, wanted: int, fade: int) -> None:
    """Delays samples[:length] in place.

    Args:
        samples: one feed.
        length: frames.
        ring: a power of two, more than the longest delay and `length` together.
        position: of the first frame, on the timeline.
        words: shape (DELAY_WORDS,).
        wanted: frames, what control has asked for last.
        fade: frames.
    """
    mask = ring.shape[0] - 1
    _into_ring(ring, position, samples, length)
    at = 0
    while at < length:
        if words[TAP_FADED] >= fade and words[TAP] != wanted:
            words[OLD_TAP] = words[TAP]
            words[TAP] = wanted
            words[TAP_FADED] = 0
        faded = words[TAP_FADED]
        new = position - words[TAP]
        if faded >= fade:
            _from_ring(ring, new + at, samples[at:], length - at)
            return
        old = position - words[OLD_TAP]
        count = min(length - at, fade - faded)
        for i in range(count):
            share = np.float32(faded + i + 1) / np.float32(fade)
            before = ring[(old + at + i) & mask]
            samples[at + i] = before + (ring[(new + at + i) & mask] - before) * share
        words[TAP_FADED] = faded + count
        at += count


@njit(**INNER)
def _into_ring(ring: Floats, position: int, samples: Floats, length: int) -> None:
    at = position & (ring.shape[0] - 1)
    head = min(length, ring.shape[0] - at)
    copy(samples, ring[at:], head)
    copy(samples[head:], ring, length - head)


@njit(**INNER)
def _from_ring(ring: Floats, position: int, samples: Floats, length: int) -> None:
    at = position & (ring.shape[0] - 1)
    head = min(length, ring.shape[0] - at)
    copy(ring[at:], samples, head)
    copy(ring, samples[head:], length - head)


@njit(**NATIVE)
def hold(samples: Floats, length: int, line: Floats, late: int) -> None:
    """Delays samples[:length] in place by a number of frames that never changes.

    Args:
        samples: one feed.
        length: frames.
        line: the last `late` frames, then room for `length`.
        late: frames.
    """
    copy(samples, line[late:], length)
    copy(line, samples, length)
    copy(line[length:], line, late)
