"""Delays in whole frames: exact at rest, a fade between two taps when they change."""

import itertools

import numpy as np
import pytest

from stemfield.renderer.dsp.delay import TAP_WORDS, Tap, delay, hold

FADE = 960


def run(sound, block, changes, ring=16_384):
    line, words = np.zeros(ring, np.float32), np.zeros(TAP_WORDS, np.int64)
    words[[Tap.OLD, Tap.NEW, Tap.FADED]] = 100, 100, FADE
    out, at, wanted = sound.astype(np.float32), 0, 100
    cuts = sorted({*range(0, len(sound), block), *changes, len(sound)})
    for start, end in itertools.pairwise(cuts):
        wanted = changes.get(start, wanted)
        piece = out[start:end]
        delay(piece, len(piece), line, at, words, wanted, FADE)
        at += len(piece)
    return out


def test_a_delay_at_rest_leaves_every_sample_as_it_is():
    sound = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    assert np.array_equal(run(sound, 64, {})[100:], sound[:-100])


@pytest.mark.parametrize("block", [1, 16, 299, 4096, 8192])
def test_blocks_do_not_matter(block):
    sound = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    changes = {3000: 350, 3200: 7, 9000: 1000}
    assert np.array_equal(run(sound, block, changes), run(sound, 64, changes))


def test_a_change_is_a_straight_cross_fade():
    ramp = np.arange(8000) / 8000  # a delay of a ramp is an offset, so that the fade can be seen
    out = run(ramp, 64, {4000: 400})
    share = np.clip(np.arange(8000) - 3999, 0, FADE) / FADE
    wanted = np.maximum(np.arange(8000) - 100 - 300 * share, 0) / 8000
    assert np.abs(out - wanted)[500:].max() < 1e-6


def test_a_fixed_delay():
    sound = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    for block in (1, 64, 500):
        line, out = np.zeros(192 + block, np.float32), sound.copy()
        for at in range(0, 5000, block):
            piece = out[at : at + block]
            hold(piece, len(piece), line, 192)
        assert np.array_equal(out[192:], sound[:-192])
