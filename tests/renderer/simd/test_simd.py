"""Lanes: what they compute is NumPy's, and what they may not touch they leave alone."""

import numpy as np
import pytest
from numba import njit

from stemfield.renderer.simd.arithmetic import (
    beyond,
    chosen,
    counting,
    differing,
    exceeding,
    fused,
    largest,
    largest_of,
    lowest_bit,
    magnitude,
    pick,
    root,
    signed_as,
    smallest_of,
    spread,
    total,
)
from stemfield.renderer.simd.load_store import copy, load, load_part, store, store_part
from stemfield.renderer.simd.transpose import turn_to_frames, turn_to_rows
from stemfield.renderer.simd.vectors import DOUBLES, FLOATS

COUNTS = (-3, 0, 1, 7, FLOATS - 1, FLOATS, FLOATS + 1)


def numbers(seed, kind=np.float32, count=FLOATS):
    return np.random.default_rng(seed).standard_normal(count).astype(kind)


@njit
def _arithmetic(a, b, out):
    x, y = load(a, 0), load(b, 0)
    store(out[0], 0, x + y)
    store(out[1], 0, x - y)
    store(out[2], 0, x * y)
    store(out[3], 0, -x)
    store(out[4], 0, magnitude(x))
    store(out[5], 0, largest_of(x, y))
    store(out[6], 0, fused(x, y, x))
    store(out[7], 0, spread(b[1]))
    store(out[8], 0, x / y)
    store(out[9], 0, smallest_of(x, y))
    store(out[10], 0, root(magnitude(x)))
    store(out[11], 0, signed_as(x, y))


@pytest.mark.parametrize(("kind", "count"), [(np.float32, FLOATS), (np.float64, DOUBLES)])
def test_arithmetic_is_numpys(kind, count):
    a, b, out = numbers(1, kind, count), numbers(2, kind, count), np.zeros((12, count), kind)
    _arithmetic(a, b, out)
    wanted = [a + b, a - b, a * b, -a, np.abs(a), np.maximum(a, b), None, np.full(count, b[1])]
    wanted += [a / b, np.minimum(a, b), np.sqrt(np.abs(a)), np.copysign(a, b)]
    for row, want in zip(out, wanted, strict=True):
        assert want is None or np.array_equal(row, want)
    once = (a.astype(np.longdouble) * b + a).astype(kind)
    assert np.abs(out[6] - once).max() <= np.spacing(np.abs(once).max())


@njit
def _single(a, b, c):
    return fused(a, b, c)


def test_single_numbers_are_fused_as_lanes_are():
    a, b, out = numbers(1, np.float64, DOUBLES), numbers(2, np.float64, DOUBLES), np.zeros((12, DOUBLES))
    _arithmetic(a, b, out)
    assert [_single(x, y, x) for x, y in zip(a, b, strict=True)] == out[6].tolist()


@njit
def _parts(source, target, count, of_target):
    store_part(target, 3, load_part(source, 2, count), of_target)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("of_target", COUNTS)
def test_parts_touch_no_more_than_they_are_told_to(count, of_target):
    source, target = numbers(3, count=2 * FLOATS), np.full(2 * FLOATS, 9, np.float32)
    read, written = min(max(count, 0), FLOATS), min(max(of_target, 0), FLOATS)
    source[2 + read :] = np.nan
    wanted = target.copy()
    wanted[3 : 3 + written] = np.r_[source[2 : 2 + read], np.zeros(FLOATS)][:written]
    _parts(source, target, count, of_target)
    assert np.array_equal(target, wanted)


@njit
def _copy(source, target, count):
    copy(source, target, count)


@pytest.mark.parametrize("count", [*COUNTS, 300])
@pytest.mark.parametrize("distance", [1, 5, FLOATS, 100])
def test_copies_within_one_array_towards_its_front(count, distance):
    values = numbers(4, count=500)
    wanted = values.copy()
    moved = max(count, 0)
    wanted[:moved] = values[distance : distance + moved]
    _copy(values[distance:], values, count)
    assert np.array_equal(values, wanted)


@njit
def _pick(count, out):
    store(out, 0, pick(count, counting(), spread(np.float32(-1))))


@pytest.mark.parametrize("count", COUNTS)
def test_picking(count):
    out = np.zeros(FLOATS, np.float32)
    _pick(count, out)
    assert np.array_equal(out, np.where(np.arange(FLOATS) < count, np.arange(FLOATS), -1))


@njit
def _questions(a, b):
    x, y = load(a, 0), load(b, 0)
    return differing(x, y), exceeding(x, y), beyond(x, y), total(x), largest(x)


def _bits(truths):
    return sum(-(1 << k) if k == 63 else 1 << k for k in np.flatnonzero(truths).tolist())  # the last bit is the sign


def test_questions_about_lanes():
    a, b = numbers(5), numbers(6)
    b[[0, 3, FLOATS - 2]] = a[[0, 3, FLOATS - 2]]
    unlike, more, over, added, most = _questions(a, b)
    assert unlike == _bits(a != b)
    assert more == over == _bits(a > b)
    assert added == pytest.approx(a.sum(dtype=float), abs=1e-5)
    assert most == a.max()
    a[5] = np.nan
    assert _questions(a, b)[:3] == (_bits(a != b), _bits(a > b), _bits(~(a <= b)))


@njit
def _chosen(a, b, out):
    x, y = load(a, 0), load(b, 0)
    store(out, 0, chosen(exceeding(x, y), x, y))


@pytest.mark.parametrize(("kind", "count"), [(np.float32, FLOATS), (np.float64, DOUBLES)])
def test_choosing_lane_by_lane(kind, count):
    a, b, out = numbers(8, kind, count), numbers(9, kind, count), np.zeros(count, kind)
    _chosen(a, b, out)
    assert np.array_equal(out, np.maximum(a, b))


@njit
def _lowest(bits):
    return lowest_bit(bits)


def test_the_lowest_bit():
    assert [_lowest(bits) for bits in (1, 2, 12, 1 << 40, -(1 << 63))] == [0, 1, 2, 40, 63]


@njit
def _turn(rows, index, frames, back):
    turn_to_frames(rows, index, frames)
    turn_to_rows(frames, index, back)


def test_rows_are_turned_into_frames_and_back():
    rows = numbers(7, count=10 * 40).reshape(10, 40)
    frames, back = np.zeros((40, DOUBLES)), np.zeros((10, 40), np.float32)
    _turn(rows, 16, frames, back)
    turned = slice(16, 16 + DOUBLES)
    assert np.array_equal(frames[turned], rows[:DOUBLES, turned].T.astype(float))
    assert np.array_equal(back[:DOUBLES, turned], rows[:DOUBLES, turned])
    assert np.count_nonzero(frames) == np.count_nonzero(back) == DOUBLES**2
