"""Silent stems of a silent mixture, as a separator that sleeps would give them, at almost no cost."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import carray, njit, types

from stemfield.renderer.dsp.leakage import ASSUMED, KINDS
from stemfield.renderer.native.arrays import Floats
from stemfield.renderer.native.operations import EXACT, as_pointer, load_acquire, store_release

ZERO: Final = np.float32(0.0)

usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(**EXACT)
def pass_silence(
    mixture: Floats,
    stems: Floats,
    leakage: Floats,
    mixture_end: int,
    stems_end: int,
    successor: int,
    beats: int,
    position: int,
    nap_us: int,
    naps: int,
) -> int:
    """Writes silent stems from a position up to the first frame of the mixture that sounds; returns that.

    Args:
        mixture: ring, shape (2, a power of two).
        stems: ring, shape (2 stems, the same).
        leakage: ring, shape (KINDS, the same).
        mixture_end: address of the position after the newest mixture frame.
        stems_end: address of the position after the newest stem frame, which is advanced.
        successor: address of a word that ends the naps when it is not 0.
        beats: address of the heartbeats, which are counted.
        position: first frame to write.
        nap_us: time to sleep before it looks for new frames again.
        naps: how often to do so.
    """
    count = carray(as_pointer(beats), (1,), np.int64)
    for nap in range(naps + 1):
        end = load_acquire(mixture_end)
        start = position
        while position < end:
            at = position & (mixture.shape[1] - 1)
            if mixture[0, at] != ZERO or mixture[1, at] != ZERO:
                break
            for row in range(stems.shape[0]):
                stems[row, at] = ZERO
            for kind in range(KINDS):
                leakage[kind, at] = np.float32(ASSUMED[kind])
            position += 1
        if position > start:
            store_release(stems_end, position)
        if position < end or load_acquire(successor) != 0 or nap == naps:
            break
        usleep(np.uint32(nap_us))
        count[0] += 1
    return position
