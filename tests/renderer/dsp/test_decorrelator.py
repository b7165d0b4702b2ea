"""Decorrelators: flat, different from each other, in time with the direct sound, and always the same."""

import itertools

import numpy as np
import pytest
from decorrelator_response import impulse_response

from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.decorrelator import (
    MEAN_DELAY_S,
    STAGES,
    decorrelate,
    design,
    order_frames,
    ring_frames,
)

RATES = (44_100, 48_000, 96_000)
LABELS = load_layout("22.2").labels


def run(sound, made, rate, block):
    rings, out = np.zeros((STAGES, ring_frames(rate, block)), np.float32), sound.astype(np.float32)
    for at in range(0, len(out), block):
        piece = out[at : at + block]
        decorrelate(piece, len(piece), rings, at, made.delays, made.gains)
    return out, rings


@pytest.mark.parametrize("rate", RATES)
def test_each_is_flat(rate):
    for label in LABELS:
        spectrum = np.fft.rfft(impulse_response(design(label, rate), 1 << 15))
        assert np.abs(20 * np.log10(np.abs(spectrum))).max() < 0.01


@pytest.mark.parametrize("rate", RATES)
def test_the_energy_of_each_is_centred_where_the_direct_sound_is(rate):
    assert order_frames(rate) == round(MEAN_DELAY_S * rate)
    for label in LABELS:
        power = impulse_response(design(label, rate), 1 << 15) ** 2
        assert (power * np.arange(len(power))).sum() == pytest.approx(order_frames(rate), abs=0.01)


def test_each_is_over_soon():
    for label in LABELS:
        power = impulse_response(design(label, 48_000), 1 << 15) ** 2
        assert power[round(0.025 * 48_000) :].sum() < 1e-3


@pytest.mark.parametrize("rate", RATES)
def test_they_have_little_in_common(rate):
    """At no time shift do two of them resemble each other; nor do noises through them."""
    spectra = [np.fft.rfft(impulse_response(design(label, rate), 1 << 13), 1 << 14) for label in LABELS]
    at_once, shifted = [], []
    for one, other in itertools.combinations(spectra, 2):
        common = np.fft.irfft(one * np.conj(other))
        at_once.append(common[0])
        shifted.append(np.abs(common).max())
    assert max(shifted) < 0.3
    assert np.sqrt(np.mean(np.square(at_once))) < 0.1


def test_the_same_label_always_has_the_same_one():
    made = design("M+030", 48_000)
    assert made.delays.tolist() == PUBLISHED_DELAYS
    assert made.gains == pytest.approx(PUBLISHED_GAINS, abs=1e-4)


PUBLISHED_DELAYS = [74, 50, 34, 34]
PUBLISHED_GAINS = [-0.5919, 0.6436, -0.5462, -0.6035]


@pytest.mark.parametrize("block", [1, 16, 63, 256, 1024, 8192])
def test_equals_the_slow_one_however_time_is_cut(block):
    made, rate = design("U+045", 48_000), 48_000
    sound = np.random.default_rng(0).standard_normal(9000).astype(np.float32)
    out, _ = run(sound, made, rate, block)
    wanted = np.convolve(sound.astype(float), impulse_response(made, 9000))[:9000]
    assert np.abs(out - wanted).max() < 1e-5
    assert np.array_equal(out, run(sound, made, rate, 9000)[0])
