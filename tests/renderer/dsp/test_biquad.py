"""Biquads: what the cookbook promises of each design, and the compiled cascade against scipy's."""

import numpy as np
import pytest
from scipy import signal

from stemfield.layouts.model import EqBand
from stemfield.renderer.dsp.biquad import butterworth4, cascade, section, sections

RATES = (44_100, 48_000, 96_000, 192_000)


def magnitude_db(coefficients, frequency_hz, rate):
    b, a = coefficients[:3], np.r_[1.0, coefficients[3:]]
    _, h = signal.freqz(b, a, np.atleast_1d(frequency_hz), fs=rate)
    return 20 * np.log10(np.abs(h) + 1e-30)


def sos(coefficients):
    return np.insert(coefficients, 3, 1.0, axis=1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("gain_db", [-20.0, -3.0, 6.0, 20.0])
def test_peaks_and_shelves_reach_their_gain_where_they_should(rate, gain_db):
    for f_hz in (50.0, 1000.0, 12_000.0):
        peak = section(EqBand("peak", f_hz, 2.0, gain_db), rate)
        assert magnitude_db(peak, [f_hz, 0.0], rate) == pytest.approx([gain_db, 0.0], abs=1e-6)
        low = section(EqBand("lowshelf", f_hz, 0.7, gain_db), rate)
        assert magnitude_db(low, [0.0, f_hz, rate / 2], rate) == pytest.approx([gain_db, gain_db / 2, 0.0], abs=1e-6)
        high = section(EqBand("highshelf", f_hz, 0.7, gain_db), rate)
        assert magnitude_db(high, [0.0, f_hz, rate / 2], rate) == pytest.approx([0.0, gain_db / 2, gain_db], abs=1e-6)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("q", [0.3, 0.7071, 8.0])
def test_passes_and_stops(rate, q):
    f_hz = 3000.0
    q_db = 20 * np.log10(q)
    assert magnitude_db(section(EqBand("lowpass", f_hz, q), rate), [0.0, f_hz], rate) == pytest.approx([0.0, q_db])
    top = magnitude_db(section(EqBand("highpass", f_hz, q), rate), [f_hz, rate / 2], rate)
    assert top == pytest.approx([q_db, 0.0], abs=1e-9)
    assert magnitude_db(section(EqBand("bandpass", f_hz, q), rate), f_hz, rate) == pytest.approx(0.0, abs=1e-9)
    assert magnitude_db(section(EqBand("bandstop", f_hz, q), rate), f_hz, rate)[0] < -200
    everywhere = np.linspace(0, rate / 2, 500)
    assert np.abs(magnitude_db(section(EqBand("allpass", f_hz, q), rate), everywhere, rate)).max() < 1e-9


def test_bands_beyond_the_half_of_the_rate_are_stable():
    for kind in ("lowpass", "highpass", "bandpass", "bandstop", "peak", "lowshelf", "highshelf", "allpass"):
        found = section(EqBand(kind, 96_000.0, 100.0, 20.0), 44_100)
        assert np.abs(np.roots(np.r_[1.0, found[3:]])).max() < 1


def test_butterworth_is_scipys():
    for kind in ("lowpass", "highpass"):
        own = butterworth4(kind, 2500.0, 48_000)
        _, h = signal.sosfreqz(sos(own), 512, fs=48_000)
        _, wanted = signal.sosfreqz(signal.butter(4, 2500.0, kind, fs=48_000, output="sos"), 512, fs=48_000)
        assert np.abs(h - wanted).max() < 1e-9


BANDS = (EqBand("highpass", 20.0), EqBand("peak", 60.0, 30.0, 12.0), EqBand("highshelf", 8000.0, 0.7, -6.0))


@pytest.mark.parametrize("block", [1, 16, 63, 256, 8192])
def test_the_cascade_is_scipys_and_does_not_depend_on_blocks(block):
    sound = np.random.default_rng(0).standard_normal(20_000)
    wanted = sections(BANDS, 48_000)

    def run(size):
        out, states = sound.copy(), np.zeros((3, 2))
        for at in range(0, len(out), size):
            piece = out[at : at + size]
            cascade(piece, wanted, states, 3, len(piece))
        return out

    assert np.abs(run(block) - signal.sosfilt(sos(wanted), sound)).max() < 1e-9
    assert np.array_equal(run(block), run(20_000))
