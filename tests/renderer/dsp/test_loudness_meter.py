"""Loudness by ITU-R BS.1770 against what the standard says, and against another implementation."""

import numpy as np
import pyloudnorm
import pytest

from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.loudness import LoudnessMeter, channel_weights
from stemfield.renderer.dsp.weighting import k_weighting

RATE = 48_000


def heard(sound, weights, rate=RATE, block=4801):
    meter = LoudnessMeter(rate, weights)
    for at in range(0, sound.shape[1], block):
        meter.add(sound[:, at : at + block])
    return meter.integrated_lkfs


def test_the_filters_at_48_khz_are_those_of_the_standard():
    expected = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(RATE), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000, 96_000])
def test_a_sine_at_full_scale_has_minus_3_01(rate):
    sine = np.sin(2 * np.pi * 997 / rate * np.arange(3 * rate))[None]
    near = 0.005 if rate == RATE else 0.03  # the standard gives its filters for 48 kHz alone
    assert heard(sine, [1.0], rate) == pytest.approx(-3.01, abs=near)
    assert heard(sine, [10**0.15], rate) == pytest.approx(-1.51, abs=near)


def test_silence_and_too_little_have_none():
    assert heard(np.zeros((2, RATE)), [1, 1]) == -np.inf
    assert heard(np.ones((2, RATE // 3)), [1, 1]) == -np.inf


@pytest.mark.parametrize("block", [1, 480, 100_000])
def test_another_implementation_measures_the_same_however_sound_is_cut(block):
    rng = np.random.default_rng(1770)
    frames = RATE // 4 if block == 1 else 12 * RATE
    frames = max(frames, RATE)
    envelope = np.interp(np.arange(frames), [0, frames / 2, frames], [0.5, 0.001, 0.3])  # part of it is gated
    sound = envelope * rng.normal(size=(5, frames)) * [[0.1], [0.2], [0.1], [0.3], [0.2]]
    weights = channel_weights(load_layout("0+5+0"))
    five = [weights[k] for k in (0, 1, 2, 4, 5)]
    assert five == pytest.approx([1, 1, 1, 1.41, 1.41], abs=0.005)
    theirs = pyloudnorm.Meter(RATE, filter_class="DeMan").integrated_loudness(sound.T)
    assert heard(sound, [1, 1, 1, 1.41, 1.41], block=max(block, 48)) == pytest.approx(theirs, abs=0.02)


def test_weights_of_22_2():
    layout = load_layout("22.2")
    weights = dict(zip(layout.labels, channel_weights(layout), strict=True))
    assert weights["LFE1"] == weights["LFE2"] == 0
    louder = {label for label, weight in weights.items() if weight > 1}
    assert louder == {"M+060", "M-060", "M+090", "M-090"}
