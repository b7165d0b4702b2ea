"""Axis patterns of tensors as written in cards, such as `b (c z) f t`.

A letter is an axis, brackets merge neighbouring axes. The letter determines the size of the axis, so a tensor's shape
follows from the card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEANINGS = {
    "b": "batch, always 1",
    "s": "sources",
    "c": "left and right",
    "z": "real and imaginary part",
    "f": "frequencies",
    "t": "frames of the transform",
    "n": "samples",
}
_GROUP = re.compile(r"\(([a-z ]+)\)|([a-z])")


class Axes:
    """The axes of a tensor.

    Args:
        text: letters of `MEANINGS` separated by spaces, and brackets.

    Raises:
        ValueError: not a valid pattern.

    >>> Axes("b (c z) f t").shape({"b": 1, "c": 2, "z": 2, "f": 3, "t": 5})
    (1, 4, 3, 5)
    """

    def __init__(self, text: str) -> None:
        found = [(match[1] or match[2]).split() for match in _GROUP.finditer(text)]
        self.groups: tuple[tuple[str, ...], ...] = tuple(tuple(group) for group in found)
        self.letters: tuple[str, ...] = tuple(letter for group in self.groups for letter in group)
        tidy = " ".join(" ".join(group) if len(group) == 1 else f"({' '.join(group)})" for group in self.groups)
        if tidy != text:
            raise ValueError("expected letters separated by single spaces, and brackets, such as b (c z) f t")
        if not set(self.letters) <= MEANINGS.keys():
            raise ValueError(f"expected the axes {', '.join(MEANINGS)}")
        if len(set(self.letters)) < len(self.letters):
            raise ValueError("expected each axis once")

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Shape of the tensor for these sizes of the axes."""
        return tuple(int(np.prod([sizes[letter] for letter in group])) for group in self.groups)

    def pack(self, array: NDArray[Any], order: str) -> NDArray[Any]:
        """Rearrange an array to these axes, contiguous.

        Args:
            array: the array, with axes as in `order`.
            order: letters; axes of the tensor missing here have size 1.
        """
        missing = [letter for letter in self.letters if letter not in order]
        present = "".join(missing) + order
        full = array.reshape((1,) * len(missing) + array.shape)
        sizes = dict(zip(present, full.shape, strict=True))
        arranged = full.transpose([present.index(letter) for letter in self.letters])
        return np.ascontiguousarray(arranged.reshape(self.shape(sizes)))

    def unpack(self, tensor: NDArray[Any], order: str, sizes: Mapping[str, int]) -> NDArray[Any]:
        """Rearrange a tensor to the axes in `order`, the inverse of `pack`.

        Args:
            tensor: shape `self.shape(sizes)`.
            order: letters; axes missing in the tensor get size 1, axes of the tensor missing here must have size 1.
            sizes: size of every axis of the tensor.
        """
        flat = tensor.reshape([sizes[letter] for letter in self.letters])
        kept = [letter for letter in order if letter in self.letters]
        dropped = [letter for letter in self.letters if letter not in order]
        arranged = flat.transpose([self.letters.index(letter) for letter in (*dropped, *kept)])
        return arranged.reshape([sizes[letter] if letter in kept else 1 for letter in order])
