"""The limiter: never above the ceiling, never at work below it, and the same as a slow one written from its formula."""

import numpy as np
import pytest

from stemfield.renderer.dsp.delay import hold
from stemfield.renderer.dsp.limiter import (
    UNITY,
    Limiter,
    LimiterTable,
    apply_gains,
    excess,
    gain_curve,
    look_ahead_frames,
    state,
)

RATE = 48_000
LATE = look_ahead_frames(RATE)


def group_of(ceilings):
    """The state of a limiter whose outputs are one group."""
    return state(Limiter(np.array(ceilings, np.float32), np.zeros(len(ceilings), np.int64)), len(ceilings), RATE)


def run(feeds, ceilings, block):
    """One group."""
    made = group_of(ceilings)
    lines = np.zeros((len(feeds), LATE + block), np.float32)
    out = feeds.astype(np.float32)
    for at in range(0, out.shape[1], block):
        piece = out[:, at : at + block]
        n = piece.shape[1]
        worst, gains = np.zeros(block, np.float32), np.zeros(block, np.float32)
        for feed, ceiling in zip(piece, ceilings, strict=True):
            excess(feed, n, np.float32(ceiling), worst)
        limiting = gain_curve(worst, n, gains, made.table, 0)
        for feed, line in zip(piece, lines, strict=True):
            hold(feed, n, line, LATE)
            if limiting:
                apply_gains(feed, n, gains)
    return out


def bursts(frames, seed=0, rows=3):
    random = np.random.default_rng(seed)
    feeds = 0.3 * random.standard_normal((rows, frames))
    for at in random.integers(0, frames - 400, 12):
        feeds[random.integers(rows), at : at + random.integers(1, 400)] *= random.uniform(2, 30)
    return feeds.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_passes_the_ceiling(seed):
    feeds, ceilings = bursts(20_000, seed), (1.0, 0.25, 0.7)
    out = run(feeds, ceilings, 64)
    assert (np.abs(out).max(axis=1) <= np.array(ceilings, np.float32)).all()
    assert np.abs(out[1]).max() > 0.2  # and it is not simply turned down


def test_below_the_ceiling_it_only_delays():
    feeds = bursts(20_000)
    feeds *= np.float32(0.999) / np.abs(feeds).max()
    out = run(feeds, (1.0, 1.0, 1.0), 64)
    assert np.array_equal(out[:, LATE:], feeds[:, :-LATE])


def test_after_a_peak_it_returns_to_doing_nothing():
    feeds = 0.5 * np.ones((1, 5 * RATE), np.float32)
    feeds[0, 1000:1100] = 8.0
    out = run(feeds, (1.0,), 64)
    assert out[0, 1050 + LATE] == pytest.approx(1.0, abs=1e-5)
    assert out[0, 2000 + LATE] < 0.2  # not at once
    assert (out[0, -RATE:] == 0.5).all()


def test_all_of_a_group_are_turned_down_alike():
    feeds = np.stack([0.4 * np.ones(4000), 0.2 * np.ones(4000)]).astype(np.float32)
    feeds[0, 2000] = 4.0
    out = run(feeds, (1.0, 1.0), 64)
    quiet = np.arange(4000) != 2000 + LATE
    assert np.abs(out[0, quiet] - 2 * out[1, quiet]).max() < 1e-6
    assert out[1].min() < np.inf
    assert out[1, 2000 + LATE] == pytest.approx(0.05, rel=1e-3)


def test_equals_the_formula():
    feeds = bursts(6000, 7, 1)
    need = np.minimum(1.0, 1.0 / np.maximum(np.abs(feeds[0].astype(float)), 1e-9))
    window = LATE + 1
    least = np.array([need[max(i - LATE, 0) : i + 1].min() for i in range(6000)])
    envelope, value, step = np.zeros(6000), 1.0, group_of((1.0,)).table[LimiterTable.STEP] / UNITY
    for i in range(6000):
        value = min(value + (1 - value) * step, least[i])
        envelope[i] = value
    gains = np.convolve(np.r_[np.ones(LATE), envelope], np.ones(window) / window, "valid")
    wanted = np.r_[np.zeros(LATE), feeds[0, :-LATE]] * gains
    assert np.abs(run(feeds, (1.0,), 64)[0] - wanted).max() < 5e-5


@pytest.mark.parametrize("block", [1, 16, 63, 256, 1024, 8192])
def test_blocks_do_not_matter(block):
    feeds = np.concatenate([bursts(9000, 3), np.zeros((3, 40_000), np.float32), bursts(5000, 4)], axis=1)
    assert np.array_equal(run(feeds, (1.0, 0.5, 1.0), block), run(feeds, (1.0, 0.5, 1.0), 54_000))
