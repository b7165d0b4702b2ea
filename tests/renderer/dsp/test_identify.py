"""The sounds by which loudspeakers are found: in their band, never above full scale, soft at both ends."""

import numpy as np
import pytest

from stemfield.renderer.dsp.identify import LFE_NOISE_BAND_HZ, NOISE_BAND_HZ, SWEEP_S, sounds


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_noise_lies_in_its_band(rate):
    full, low = sounds(rate)
    for noise, (from_hz, to_hz) in ((full[0], NOISE_BAND_HZ), (low[0], LFE_NOISE_BAND_HZ)):
        power = np.square(np.abs(np.fft.rfft(noise.astype(float))))
        f_hz = np.fft.rfftfreq(len(noise), 1 / rate)
        assert power[(f_hz > 0.9 * from_hz) & (f_hz < 1.1 * to_hz)].sum() > 0.95 * power.sum()
        assert len(noise) == rate


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_each_peaks_at_full_scale_and_begins_and_ends_softly(rate):
    for pair in sounds(rate):
        for sound in pair:
            assert np.abs(sound).max() == pytest.approx(1.0, abs=1e-6)
            assert np.abs(sound[:20]).max() < 0.01
            assert np.abs(sound[-20:]).max() < 0.01


def test_the_sweep_rises_from_bottom_to_top():
    _, sweep = sounds(48_000)[0]
    assert len(sweep) == SWEEP_S * 48_000
    crossings = [np.count_nonzero(np.diff(np.signbit(part))) for part in np.array_split(sweep, 10)]
    assert (np.diff(crossings) > 0).all()
    assert crossings[-1] / (2 * SWEEP_S / 10) > 12_000
