"""How a graph arranges the axes of a tensor, in a card's words: `b (c z) f t`.

One letter is an axis, brackets merge neighbours into one. What an axis is called says how long it is, so that a
tensor's whole shape follows from the card.
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
    """One arrangement of axes.

    Args:
        text: letters of `MEANINGS` with spaces between them, and brackets.

    Raises:
        ValueError: the text is none.

    >>> Axes("b (c z) f t").shape({"b": 1, "c": 2, "z": 2, "f": 3, "t": 5})
    (1, 4, 3, 5)
    """

    def __init__(self, text: str) -> None:
        found = [(match[1] or match[2]).split() for match in _GROUP.finditer(text)]
        self.groups: tuple[tuple[str, ...], ...] = tuple(tuple(group) for group in found)
        self.letters: tuple[str, ...] = tuple(letter for group in self.groups for letter in group)
        tidy = " ".join(" ".join(group) if len(group) == 1 else f"({' '.join(group)})" for group in self.groups)
        if tidy != text:
            raise ValueError("is no layout: allowed letters with one space between them, and brackets, such as b c f t")
        if strange := [letter for letter in self.letters if letter not in MEANINGS]:
            raise ValueError(f"has the axis {strange[0]}: allowed are {', '.join(MEANINGS)}")
        if len(set(self.letters)) < len(self.letters):
            raise ValueError("has an axis twice")

    @classmethod
    def check(cls, text: str) -> str:
        """The text, if it is an arrangement.

        Raises:
            ValueError: it is none.
        """
        cls(text)
        return text

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """The tensor's shape where the axes have these sizes."""
        return tuple(int(np.prod([sizes[letter] for letter in group])) for group in self.groups)

    def pack(self, array: NDArray[Any], order: str) -> NDArray[Any]:
        """A tensor of this arrangement, contiguous.

        Args:
            array: its axes are those of `order`.
            order: letters; axes of the tensor that it lacks have size 1.
        """
        missing = [letter for letter in self.letters if letter not in order]
        present = "".join(missing) + order
        full = array.reshape((1,) * len(missing) + array.shape)
        sizes = dict(zip(present, full.shape, strict=True))
        arranged = full.transpose([present.index(letter) for letter in self.letters])
        return np.ascontiguousarray(arranged.reshape(self.shape(sizes)))

    def unpack(self, tensor: NDArray[Any], order: str, sizes: Mapping[str, int]) -> NDArray[Any]:
        """The inverse of `pack`: axes in this order; those of the tensor that it lacks must have size 1.

        Args:
            tensor: shape `self.shape(sizes)`.
            order: letters; axes that the tensor lacks get size 1.
            sizes: of every axis of the tensor.
        """
        flat = tensor.reshape([sizes[letter] for letter in self.letters])
        kept = [letter for letter in order if letter in self.letters]
        dropped = [letter for letter in self.letters if letter not in order]
        arranged = flat.transpose([self.letters.index(letter) for letter in (*dropped, *kept)])
        return arranged.reshape([sizes[letter] if letter in kept else 1 for letter in order])
