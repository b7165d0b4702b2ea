"""The whole chain in the engine, against a slow chain of scipy's filters, and however time is cut."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from decorrelator_response import impulse_response
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout, Speaker
from stemfield.renderer.dsp.binaural import monitor_filters
from stemfield.renderer.dsp.biquad import butterworth4, sections
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.crossover import linkwitz_riley
from stemfield.renderer.dsp.fir import FirError
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.dsp.identify import LFE_NOISE_BAND_HZ, NOISE, SPOKEN, SWEEP
from stemfield.renderer.engine.engine import Engine

RATE, STEMS, LATENCY, DIRECT = 48_000, 4, 1000, 3
ROWS = 2 * (STEMS + 1) + DIRECT
EQ = (EqBand("peak", 900.0, 2.0, 6.0), EqBand("highshelf", 5000.0, 0.7, -4.0))
FIR = signal.firwin(700, [200, 9000], fs=RATE, pass_zero=False)


def room(**settings):
    speakers = (
        Speaker("L", 30.0, 0.0, 2.0, 1, eq=EQ, gain_db=-3.0),
        Speaker("R", -30.0, 0.0, 2.5, 2, polarity="inverted", highpass_hz=60.0, lowpass_hz=15_000.0),
        Speaker("C", 0.0, 0.0, 1.0, 3, fir=settings.pop("fir", None)),
        Speaker("LFE1", 45.0, -10.0, 3.0, 4, lfe=True, delay_ms=2.0),
        Speaker("LS", 110.0, 0.0, 1.5, 5, max_level_db=settings.pop("max_level_db", None)),
        Speaker("RS", -110.0, 0.0, 1.7, 6),
    )
    return Layout("room", "A room", speakers, **settings)


def full_room(tmp_path, **settings):
    soundfile.write(tmp_path / "fir.wav", FIR, RATE, subtype="DOUBLE")
    bass = BassManagement(90.0, 10.0, {"LFE1": {"L": 1.0, "R": 0.7, "LS": 0.5, "RS": 1.0}})
    whole = {"compensate": Compensation(delay=True, gain=True), "dual_band": True, "bass_management": bass}
    return room(fir=tmp_path / "fir.wav", **whole, **settings)


def engine(chain):
    made = Engine(RATE, 2, DIRECT, chain.speakers, STEMS, LATENCY, chain)
    made.timeline.close()
    return made


def publish(made, direct=None, ramp=1, own=None, **further):
    zeros = np.zeros((ROWS, made.chain.speakers), np.float32)
    own = np.ones(made.chain.speakers, np.float32) if own is None else own
    made.publish(zeros if direct is None else direct, np.full(ROWS, ramp), own, ramp, **further)


def run(made, inputs, block=512, at=0, until=None):
    until = inputs.shape[1] if until is None else until
    out = np.zeros((made.outputs, until - at), np.float32)
    for start in range(at, until, block):
        end = min(start + block, until)
        made.process(np.ascontiguousarray(inputs[:, start:end]), out[:, start - at : end - at])
    return out


def noise(frames, level=0.05, seed=0):
    sound = np.zeros((2 + DIRECT, frames), np.float32)
    sound[2:] = level * np.random.default_rng(seed).standard_normal((DIRECT, frames))
    return sound


def matrices(seed=1):
    random = np.random.default_rng(seed)
    direct, diffuse = np.zeros((2, ROWS, 6), np.float32)
    direct[-DIRECT:] = random.uniform(0, 0.5, (DIRECT, 6))
    diffuse[-DIRECT:] = random.uniform(0, 0.5, (DIRECT, 6))
    diffuse[:, 3] = 0
    return direct, diffuse, random.uniform(0.5, 1, ROWS).astype(np.float32)


def delayed(sound, frames):
    return np.concatenate([np.zeros((*sound.shape[:-1], frames)), sound], axis=-1)[..., : sound.shape[-1]]


def iir(coefficients, sound):
    return signal.sosfilt(np.insert(coefficients, 3, 1.0, axis=1), sound) if len(coefficients) else sound


def slow_chain(layout, chain, sources, direct, diffuse, bass_gains, object_eq):
    """In float64, one stage after another over the whole piece, from what each stage is said to do."""
    sources = np.stack([iir(sections(object_eq, RATE), s) for s in sources.astype(float)])
    spread = np.einsum("of,os->sf", sources, diffuse)
    low, high, _ = linkwitz_riley(700.0, RATE)
    divided = np.stack([iir(high, s) + g * iir(low, s) for s, g in zip(sources, bass_gains, strict=True)])
    feeds = delayed(np.einsum("of,os->sf", divided, direct), chain.align_frames)
    for feed, one, made in zip(feeds, spread, chain.decorrelators, strict=True):
        feed += signal.fftconvolve(one, impulse_response(made, 1 << 14))[: len(one)]
    low, high, allpass = linkwitz_riley(90.0, RATE)
    bass = feeds[0] + 0.7 * feeds[1] + 0.5 * feeds[4] + feeds[5]
    lfe = iir(allpass, 10**0.5 * feeds[3]) + iir(low, bass)
    feeds = np.stack([iir(allpass if k == 2 else high, feed) for k, feed in enumerate(feeds)])
    feeds[3] = lfe
    feeds[0] = iir(sections(EQ, RATE), feeds[0])
    feeds[1] = iir(butterworth4("lowpass", 15_000.0, RATE), iir(butterworth4("highpass", 60.0, RATE), feeds[1]))
    feeds[2] = signal.fftconvolve(feeds[2], FIR)[: feeds.shape[1]]
    radii = np.array([2.0, 2.5, 1.0, 3.0, 1.5, 1.7])
    trims = radii / 3.0 * np.array([10 ** (-3 / 20), -1, 1, 1, 1, 1])
    frames = np.rint((3.0 - radii) / 343.2 * RATE).astype(int)
    frames[3] = 96
    return np.stack([delayed(t * f, n + chain.look_ahead_frames) for t, f, n in zip(trims, feeds, frames, strict=True)])


def test_the_whole_chain_is_the_slow_one(tmp_path):
    layout = full_room(tmp_path)
    chain = design_chain(layout, RATE)
    made = engine(chain)
    direct, diffuse, bass_gains = matrices()
    equalisers = [sections(EQ, RATE) if row >= ROWS - DIRECT else np.zeros((0, 5)) for row in range(ROWS)]
    publish(made, direct, diffuse_gains=diffuse, bass_gains=bass_gains, equalisers=equalisers)
    sound = noise(30_000)
    sound[:, :2000] = 0  # meanwhile gains and equalisers are faded in
    out = run(made, sound)
    wanted = slow_chain(layout, chain, sound[2:], direct[-DIRECT:], diffuse[-DIRECT:], bass_gains[-DIRECT:], EQ)
    assert np.abs(wanted).max() > 0.1
    error = 20 * np.log10(np.abs(out - wanted).max() / np.abs(wanted).max())
    assert error < -100


def all_at_work(tmp_path, cut):
    """Everything that a chain can do, changing at three times; `cut` makes blocks of a number of frames."""
    layout = full_room(tmp_path, max_level_db=-20.0)
    head = AnalyticHead(RATE)
    sound = noise(9000, 0.4)
    made = engine(design_chain(layout, RATE).monitored(head.taps))
    pieces = []
    for at, end, seed in ((0, 3000, 1), (3000, 3700, 2), (3700, 9000, 3)):
        direct, diffuse, bass_gains = matrices(seed)
        bands = [np.zeros((0, 5))] * (ROWS - seed) + [sections(EQ[:seed], RATE)] * seed
        delays = made.chain.delays_frames + 40 * seed
        publish(made, direct, 777, diffuse_gains=diffuse, bass_gains=bass_gains, equalisers=bands,
                delays_frames=delays)  # fmt: skip
        made.publish_head(monitor_filters(head, layout, 30.0 * seed))
        made.identify.request(seed, SPOKEN if seed == 2 else NOISE, 0.1)
        for size in cut(end - at):
            pieces.append(run(made, sound, size, at, min(at + size, end)))
            at += size
    return np.concatenate(pieces, axis=1)


@pytest.mark.parametrize("block", [1, 16, 63, 256, 299, 1024, 8192])
def test_how_time_is_cut_does_not_matter_to_the_last_bit(tmp_path, block):
    whole = all_at_work(tmp_path, lambda frames: [frames])
    assert np.array_equal(all_at_work(tmp_path, lambda frames: [block] * -(-frames // block)), whole)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 8192), min_size=1, max_size=50))
def test_blocks_of_any_sizes_in_any_order_make_the_same_sound(tmp_path_factory, sizes):
    folder = tmp_path_factory.getbasetemp()
    if not hasattr(all_at_work, "whole"):
        all_at_work.whole = all_at_work(folder, lambda frames: [frames])

    def cut(frames):
        for size in itertools.cycle(sizes):
            if frames <= 0:
                return
            yield min(size, frames)
            frames -= size

    assert np.array_equal(all_at_work(folder, cut), all_at_work.whole)


def test_a_chain_without_features_is_no_chain():
    flat = bare(room())
    sound = noise(5000)
    direct = matrices()[0]
    outs = []
    for chain in (Chain.plain(6, RATE), design_chain(flat, RATE, diffuse=False, limit=False), design_chain(flat, RATE)):
        made = engine(chain)
        publish(made, direct)
        outs.append((run(made, sound), made.direct_latency_frames))
        assert made.latency_frames == LATENCY + chain.latency_frames
    assert np.array_equal(outs[0][0], outs[1][0])
    latency = outs[2][1]
    assert (outs[1][1], latency) == (0, 192 + 72)
    assert np.array_equal(outs[2][0][:, latency:], outs[0][0][:, :-latency])


def bare(layout):
    speakers = (Speaker(s.label, s.azimuth_deg, 0.0, 2.0, s.channel, s.lfe) for s in layout.speakers)
    return replace(layout, speakers=tuple(speakers))


def test_diffuse_power_is_kept_and_the_feeds_are_unlike():
    made = engine(design_chain(bare(room()), RATE))
    diffuse = np.zeros((ROWS, 6), np.float32)
    diffuse[-1] = np.array([1, 1, 1, 0, 1, 1]) / np.sqrt(5)
    publish(made, diffuse_gains=diffuse)
    sound = noise(100_000)
    out = run(made, sound)[[0, 1, 2, 4, 5], 5000:].astype(float)
    power = np.square(out).mean(axis=1).sum() / np.square(sound[-1]).mean()
    assert 10 * np.log10(power) == pytest.approx(0.0, abs=0.1)
    alike = np.corrcoef(out) - np.eye(5)
    assert np.abs(alike).max() < 0.3


def test_direct_and_diffuse_sound_come_at_one_time():
    made = engine(design_chain(room(), RATE, limit=False))
    direct, diffuse = np.zeros((2, ROWS, 6), np.float32)
    direct[-1, 4] = diffuse[-1, 5] = 1
    publish(made, direct, diffuse_gains=diffuse)
    sound = noise(20_000, 0.0)
    sound[-1, 1000] = 1
    out = run(made, sound)
    times = [(np.square(feed.astype(float)) * np.arange(20_000)).sum() / np.square(feed).sum() for feed in out[[4, 5]]]
    assert times == pytest.approx([1192, 1192], abs=0.1)


def test_a_ceiling_of_its_own_leaves_the_others_alone():
    made = engine(design_chain(room(max_level_db=-20.0), RATE))
    direct = np.zeros((ROWS, 6), np.float32)
    direct[-1, [4, 5]] = 1
    publish(made, direct)
    sound = noise(20_000, 0.0)
    sound[-1] = 0.5 * np.sin(np.arange(20_000) / 20)
    out = run(made, sound)
    assert np.abs(out[4]).max() <= np.float32(0.1)
    assert np.abs(out[5]).max() == pytest.approx(0.5, abs=1e-3)


def test_walking_listener_hears_no_click():
    made = engine(design_chain(room(compensate=Compensation(delay=True)), RATE))
    direct = np.zeros((ROWS, 6), np.float32)
    direct[-1, 0] = 1
    sound = noise(30_000, 0.0)
    sound[-1] = 0.5 * np.sin(2 * np.pi * 500 * np.arange(30_000) / RATE)
    pieces = []
    for step in range(6):
        publish(made, direct, delays_frames=made.chain.delays_frames + 30 * step)
        pieces.append(run(made, sound, 64, 5000 * step, 5000 * (step + 1)))
    out = np.concatenate(pieces, axis=1)[0, 1000:]
    steady = 0.5 * (2 * np.pi * 500 / RATE) ** 2
    assert np.abs(np.diff(out, 2)).max() < 1.2 * steady
    with pytest.raises(ValueError, match="must be 0 to"):
        publish(made, delays_frames=np.full(6, 1 << 20))


def test_identify_sounds_where_it_should_and_ends():
    made = engine(design_chain(room(), RATE, diffuse=False))
    publish(made)
    silence = noise(60_000, 0.0)
    made.identify.request(1, NOISE, 0.1)
    out = run(made, silence)
    assert np.abs(out[1]).max() == pytest.approx(0.1, rel=1e-4)
    assert np.abs(np.delete(out, 1, axis=0)).max() == 0
    assert np.abs(out[1, RATE + 100 :]).max() == 0
    made.identify.request(3, NOISE, 0.2)
    spectrum = np.square(np.abs(np.fft.rfft(run(made, silence)[3])))
    f_hz = np.fft.rfftfreq(60_000, 1 / RATE)
    low, high = LFE_NOISE_BAND_HZ
    assert spectrum[(f_hz > low) & (f_hz < high)].sum() > 0.9 * spectrum.sum()
    made.identify.request(0, SWEEP, 0.3)
    first = run(made, silence, until=10_000)
    made.identify.request(0, 0, 0.3)
    second = run(made, silence, until=10_000)
    assert np.abs(first[0]).max() == pytest.approx(0.3, rel=1e-3)
    assert np.abs(second[0, 400:]).max() == 0
    made.identify.request(0, SPOKEN, 0.1)
    said = run(made, silence)[0]
    assert np.abs(said).max() == pytest.approx(0.1, rel=1e-3)
    assert np.abs(said[30_000:]).max() == 0  # an L is soon said
    for wrong in ((6, NOISE, 0.1), (0, 4, 0.1), (0, -1, 0.1), (0, NOISE, 1.5), (0, NOISE, float("nan"))):
        with pytest.raises(ValueError, match=r"loudspeaker|sound"):
            made.identify.request(*wrong)


def test_muting_a_loudspeaker_silences_it_and_the_monitor_of_it():
    head = AnalyticHead(RATE)
    made = engine(design_chain(room(), RATE).monitored(head.taps))
    direct = np.zeros((ROWS, 6), np.float32)
    direct[-1, 0] = 1
    own = np.ones(6, np.float32)
    own[0] = 0
    made.publish_head(monitor_filters(head, room()))
    publish(made, direct, own=own)
    assert np.abs(run(made, noise(9000))[:, 2000:]).max() == 0
    publish(made, direct)
    out = run(made, noise(9000))
    assert np.abs(out[[0, 6, 7]]).max(axis=1).min() > 0.05


def test_meters_show_peak_and_rms():
    made = engine(design_chain(room(), RATE))
    direct = np.zeros((ROWS, 6), np.float32)
    direct[-1, 5] = 0.5
    publish(made, direct)
    sound = noise(20_000, 0.0)
    sound[-1] = 0.4 * np.sin(2 * np.pi * 300 * np.arange(20_000) / RATE)
    run(made, sound, 64)
    found = made.meters()
    _, sources, feeds = np.split(np.sqrt(found.mean_squares[-1]), [2, 2 + ROWS])
    assert sources[-1] == pytest.approx(0.4 / np.sqrt(2), rel=1e-3)
    assert feeds[5] == pytest.approx(0.2 / np.sqrt(2), rel=1e-3)
    assert found.peaks[-1, 2 + ROWS + 5] == pytest.approx(0.2, rel=1e-3)


def test_meters_keep_every_period_and_what_the_limiters_did():
    made = engine(design_chain(room(max_level_db=-20.0), RATE))
    direct = np.zeros((ROWS, 6), np.float32)
    direct[-1, [0, 4]] = 1.0
    publish(made, direct)
    assert made.meters().periods == len(made.meters().peaks) == 0
    sound = noise(20 * 1600, 0.0)
    for period in range(20):
        sound[-1, period * 1600 + 800] = 0.03 * period
    run(made, sound, 160)
    found = made.meters()
    assert found.periods == len(found.peaks) == 20
    np.testing.assert_allclose(found.peaks[:, 1 + ROWS], 0.03 * np.arange(20), rtol=1e-6)  # the last source
    np.testing.assert_array_equal(np.argsort(found.limits[:, 4])[:4], [19, 18, 17, 16])
    assert found.limits[19, 4] == pytest.approx(0.1 / 0.57, rel=0.01)
    assert found.limits[:, [0, 1, 2, 3, 5]].min() == 1.0  # only the one with a ceiling of its own
    run(made, np.tile(sound, 5), 160)
    assert (made.meters().periods, len(made.meters().peaks)) == (120, 62)


def test_every_bad_correction_is_named(tmp_path):
    layout = room()
    bad = tuple(replace(s, fir=Path(tmp_path / f"{s.label}.wav")) for s in layout.speakers[:2])
    with pytest.raises(FirError, match=r"(?s)L: .*L\.wav.*\nR: .*R\.wav"):
        design_chain(replace(layout, speakers=bad), RATE)


def test_a_chain_of_another_room_is_refused():
    with pytest.raises(ValueError, match="6 loudspeakers at 48000"):
        Engine(44_100, 2, 0, 6, STEMS, LATENCY, Chain.plain(6, 48_000))
