"""Targets that begin at a frame of their own: the truths that hold however time is cut and whatever comes between."""

import time
from dataclasses import replace

import numpy as np
import pytest

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.memory import STARTS, Word
from stemfield.renderer.engine.plan import MAX_TARGETS, Targets

RATE, SPEAKERS = 48_000, 3
SOURCES = 6
"""A stem, the residual, and two direct inputs."""


@pytest.fixture
def engine():
    made = Engine(RATE, 0, 2, SPEAKERS, 1, 100)
    made.timeline.close()
    made.publisher.publish([targets(0.0, 0.0)])
    made.settle()
    play(made, 1000)
    return made


def targets(first, second, begin=0, ramp=1, **further):
    """The inputs at these gains, each on a loudspeaker of its own."""
    gains = np.zeros((SOURCES, SPEAKERS), np.float32)
    gains[4, 0], gains[5, 1] = first, second
    ramps = np.full(SOURCES, ramp)
    return Targets(gains, ramps, np.ones(SPEAKERS, np.float32), ramp, begin_frame=begin, **further)


def play(made, frames, block=64):
    """What both loudspeakers play of inputs that are 1."""
    out = np.zeros((made.outputs, frames), np.float32)
    ones = np.ones((2, frames), np.float32)
    for at in range(0, frames, block):
        made.process(ones[:, at : at + block], out[:, at : at + block])
    return out


@pytest.mark.parametrize("block", [1, 64, 300, 4096])
def test_each_begins_at_its_very_frame(engine, block):
    begins = [1000, 1001, 1137, 1500, 3000]
    engine.publisher.publish([targets(0.0, 0.0), *(targets((n + 1) / 8, 0.0, at) for n, at in enumerate(begins))])
    out = play(engine, 3000, block)[0]
    expected = np.zeros(3000, np.float32)
    for n, at in enumerate(begins):
        expected[at - 1000 :] = (n + 1) / 8
    assert np.array_equal(out, expected)


def test_how_time_is_cut_does_not_matter_to_the_last_bit():
    peak, low = sections_of(1000.0), sections_of(200.0)
    random = np.random.default_rng(1)
    noise = random.standard_normal((2, 20_000)).astype(np.float32)
    chain = replace(Chain.plain(SPEAKERS, RATE), max_delay_frames=500)

    def moved(sizes):
        made = Engine(RATE, 0, 2, SPEAKERS, 1, 100, chain)
        made.timeline.close()
        flat = [np.zeros((0, 5))] * SOURCES
        made.publisher.publish(
            [
                targets(1.0, 0.5, equalisers=flat),
                targets(0.5, 1.0, 777, ramp=3000, equalisers=[*flat[:4], peak, low]),
                targets(0.25, 1.0, 2500, ramp=10, delays_frames=np.array([0, 17, 400])),
                targets(0.75, 0.0, 9999, ramp=480, equalisers=[*flat[:4], low, flat[0]]),
            ]
        )
        out, at = np.zeros((SPEAKERS, 20_000), np.float32), 0
        for size in sizes:
            made.process(noise[:, at : at + size], out[:, at : at + size])
            at += size
        return out

    whole = moved([20_000])
    assert np.array_equal(moved([64] * 312 + [32]), whole)
    assert np.array_equal(moved([1] * 3000 + [17] * 1000), whole)


def sections_of(f_hz):
    return sections((EqBand("peak", f_hz, 1.0, 6.0),), RATE)


def test_what_comes_between_does_not_lose_what_is_to_come(engine):
    engine.publisher.publish([targets(0.0, 0.0), targets(1.0, 0.0, 1500)])
    play(engine, 100)
    engine.publisher.publish([targets(0.0, 0.5), targets(1.0, 0.5, 1500)])
    first, second, _ = play(engine, 1000)
    assert np.flatnonzero(first)[0] == 400
    assert np.flatnonzero(second)[0] == 0


def test_what_comes_between_begins_no_ramp_anew(engine):
    """Published again while it is on its way, and after: one straight line."""
    engine.publisher.publish([targets(0.0, 0.0), targets(1.0, 0.0, 1100, ramp=1000)])
    out = [play(engine, 400)]
    engine.publisher.publish([targets(0.0, 0.5), targets(1.0, 0.5, 1100, ramp=1000)])
    out.append(play(engine, 200))
    engine.publisher.publish([targets(1.0, 0.25)])
    line = np.clip((np.arange(1000, 2600) - 1099) / 1000, 0, 1)
    assert np.abs(np.concatenate([*out, play(engine, 1000)], axis=1)[0] - line).max() < 1e-6


def test_what_is_over_does_not_come_back(engine):
    engine.publisher.publish([targets(0.0, 0.0), targets(1.0, 0.0, 1010)])
    play(engine, 100)
    engine.publisher.publish([targets(0.0, 0.5), targets(1.0, 0.5, 1010)])
    assert np.array_equal(play(engine, 100)[:2], [[1.0] * 100, [0.5] * 100])


def test_a_plan_that_begins_later_leaves_what_is_in_force(engine):
    engine.publisher.publish([targets(0.25, 0.0), targets(1.0, 0.0, 1010), targets(0.0, 0.0, 5000)])
    play(engine, 100)
    engine.publisher.publish([targets(0.5, 0.0, 1200)])
    engine.publisher.publish([targets(0.5, 0.125, 1200)])
    first, second, _ = play(engine, 5000)
    assert np.array_equal(first, [1.0] * 100 + [0.5] * 4900)
    assert np.array_equal(second, [0.0] * 100 + [0.125] * 4900)


def test_a_fade_that_waits_keeps_its_length(engine):
    """Its time came, and something else was moved before it had begun."""
    engine.publisher.publish([targets(0.0, 0.0), targets(1.0, 0.0, 1200, ramp=500)])
    play(engine, 64)
    engine.publisher.publish([targets(1.0, 0.0, 1200, ramp=500)])
    engine.publisher.publish([targets(1.0, 0.5, 1200, ramp=1)])
    first = play(engine, 1000)[0]
    assert np.abs(first - np.clip((np.arange(1064, 2064) - 1199) / 500, 0, 1)).max() < 1e-6


def test_a_change_that_is_asked_for_now_takes_no_ramp_of_later(engine):
    engine.publisher.publish([targets(0.0, 0.0), targets(1.0, 0.0, 5000, ramp=500)])
    play(engine, 64)
    engine.publisher.publish([targets(1.0, 0.0), targets(1.0, 0.0, 5000, ramp=500)])
    assert play(engine, 100)[0].min() == 1.0


def test_what_does_not_fit_is_left_out(engine):
    engine.publisher.publish([targets(n / 16, 0.0, 1001 + 10 * n) for n in range(16)])
    assert play(engine, 1000)[0, -1] == (MAX_TARGETS - 2) / 16  # one is what was in force


def test_an_equaliser_that_is_asked_for_again_is_not_begun_anew():
    equalisers = [*[np.zeros((0, 5))] * 4, sections_of(200.0), sections_of(1000.0)]

    def filtered(again):
        made = Engine(RATE, 0, 2, SPEAKERS, 1, 100)
        made.timeline.close()
        out = []
        for n in range(6):
            if n == 0 or again:
                now = targets(1.0, 1.0, equalisers=equalisers)
                later = targets(1.0, 0.5, 2500, equalisers=[e.copy() for e in equalisers[::-1]])
                made.publisher.publish([now, targets(0.5, 1.0, 2000), later])
            out.append(play(made, 500))
        return np.concatenate(out, axis=1)

    assert np.array_equal(filtered(again=True), filtered(again=False))


def calls_of(made, positions, due_s, late_s):
    """Writes down calls as the processor does."""
    now_ns = time.monotonic_ns()
    for n, (position, late) in enumerate(zip(positions, late_s, strict=True)):
        made.memory[Word.CALL_STARTS][n % STARTS] = position, now_ns + round(1e9 * (due_s + position / RATE + late))
    made.memory.table[Word.CALLS] = len(positions)
    return 1e-9 * now_ns + due_s


def test_a_time_has_its_frame_however_late_calls_are(engine):
    late_s = np.random.default_rng(0).uniform(0, 0.02, 50)
    late_s[[37, 45]] = 0.0
    zero_s = calls_of(engine, range(0, 50 * 64, 64), -0.1, late_s)
    for frame in (-1000, 0, 4321, 9000):
        assert abs(engine.frame_at(zero_s + frame / RATE) - frame) <= 1


def test_after_a_gap_the_new_calls_are_believed(engine):
    late_s = np.where(np.arange(50) < 30, 0.0, 0.1)
    zero_s = calls_of(engine, range(0, 50 * 64, 64), -0.2, late_s)
    assert abs(engine.frame_at(zero_s + 0.1 + 5000 / RATE) - 5000) <= 1


def test_without_calls_everything_is_at_once(engine):
    zero_s = calls_of(engine, range(0, 50 * 64, 64), -2.0, np.zeros(50))
    assert engine.frame_at(zero_s + 2.1) == 0
    assert engine.frame_at(time.monotonic() - 3600.0) == 0
