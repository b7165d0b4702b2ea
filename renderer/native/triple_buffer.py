"""A triple buffer of slots 0, 1 and 2: the newest value wins, and neither side waits for the other.

The writer owns one slot, the reader another, and the third lies in the middle word, marked when it is newer than the
reader's.
"""

from __future__ import annotations

from typing import Final

from numba import njit

from stemfield.renderer.native.operations import INNER, exchange, load_acquire, swap

DIRTY: Final = 4
"""Bit of the middle word: the slot it names is newer than the reader's."""


def publish(middle: int, slot: int) -> int:
    """Publishes the writer's slot; returns the one to write next. `middle` is the address of the middle word."""
    return int(swap(middle, slot | DIRTY)) & 3


@njit(**INNER)
def newest(middle: int, slot: int) -> int:
    """The slot of the newest value for the reader, which is its present one where there is no newer."""
    if load_acquire(middle) & DIRTY != 0:
        return exchange(middle, slot) & 3
    return slot
