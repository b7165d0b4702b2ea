"""The clock driver that does not wait for the time."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from stemfield.renderer.drivers.clock import PATIENCE_S, ClockDriver
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.processor import compile_ahead

RATE, PERIOD, LATENCY = 48_000, 480, 2_000


@pytest.fixture
def engine():
    made = Engine(RATE, 2, 0, 2, 1, LATENCY)
    yield made
    made.timeline.close()


@pytest.mark.parametrize("held_up_s", [0.0, 0.5])
def test_freewheeling_waits_for_the_stems_and_misses_none(engine, held_up_s):
    """A separator that is much faster than time: so is the clock, and every block finds its stems.

    One that the machine holds up for much longer than a period is waited for, too.
    """
    driver = ClockDriver(RATE, PERIOD, freewheel=True)
    engine.settle()
    done = threading.Event()

    def separate():
        rests_s = held_up_s
        while not done.is_set():
            if rests_s and engine.timeline.stems_end() > RATE:
                time.sleep(rests_s)
                rests_s = 0.0
            behind = engine.timeline.mixture_end() - engine.timeline.stems_end()
            if behind > 0:
                engine.timeline.write_stems(np.zeros((1, 2, behind), np.float32))
            time.sleep(0.0005)

    compile_ahead()
    separator = threading.Thread(target=separate)
    separator.start()
    try:
        driver.start(engine, 2)
        began = time.monotonic()
        while engine.counters().position_frames < 60 * RATE:
            assert time.monotonic() < began + 50, "no faster than time"
            time.sleep(0.01)
    finally:
        driver.close()
        done.set()
        separator.join()
    counters = engine.counters()
    assert (counters.missing_frames, counters.cuts) == (0, 0)
    assert counters.position_frames == PERIOD * counters.calls


def test_freewheeling_without_a_separator_keeps_to_the_time(engine):
    compile_ahead()
    driver = ClockDriver(RATE, PERIOD, freewheel=True)
    driver.start(engine, 2)
    time.sleep(0.5)
    driver.close()
    assert engine.counters().position_frames < RATE


def test_freewheeling_goes_on_in_time_without_a_separator_that_is_lost(engine):
    compile_ahead()
    driver = ClockDriver(RATE, PERIOD, freewheel=True)
    engine.settle()
    engine.timeline.write_stems(np.zeros((1, 2, RATE), np.float32))
    began = time.monotonic()
    driver.start(engine, 2)
    while engine.counters().position_frames < RATE + LATENCY + PERIOD:
        assert time.monotonic() < began + PATIENCE_S + 5, "the clock stands still"
        time.sleep(0.01)
    assert time.monotonic() > began + PATIENCE_S
    lost = engine.counters().position_frames
    time.sleep(0.5)
    driver.close()
    assert 0.2 * RATE < engine.counters().position_frames - lost < 0.8 * RATE
