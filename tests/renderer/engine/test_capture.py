"""The tape holds what the sources play, frame by frame, for as long as it says."""

import numpy as np
import pytest

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.shared import CHUNK_FRAMES
from stemfield.renderer.engine.capture import CAPTURE_FRAMES
from stemfield.renderer.engine.engine import Engine

RATE = 48_000


@pytest.fixture
def engine():
    made = Engine(RATE, 2, 1, 2, 1, 100)
    yield made
    made.timeline.close()


def play(engine, inputs, block):
    for at in range(0, inputs.shape[1], block):
        part = np.ascontiguousarray(inputs[:, at : at + block])
        engine.process(part, np.zeros((engine.outputs, part.shape[1]), np.float32))


@pytest.mark.parametrize("block", [1, 64, 333, 4096])
def test_it_holds_what_was_played_since_it_began(engine, block):
    inputs = np.random.default_rng(1).uniform(-1, 1, (3, 5000)).astype(np.float32)
    play(engine, inputs[:, :1000], block)
    assert engine.capture.end is None
    first = engine.capture.start()
    assert first == 1000 + CHUNK_FRAMES
    assert engine.capture.end is None
    play(engine, inputs[:, 1000:], block)
    assert engine.capture.end == 5000
    sound = engine.capture.read(first, 5000)
    assert sound.shape == (5, 5000 - first)
    np.testing.assert_array_equal(sound[4], inputs[2, first:])
    # without stems the residual is the mixture, late by the latency
    np.testing.assert_array_equal(sound[2:4], inputs[:2, first - 100 : 4900])
    assert not sound[:2].any()
    engine.capture.stop()
    play(engine, inputs, block)
    assert engine.capture.end == 5000


def test_stems_are_on_it_as_far_as_they_came(engine):
    stems = np.random.default_rng(2).uniform(-1, 1, (1, 2, 3000)).astype(np.float32)
    engine.settle()
    engine.capture.start()
    engine.timeline.write_stems(stems)
    mixture = np.random.default_rng(3).uniform(-1, 1, (3, 6000)).astype(np.float32)
    play(engine, mixture, 100)
    sound = engine.capture.read(CHUNK_FRAMES, 6000)
    late = CHUNK_FRAMES - 100
    np.testing.assert_array_equal(sound[:2, :2000], stems[0, :, late : late + 2000])
    assert not sound[:2, 3200:].any()  # none came, and the fade is over
    np.testing.assert_allclose(sound[:2] + sound[2:4], mixture[:2, late : late + sound.shape[1]], atol=1e-6)


def test_equalisers_are_in_it(engine):
    equaliser = sections((EqBand("lowpass", 200.0),), RATE)
    none = np.zeros((0, 5))
    gains, ramps = np.zeros((5, 2), np.float32), np.ones(5, np.int64)
    equalisers = [none, none, none, none, equaliser]
    engine.publish(gains, ramps, np.ones(2, np.float32), 1, equalisers=equalisers)
    engine.capture.start()
    inputs = np.random.default_rng(1).uniform(-1, 1, (3, 9000)).astype(np.float32)
    play(engine, inputs, 256)
    sound = engine.capture.read(4000, 9000)
    assert 0 < np.square(sound[4]).mean() < 0.05 * np.square(inputs[2]).mean()


def test_what_is_overwritten_is_said_to_be(engine):
    first = engine.capture.start()
    play(engine, np.zeros((3, CAPTURE_FRAMES), np.float32), 8192)
    assert engine.capture.read(first, first + 10) is not None
    play(engine, np.ones((3, 1024), np.float32), 1024)
    assert engine.capture.read(first, first + 10) is None
    end = engine.capture.end
    np.testing.assert_array_equal(engine.capture.read(end - 1024, end)[4], np.ones(1024))


def test_it_may_begin_again(engine):
    engine.capture.start()
    play(engine, np.ones((3, 1000), np.float32), 100)
    engine.capture.stop()
    assert engine.capture.start() == 1000 + CHUNK_FRAMES
    assert engine.capture.end is None
