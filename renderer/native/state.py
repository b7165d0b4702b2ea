"""Memory of compiled code: a table of int64 words, each a number or the address of an array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LINE: Final = 64
"""Bytes of a cache line."""


class State:
    """A table of words and the arrays that it points to, allocated and touched once.

    Args:
        words: the words of the table.
        values: by word: a number, or an array, which is copied. Words that are left out are 0.
        parts: further states, to which arrays among `values` point.

    Attributes:
        table: int64, what compiled code reads and writes.
        arrays: the arrays, by word.
    """

    def __init__(
        self, words: type[IntEnum], values: Mapping[Any, int | NDArray[Any]], parts: Sequence[State] = ()
    ) -> None:
        self.words = words
        self.table = aligned(np.zeros(max(words, default=0) + 1, np.int64))
        self.parts = parts
        self.arrays: dict[int, NDArray[Any]] = {}
        for word, value in values.items():
            if isinstance(value, np.ndarray):
                self.arrays[word] = array = aligned(value)
                self.table[word] = array.ctypes.data
            else:
                self.table[word] = value

    def __getitem__(self, word: int) -> NDArray[Any]:
        """The array that a word points to."""
        return self.arrays[word]

    @property
    def address(self) -> int:
        """Address of the table."""
        return int(self.table.ctypes.data)

    def word_address(self, word: int) -> int:
        """Address of one word of the table."""
        return self.address + 8 * word


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that starts on a cache line and whose pages are in memory, unlike those of `np.zeros`."""
    raw = np.zeros(array.nbytes + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    found = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found
