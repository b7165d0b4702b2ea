"""The sounds by which loudspeakers are found: in their band, never above full scale, soft at both ends."""

import numpy as np
import pytest

from stemfield.renderer.dsp.identify import (
    LFE_NOISE_BAND_HZ,
    NOISE,
    NOISE_BAND_HZ,
    SPOKEN,
    SWEEP,
    SWEEP_S,
    identifying_sound,
)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_noise_lies_in_its_band(rate):
    for lfe, (from_hz, to_hz) in ((False, NOISE_BAND_HZ), (True, LFE_NOISE_BAND_HZ)):
        noise = identifying_sound(NOISE, rate, lfe, "M+030")
        power = np.square(np.abs(np.fft.rfft(noise.astype(float))))
        f_hz = np.fft.rfftfreq(len(noise), 1 / rate)
        assert power[(f_hz > 0.9 * from_hz) & (f_hz < 1.1 * to_hz)].sum() > 0.95 * power.sum()
        assert len(noise) == rate


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_each_peaks_at_full_scale_and_begins_and_ends_softly(rate):
    for kind in (NOISE, SWEEP, SPOKEN):
        for lfe in (False, True):
            sound = identifying_sound(kind, rate, lfe, "M+030")
            assert np.abs(sound).max() == pytest.approx(1.0, abs=1e-6)
            assert np.abs(sound[:20]).max() < 0.01
            assert np.abs(sound[-20:]).max() < 0.01


def test_the_sweep_rises_from_bottom_to_top():
    sweep = identifying_sound(SWEEP, 48_000, False, "M+030")
    assert len(sweep) == SWEEP_S * 48_000
    crossings = [np.count_nonzero(np.diff(np.signbit(part))) for part in np.array_split(sweep, 10)]
    assert (np.diff(crossings) > 0).all()
    assert crossings[-1] / (2 * SWEEP_S / 10) > 12_000


def test_what_cannot_be_said_is_noise_and_so_is_an_lfe():
    noise, low = (identifying_sound(NOISE, 48_000, lfe, "") for lfe in (False, True))
    assert np.array_equal(identifying_sound(SPOKEN, 48_000, False, "Hochtöner"), noise)
    assert np.array_equal(identifying_sound(SPOKEN, 48_000, True, "LFE1"), low)
    assert len(identifying_sound(SPOKEN, 48_000, False, "M+030")) != len(noise)
