"""The embedded head: what ears do to sound, in the sizes that are known of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import signal, special

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement
from stemfield.renderer.dsp.binaural import MonitorTable, monitor_filters, render_ears, state
from stemfield.renderer.dsp.hrtf import EARS_AZIMUTH_DEG, HEAD_RADIUS_M, AnalyticHead, rotated
from stemfield.renderer.dsp.measured import MeasuredHead

RATE = 48_000
HEAD = AnalyticHead(RATE)
SIDES = np.arange(-90.0, 91.0, 15.0)


def responses(azimuth_deg, elevation_deg=0.0):
    return HEAD.filters(cartesian(azimuth_deg, elevation_deg).reshape(-1, 3)).astype(float)


def level_db(response, low_hz, high_hz):
    f_hz = np.fft.rfftfreq(1024, 1 / RATE)
    band = (f_hz >= low_hz) & (f_hz <= high_hz)
    return 10 * np.log10(np.square(np.abs(np.fft.rfft(response, 1024)))[..., band].mean(axis=-1))


def lag_s(pair):
    """By how much the left ear hears earlier, below 1.5 kHz."""
    low = signal.butter(4, 1500, fs=RATE, output="sos")
    left, right = signal.resample_poly(signal.sosfilt(low, np.pad(pair, ((0, 0), (0, 128)))), 8, 1, axis=-1)
    return (np.argmax(signal.correlate(right, left)) - (len(left) - 1)) / (8 * RATE)


def test_the_ear_that_is_nearer_hears_earlier_and_louder():
    found = responses(SIDES)
    lags = np.array([lag_s(pair) for pair in found])
    assert (np.diff(lags) > 0).all()
    # a rigid sphere delays low frequencies by 3 a sin(azimuth) / c; the ears sit behind its middle
    largest = 3 * HEAD_RADIUS_M / 343.2
    assert 0.8 * largest < lags[-1] < 1.05 * largest
    levels = level_db(found, 3000, 12_000)
    differences = levels[:, 0] - levels[:, 1]
    assert (np.diff(differences)[1:-1] > 0).sum() >= 8  # beyond 60 degrees waves meet again behind the sphere
    assert 8 < differences[-1] < 25
    assert 8 < differences[-3] < 25
    low = level_db(found, 50, 200)
    assert np.abs(low[:, 0] - low[:, 1]).max() < 2.5


def sphere(cosines, f_hz):
    """Pressure on a rigid sphere, by the angle from the source: the series of Rayleigh, term by term."""
    k = 2 * np.pi * f_hz * HEAD_RADIUS_M / 343.2
    found = np.zeros((*cosines.shape, len(k)), complex)
    for m in range(12):
        slope = special.spherical_jn(m, k, True) - 1j * special.spherical_yn(m, k, True)
        found += special.eval_legendre(m, cosines)[..., None] * ((2 * m + 1) * 1j ** (m - 1) / (k**2 * slope))
    return found


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_below_1_khz_the_ears_differ_as_on_a_bare_sphere(rate):
    """Pinnae and shoulders send on what has reached their own ear, so they do not bring the two nearer together."""
    f_hz = np.array([100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0])
    around_deg, up_deg = np.meshgrid(np.arange(15.0, 180.0, 15.0), [-30.0, 0.0, 45.0])
    directions = cartesian(around_deg.ravel(), up_deg.ravel())
    found = AnalyticHead(rate).filters(directions).astype(float)
    ours = found @ np.exp(-2j * np.pi * np.outer(np.arange(found.shape[-1]) / rate, f_hz))
    bare = sphere(directions @ cartesian([EARS_AZIMUTH_DEG, -EARS_AZIMUTH_DEG], 0.0).T, f_hz)
    ours, bare = ours[:, 0] / ours[:, 1], bare[:, 0] / bare[:, 1]
    assert np.abs(20 * np.log10(np.abs(ours) / np.abs(bare))).max() < 0.3
    late = [np.unwrap(np.angle(ratio), axis=-1) / f_hz for ratio in (ours, bare)]
    np.testing.assert_allclose(*late, rtol=0.05)


def test_a_measured_head_agrees():
    """The ears of the dummy head KEMAR, as measured at the MIT: its torso and pinnae shade more, never less."""
    kemar = MeasuredHead(Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa"), RATE)
    directions = cartesian(np.array([30.0, 60.0, 90.0, 120.0, 150.0]), 0.0)
    theirs, ours = (head.filters(directions).astype(float) for head in (kemar, HEAD))
    for low_hz, high_hz in ((250, 500), (500, 1000), (1000, 2000), (2000, 6000)):
        measured, found = (np.diff(level_db(pairs, low_hz, high_hz)[:, ::-1])[:, 0] for pairs in (theirs, ours))
        assert (found > 0).all()
        assert (found < measured + 4).all()
    lags = [np.array([lag_s(pair) for pair in pairs]) for pairs in (theirs, ours)]
    np.testing.assert_allclose(*lags, atol=100e-6)


def test_left_and_right_are_mirrored():
    assert np.abs(responses(40.0, 20.0)[0, 0] - responses(-40.0, 20.0)[0, 1]).max() < 1e-6


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_sound_reaches_the_middle_of_the_head_at_its_latency(rate):
    """An ear that sees the source hears it earlier than the middle would, by its own distance towards it."""
    head = AnalyticHead(rate)
    for azimuth_deg in (45.0, 70.0, 100.0, 130.0):
        found = np.abs(head.filters(cartesian(azimuth_deg, 0.0)[None])[0, 0])
        nearer_s = HEAD_RADIUS_M / 343.2 * np.cos(np.radians(azimuth_deg - EARS_AZIMUTH_DEG))
        assert np.argmax(found) == pytest.approx(head.latency_frames - nearer_s * rate, abs=1.0)


def test_front_back_and_up_differ_and_the_mean_has_no_colour():
    f_hz = np.fft.rfftfreq(1024, 1 / RATE)
    audible = (f_hz > 500) & (f_hz < 16_000)

    def colour(azimuth_deg, elevation_deg):
        return 20 * np.log10(np.abs(np.fft.rfft(responses(azimuth_deg, elevation_deg)[0, 0], 1024))[audible])

    front, back, up, above = colour(0, 0), colour(180, 0), colour(0, 90), colour(0, 45)
    for one, other in ((front, back), (front, up), (front, above), (up, back)):
        assert np.sqrt(np.mean(np.square(one - other))) > 2.5
    assert level_db(responses(180.0), 6000, 12_000)[0, 0] < level_db(responses(0.0), 6000, 12_000)[0, 0] - 3
    spread = np.random.default_rng(0).standard_normal((2000, 3))
    mean = 10 * np.log10(np.square(np.abs(np.fft.rfft(HEAD.filters(spread), 1024))).mean(axis=(0, 1)))
    assert np.abs(mean[(f_hz > 300) & (f_hz < 16_000)]).max() < 1.0


def test_the_responses_are_whole_at_every_rate():
    for rate in (44_100, 96_000):
        head = AnalyticHead(rate)
        assert head.taps % 8 == 0
        found = head.filters(cartesian(SIDES, 0.0)).astype(float)
        edges = np.square(found[..., -8:]).sum() + np.square(found[..., :4]).sum()
        assert edges < 2e-3 * np.square(found).sum()


@pytest.mark.parametrize(
    ("turn", "direction", "seen"),
    [
        ((30, 0, 0), (30, 0), (0, 0)),  # the head looks at it
        ((0, 30, 0), (0, 30), (0, 0)),
        ((0, 0, 90), (-90, 0), (0, 90)),  # the head lies on the right shoulder: its top points to the right
        ((90, 0, 0), (0, 0), (-90, 0)),
    ],
)
def test_turns_of_the_head(turn, direction, seen):
    found = rotated(cartesian(*direction).reshape(1, 3), *turn)[0]
    assert found == pytest.approx(cartesian(*seen), abs=1e-12)


def listen(feeds, filters_at, block):
    taps = next(iter(filters_at.values())).shape[2]
    made, ears = state(len(feeds), taps, RATE), []
    for at in range(0, feeds.shape[1], block):
        if at in filters_at:
            made[MonitorTable.TARGETS][0] = filters_at[at]
            made[MonitorTable.VERSIONS][0] += 1
        piece = np.ascontiguousarray(feeds[:, at : at + block])
        out = np.zeros((2, piece.shape[1]), np.float32)
        render_ears(piece, out, piece.shape[1], made.table, np.zeros((2, block), np.float32))
        ears.append(out)
    return np.concatenate(ears, axis=1)


def test_the_ears_hear_the_sum_of_all_loudspeakers():
    layout = load_layout("5.1")
    filters = monitor_filters(HEAD, layout)
    feeds = (0.1 * np.random.default_rng(0).standard_normal((6, 6000))).astype(np.float32)
    heard = listen(feeds, {0: filters}, 64)
    wanted = sum(
        signal.fftconvolve(np.tile(feed.astype(float), (2, 1)), taps[:, ::-1], axes=1)[:, :6000]
        for feed, taps in zip(feeds, filters, strict=True)
    )
    assert np.abs(heard - wanted)[:, 2000:].max() < 1e-5


def test_a_turning_head_makes_no_click():
    layout = load_layout("5.1")
    time = np.arange(24_000) / RATE
    feeds = np.zeros((6, 24_000), np.float32)
    feeds[0] = np.sin(2 * np.pi * 300 * time)
    turns = {at: monitor_filters(HEAD, layout, at / 64) for at in range(0, 24_000, 640)}
    heard = listen(feeds, turns, 64)[:, 2000:]
    assert np.abs(np.diff(heard, 2)).max() < 1.3 * np.abs(heard).max() * (2 * np.pi * 300 / RATE) ** 2


def test_an_lfe_is_heard_by_both_ears_alike():
    layout = load_layout("5.1")
    lfe = monitor_filters(HEAD, layout, 70.0)[layout.labels.index("LFE1"), :, ::-1]
    assert np.array_equal(lfe[0], lfe[1])
    assert np.flatnonzero(lfe[0]).tolist() == [HEAD.latency_frames]
    managed = replace(layout, bass_management=BassManagement(lfe_gain_db=10.0))
    boosted = monitor_filters(HEAD, managed)[layout.labels.index("LFE1")]
    assert boosted.max() == pytest.approx(lfe.max() * 10**0.5)
