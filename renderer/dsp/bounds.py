"""Keeps out invalid samples: NaN, infinities and absurd levels, at the inputs and wherever they could arise.

One such sample would stay in a recursive filter for ever, and no limiter can turn down a NaN.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.simd.arithmetic import beyond, magnitude, spread
from stemfield.renderer.simd.load_store import load_part, store_part
from stemfield.renderer.simd.vectors import FLOATS

LOUDEST: Final = np.float32(1e4)
"""Input beyond this, 80 dB over full scale, is a fault and is replaced by silence."""
LOUDEST_SOURCE: Final = np.float32(1e6)
"""Maximum after an equaliser: no later gain leaves the range of float32."""
LOUDEST_FEED: Final = np.float32(1e30)
"""Maximum that a limiter can turn down."""
ZERO = np.float32(0.0)


@njit(**INNER)
def copy_sound(source: Floats, target: Floats, count: int) -> int:
    """Copies samples and silences invalid ones; returns their number."""
    bad = 0
    for i in range(0, count, FLOATS):
        x = load_part(source, i, count - i)
        store_part(target, i, x, count - i)
        if beyond(magnitude(x), spread(LOUDEST)) != 0:
            for k in range(i, min(i + FLOATS, count)):
                if not abs(source[k]) <= LOUDEST:  # true for NaN
                    target[k] = ZERO
                    bad += 1
    return bad


@njit(**INNER)
def bound(samples: Floats, count: int, most: np.float32) -> int:
    """Clips samples to -most..most and silences NaN; returns the number of changed samples."""
    bad = 0
    for i in range(0, count, FLOATS):
        if beyond(magnitude(load_part(samples, i, count - i)), spread(most)) != 0:
            for k in range(i, min(i + FLOATS, count)):
                x = samples[k]
                if abs(x) <= most:
                    continue
                bad += 1
                if x > most:
                    samples[k] = most
                elif x < -most:
                    samples[k] = -most
                else:
                    samples[k] = ZERO
    return bad
