"""Linkwitz-Riley crossovers: two bands that sum to a flat whole."""

import numpy as np
import pytest
from scipy import signal

from stemfield.renderer.dsp.crossover import linkwitz_riley, scale_bass


def response(coefficients, rate):
    return signal.sosfreqz(np.insert(coefficients, 3, 1.0, axis=1), np.geomspace(5, 0.49 * rate, 400), fs=rate)[1]


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [20.0, 80.0, 700.0])
def test_the_bands_sum_to_the_allpass(rate, frequency_hz):
    low, high, allpass = (response(part, rate) for part in linkwitz_riley(frequency_hz, rate))
    assert np.abs(low + high - allpass).max() < 1e-6
    assert np.abs(20 * np.log10(np.abs(low + high))).max() < 1e-5


def test_both_are_6_db_down_at_the_crossover_and_in_phase():
    low, high, _ = linkwitz_riley(700.0, 48_000)
    at = [signal.sosfreqz(np.insert(part, 3, 1.0, axis=1), [700.0], fs=48_000)[1][0] for part in (low, high)]
    assert 20 * np.log10(np.abs(at)) == pytest.approx([-6.0206] * 2, abs=1e-4)
    assert np.angle(at[0] / at[1]) == pytest.approx(0.0, abs=1e-6)


def run(block, start, goal, done=0, total=1):
    crossover = linkwitz_riley(700.0, 48_000)
    out = (0.2 * np.random.default_rng(2).standard_normal(9000)).astype(np.float32)
    sound, states = out.astype(float), np.zeros((4, 2))
    for at in range(0, len(out), block):
        piece = out[at : at + block]
        work = np.zeros((2, block))
        scale_bass(piece, len(piece), crossover.low, crossover.high, states, np.float32(start), np.float32(goal),
                   done + min(at, total - done), total, work)  # fmt: skip
    return sound, out


def test_bass_is_scaled_and_the_rest_is_not():
    low, high, _ = linkwitz_riley(700.0, 48_000)
    sound, out = run(64, 0.6, 0.6)
    wanted = 0.6 * signal.sosfilt(np.insert(low, 3, 1.0, axis=1), sound)
    wanted += signal.sosfilt(np.insert(high, 3, 1.0, axis=1), sound)
    assert np.abs(out - wanted).max() < 1e-6


@pytest.mark.parametrize("block", [1, 16, 63, 256, 8192])
def test_blocks_do_not_matter(block):
    assert np.array_equal(run(block, 1.0, 0.5, 0, 5000)[1], run(9000, 1.0, 0.5, 0, 5000)[1])
