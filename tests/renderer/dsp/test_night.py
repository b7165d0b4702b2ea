"""Night listening: what it does to levels, and that nothing else decides it."""

import numpy as np
import pytest

from stemfield.renderer.dsp.night import HIGHEST_DB, LOWEST_DB, NOISE_DB, PIVOT_DB, gain_db
from stemfield.renderer.engine.engine import Engine

RATE, SPEAKERS = 48_000, 4


def played(sound, night=1.0, blocks=64, limited=slice(None)):
    """Feeds of an engine whose direct input plays on two of four loudspeakers."""
    made = Engine(RATE, 0, 1, SPEAKERS, 0, 0)
    made.timeline.close()
    matrix = np.zeros((3, SPEAKERS), np.float32)
    matrix[2, :2] = np.sqrt(0.5)
    made.publish(matrix, np.ones(3, np.int64), np.ones(SPEAKERS, np.float32), 1, night=night)
    made.settle()
    out = np.zeros((SPEAKERS, len(sound)), np.float32)
    for at in range(0, len(sound), blocks):
        made.process(sound[None, at : at + blocks].astype(np.float32), out[:, at : at + blocks])
    return out


def tone(level_db, seconds=3.0):
    time_s = np.arange(round(seconds * RATE)) / RATE
    return 10 ** (level_db / 20) * np.sqrt(2) * np.sin(2 * np.pi * 500 * time_s)


def level_db(feeds):
    return 10 * np.log10((feeds[:, -RATE:].astype(float) ** 2).sum(axis=0).mean())


@pytest.mark.parametrize("steady_db", [-12.0, -24.0, -34.0, -48.0, -70.0])
def test_steady_sound_gets_the_gain_of_the_curve(steady_db):
    assert level_db(played(tone(steady_db))) == pytest.approx(steady_db + gain_db(steady_db), abs=1.0)


def test_the_curve_turns_loud_down_and_soft_up_and_leaves_noise():
    assert gain_db(PIVOT_DB) == 0.0
    assert gain_db(0.0) == pytest.approx(-16.0)
    assert gain_db(-36.0) == pytest.approx(8.0)
    assert gain_db(NOISE_DB) == HIGHEST_DB
    assert gain_db(-59.0) == gain_db(-120.0) == 0.0
    assert gain_db(20.0) == LOWEST_DB


def test_music_of_a_wide_range_becomes_narrow():
    loud, soft = played(tone(-10.0)), played(tone(-40.0))
    assert level_db(loud) - level_db(soft) < 14.0


def test_off_it_touches_nothing_and_the_size_of_blocks_does_not_matter():
    noise = 0.3 * np.random.default_rng(2).standard_normal(30_000)
    off = played(noise, night=0.0)
    assert np.array_equal(off[0], off[1])
    assert np.array_equal(off[0], (noise.astype(np.float32) * np.float32(np.sqrt(0.5))))
    assert np.array_equal(played(noise, blocks=64), played(noise, blocks=1000))


def test_all_loudspeakers_have_one_gain_and_nothing_clicks():
    """The gain between neighbouring samples never changes by more than the smoothing allows."""
    steps = np.concatenate([tone(-40, 1.0), tone(-6, 1.0), tone(-40, 1.0)])
    feeds = played(steps)
    assert np.array_equal(feeds[0], feeds[1])
    gains = feeds[0] / np.where(np.abs(steps) > 1e-3, steps * np.sqrt(0.5), np.nan)
    change = np.abs(np.diff(20 * np.log10(gains[np.isfinite(gains)])))
    assert np.nanmax(change) < 0.2
