"""Banks: eight cascades at once, to the last bit as each by itself."""

import numpy as np
import pytest
from numba import njit

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.bank import banks, filter_rows, identity
from stemfield.renderer.dsp.biquad import cascade, sections
from stemfield.renderer.simd.vectors import DOUBLES

BANDS = (EqBand("highpass", 20.0), EqBand("peak", 60.0, 30.0, 12.0), EqBand("highshelf", 8000.0, 0.7, -6.0))
FRAMES = 3000


@njit
def _filter(rows, length, coefficients, states, count, frames):
    filter_rows(rows, length, coefficients, states, count, frames)


def together(sound, given, block):
    most, out = max(map(len, given)), np.zeros_like(sound)
    coefficients, states = identity(DOUBLES, most)[0], np.zeros((most, 2, DOUBLES))
    for lane, own in enumerate(given):
        coefficients[: len(own), :, lane] = own
    room = block + DOUBLES
    for at in range(0, FRAMES, block):
        length = min(block, FRAMES - at)
        rows = np.full((DOUBLES, room), np.nan, np.float32)
        rows[:, :length] = sound[:, at : at + length]
        _filter(rows, length, coefficients, states, most, np.zeros((room, DOUBLES)))
        out[:, at : at + length] = rows[:, :length]
    return out


@pytest.mark.parametrize("block", [1, 7, 8, 64, 299, FRAMES])
def test_equals_each_by_itself(block):
    sound = np.random.default_rng(0).standard_normal((DOUBLES, FRAMES)).astype(np.float32)
    given = [sections(BANDS[: lane % 4], 48_000 + lane) for lane in range(DOUBLES)]
    found = together(sound, given, block)
    for row, out, own in zip(sound, found, given, strict=True):
        wanted = row.astype(float)
        cascade(wanted, own, np.zeros((3, 2)), len(own), FRAMES)
        assert np.array_equal(out, wanted.astype(np.float32))


def test_as_many_banks_as_are_needed():
    assert [banks(rows) for rows in (0, 1, 8, 9, 64)] == [0, 1, 1, 2, 8]
