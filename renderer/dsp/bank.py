"""Banks of filters: the cascades of eight rows in the time of one.

The rows are transposed to frames of eight values, one per lane, and back. Lanes without a filter have sections that
change nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.biquad import IDENTITY, cascades
from stemfield.renderer.native.arrays import Doubles, Floats
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.simd.transpose import turn_to_frames, turn_to_rows
from stemfield.renderer.simd.vectors import DOUBLES


def banks(rows: int) -> int:
    """Number of banks for a number of rows."""
    return -(-rows // DOUBLES)


def identity(rows: int, sections: int) -> Doubles:
    """Banks of sections that change nothing, shape (banks, sections, 5, DOUBLES)."""
    found = np.empty((banks(rows), sections, len(IDENTITY), DOUBLES))
    found[:] = np.array(IDENTITY)[:, None]
    return found


@njit(**INNER)
def filter_rows(
    rows: Floats, length: int, coefficients: Doubles, states: Doubles, sections: int, frames: Doubles
) -> None:
    """Filters the first `DOUBLES` rows in place, up to `length`; overwrites them up to a multiple of `DOUBLES`.

    Args:
        rows: shape (DOUBLES or more, room for that).
        length: frames.
        coefficients: shape (sections or more, 5, DOUBLES).
        states: shape (sections or more, 2, DOUBLES).
        sections: length of the longest cascade.
        frames: working memory, shape (length or more, a multiple of DOUBLES; DOUBLES).
    """
    for i in range(0, length, DOUBLES):
        turn_to_frames(rows, i, frames)
    cascades(frames, coefficients, states, sections, length)
    for i in range(0, length, DOUBLES):
        turn_to_rows(frames, i, rows)
