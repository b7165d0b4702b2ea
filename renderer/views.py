"""Arrays of the audio path by the word of the engine's table that holds their address."""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from stemfield.renderer.dsp.kinds import Doubles, Floats, Words
from stemfield.renderer.native import NATIVE, as_pointer


@njit(**NATIVE)
def words(table: Words, word: int, rows: int) -> Words:
    """Int64, shape (rows,)."""
    return carray(as_pointer(table[word]), (rows,), np.int64)


@njit(**NATIVE)
def words2(table: Words, word: int, rows: int, columns: int) -> Words:
    """Int64, shape (rows, columns)."""
    return carray(as_pointer(table[word]), (rows, columns), np.int64)


@njit(**NATIVE)
def floats(table: Words, word: int, rows: int) -> Floats:
    """Float32, shape (rows,)."""
    return carray(as_pointer(table[word]), (rows,), np.float32)


@njit(**NATIVE)
def floats2(table: Words, word: int, rows: int, columns: int) -> Floats:
    """Float32, shape (rows, columns)."""
    return carray(as_pointer(table[word]), (rows, columns), np.float32)


@njit(**NATIVE)
def floats3(table: Words, word: int, pages: int, rows: int, columns: int) -> Floats:
    """Float32, shape (pages, rows, columns)."""
    return carray(as_pointer(table[word]), (pages, rows, columns), np.float32)


@njit(**NATIVE)
def floats4(table: Words, word: int, books: int, pages: int, rows: int, columns: int) -> Floats:
    """Float32, shape (books, pages, rows, columns)."""
    return carray(as_pointer(table[word]), (books, pages, rows, columns), np.float32)


@njit(**NATIVE)
def doubles(table: Words, word: int, rows: int) -> Doubles:
    """Float64, shape (rows,)."""
    return carray(as_pointer(table[word]), (rows,), np.float64)


@njit(**NATIVE)
def doubles2(table: Words, word: int, rows: int, columns: int) -> Doubles:
    """Float64, shape (rows, columns)."""
    return carray(as_pointer(table[word]), (rows, columns), np.float64)


@njit(**NATIVE)
def doubles3(table: Words, word: int, pages: int, rows: int, columns: int) -> Doubles:
    """Float64, shape (pages, rows, columns)."""
    return carray(as_pointer(table[word]), (pages, rows, columns), np.float64)


@njit(**NATIVE)
def doubles4(table: Words, word: int, books: int, pages: int, rows: int, columns: int) -> Doubles:
    """Float64, shape (books, pages, rows, columns)."""
    return carray(as_pointer(table[word]), (books, pages, rows, columns), np.float64)
