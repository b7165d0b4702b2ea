"""What leaves the engine hurts neither ears nor loudspeakers, whatever comes in."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from stemfield.layouts.model import BassManagement, EqBand, Layout, Speaker
from stemfield.renderer.dsp.binaural import monitor_filters
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.dsp.identify import NOISE, SPOKEN, SWEEP, SWEEP_S
from stemfield.renderer.dsp.output_fade import FALL_S, RISE_S, FadeTable
from stemfield.renderer.dsp.output_fade import run as fade
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.native.operations import load_acquire

RATE, STEMS, DIRECT, LATENCY = 48_000, 4, 2, 700
ROWS = 2 * (STEMS + 1) + DIRECT
BLOCK, SHORT_BLOCK = 256, 64
RESONANCES = (EqBand("lowpass", 2000.0, 100.0),) * 16
"""The worst that a sender of OSC can ask of an object."""
SHELVES = (EqBand("lowshelf", 2000.0, 0.7, 20.0),) * 32
"""And the worst that a layout can ask of a loudspeaker."""
RUBBISH = np.array([np.nan, np.inf, -np.inf, 3e38, -1e30, 2e4, -1e4, 1e-42, 1.0, -0.3, 0.0], np.float32)


def room(ceilings_db=(None,) * 5, eq=()):
    speakers = tuple(
        Speaker(f"S{k}", azimuth, 0.0, 1.0 + 0.3 * k, k + 1, lfe=k == 4, max_level_db=level, eq=eq if k == 1 else ())
        for k, (azimuth, level) in enumerate(zip((30.0, -30.0, 110.0, -110.0, 0.0), ceilings_db, strict=True))
    )
    return Layout("room", "A room", speakers, bass_management=BassManagement(80.0, 10.0))


HEAD = AnalyticHead(RATE)


def engine(layout=None, inputs=2):
    chain = Chain.plain(5, RATE) if layout is None else design_chain(layout, RATE).monitored(HEAD.taps)
    made = Engine(RATE, inputs, DIRECT, 5, STEMS, LATENCY, chain)
    made.timeline.close()
    if layout is not None:
        made.publish_head(monitor_filters(HEAD, layout))
    return made


def publish(made, direct, diffuse=None, eq=()):
    bands = [sections(eq, RATE)] * ROWS
    own = np.ones(5, np.float32)
    made.publish(direct, np.full(ROWS, 240), own, 240, diffuse_gains=diffuse, equalisers=bands)


def run(made, inputs, block=BLOCK):
    out = np.empty((made.outputs, inputs.shape[1]), np.float32)
    for at in range(0, inputs.shape[1], block):
        piece = np.ascontiguousarray(inputs[:, at : at + block])
        made.process(piece, out[:, at : at + block])
    return out


def rubbish(random, shape, share):
    """Music, and so much of it that is none."""
    sound = (0.3 * random.standard_normal(shape)).astype(np.float32)
    bad = random.random(shape) < share
    sound[bad] = random.choice(RUBBISH, int(bad.sum()))
    return sound


def no_sound(samples):
    return int((~(np.abs(samples) <= 1e4)).sum())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.001, 0.1, 1.0]),
    st.sets(st.sampled_from(["mixture", "direct", "stems", "player"]), min_size=1),
    st.lists(st.one_of(st.none(), st.floats(-60.0, 0.0)), min_size=5, max_size=5),
    st.sampled_from([(), RESONANCES]),
    st.sampled_from([(), SHELVES]),
)
def test_no_output_is_ever_above_its_ceiling(seed, share, paths, ceilings_db, object_eq, speaker_eq):
    """Through every door at once, at full gains, filters at their worst, while loudspeakers are looked for.

    And afterwards the sound is there again as if nothing had been.
    """
    random = np.random.default_rng(seed)
    made = engine(room(ceilings_db, speaker_eq))
    direct = random.uniform(0.0, 30.0, (ROWS, 5)).astype(np.float32)
    publish(made, direct, direct[:, ::-1], object_eq)
    frames = 4000
    inputs = rubbish(random, (2 + DIRECT, frames), 0.0)
    for path, rows in (("mixture", slice(0, 2)), ("direct", slice(2, None))):
        if path in paths:
            inputs[rows] = rubbish(random, inputs[rows].shape, share)
    stems = rubbish(random, (STEMS, 2, frames), share if "stems" in paths else 0.0)
    made.timeline.restart_stems(0)
    made.timeline.write_stems(stems)
    song = rubbish(random, (2, frames), share if "player" in paths else 0.0)
    made.play(song)
    for speaker, sound in enumerate((NOISE, SWEEP, SPOKEN, NOISE, SWEEP)):
        made.identify.request(speaker, sound, 0.1)
    out = run(made, inputs)
    most = [1.0 if level is None else 10 ** (level / 20) for level in ceilings_db] + [1.0, 1.0]
    assert np.isfinite(out).all()
    for feed, ceiling in zip(out, most, strict=True):
        assert np.abs(feed).max() <= np.float32(ceiling)
    assert np.abs(out).max() > 0.0

    bad = made.bad_samples()
    assert bad.inputs == tuple(map(no_sound, inputs))
    wanted = stems[:, :, : frames - LATENCY]  # what was asked for; their share begins within the first block
    for one, count in zip(wanted, bad.stems, strict=True):
        assert no_sound(one[:, BLOCK:]) <= count <= no_sound(one)
    assert bad.player == no_sound(song)
    assert made.counters().bad_input == sum(bad.inputs) + bad.player

    check_recovery(made, direct)


def check_recovery(made, direct):
    """Half a second later all loudspeakers play again, and nothing is out of bounds any more."""
    quiet = np.zeros((2 + DIRECT, 30_000), np.float32)
    publish(made, direct, direct[:, ::-1])
    run(made, quiet)
    quiet[:, :: RATE // 10] = 1e-4
    overflows = made.bad_samples().overflows
    after = run(made, quiet[:, :10_000])
    assert np.isfinite(after).all()
    assert np.abs(after[:5]).max(axis=1).min() > 1e-6, "no loudspeaker stays silent"
    assert made.bad_samples().overflows == overflows


@pytest.mark.parametrize(("object_eq", "speaker_eq"), [(RESONANCES, ()), ((), SHELVES), (RESONANCES, SHELVES)])
def test_filters_at_their_worst_are_counted_and_forgotten(object_eq, speaker_eq):
    layout = room(eq=speaker_eq)
    made = engine(layout)
    direct = np.full((ROWS, 5), 30.0, np.float32)
    publish(made, direct, direct, object_eq)
    time = np.arange(RATE)
    loud = np.tile(9e3 * np.sin(2 * np.pi * 2000.0 * time / RATE), (2 + DIRECT, 1))
    out = run(made, loud.astype(np.float32))
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1.0
    assert made.bad_samples().overflows > 0
    assert made.bad_samples().inputs == (0,) * (2 + DIRECT)
    check_recovery(made, direct)


def test_a_bad_sample_is_counted_where_it_came_in():
    made = engine()
    publish(made, np.zeros((ROWS, 5), np.float32))
    sound = np.zeros((2 + DIRECT, 1000), np.float32)
    for row, count in enumerate((3, 0, 5, 1)):
        sound[row, 100 : 100 + count] = np.nan
    run(made, sound)
    assert made.bad_samples().inputs == (3, 0, 5, 1)
    mono = engine(inputs=1)
    run(mono, sound[1:])
    assert mono.bad_samples().inputs == (0, 5, 1), "one port is counted once, though it plays on both sides"
    player = np.zeros((2, 1000), np.float32)
    player[1, 7:9] = np.inf
    made.play(player)
    run(made, np.zeros((2 + DIRECT, 1000), np.float32))
    assert made.bad_samples().player == 2


def rising(made, inputs, cut):
    made.silence()
    assert np.abs(run(made, inputs[:, :100])).max() == 0.0
    made.fade_in()
    out, at = [], 0
    while at < inputs.shape[1]:
        size = min(cut(), inputs.shape[1] - at)
        out.append(run(made, inputs[:, at : at + size], size))
        at += size
    return np.concatenate(out, axis=1)


def test_outputs_rise_from_silence_once_the_mixture_of_now_arrives():
    """A direct voltage of full scale is there from the first frame on: the steepest step there can be."""
    full = round(RISE_S * RATE)
    made = engine()
    matrix = np.zeros((ROWS, 5), np.float32)
    matrix[2 * STEMS, 0] = 1.0  # the mixture, delayed
    matrix[-1, 1] = 1.0  # a direct input, which is not
    publish(made, matrix)
    sound = np.ones((2 + DIRECT, LATENCY + full + 1000), np.float32)
    out = rising(made, sound, lambda: 256)
    assert np.abs(np.diff(out, axis=1)).max() <= 1 / full + 1e-7
    assert np.abs(out[:, : made.latency_frames]).max() == 0.0
    assert (np.diff(out[:2], axis=1) >= 0.0).all()
    assert (out[:2, -900:] == 1.0).all()

    again = rising(made, sound, lambda: 64)  # a server that came back: what was on its way is heard no more
    assert np.array_equal(again, out)
    sizes = iter(np.random.default_rng(5).integers(1, 3000, 10_000).tolist())
    assert np.array_equal(rising(made, sound, lambda: next(sizes)), out)


@njit(nogil=True)
def sound_on(table, own):
    """As many blocks as there are until the outputs are let to rise, in the last one at the latest, and two more."""
    while load_acquire(own.ctypes.data + 8 * FadeTable.SOUNDING) == 0:
        fade(table, own, SHORT_BLOCK)
    fade(table, own, SHORT_BLOCK)
    fade(table, own, SHORT_BLOCK)


def test_a_rise_that_is_asked_for_in_the_middle_of_a_block_is_held_back_too():
    made = engine()
    tables = made.memory.table, made.memory.stage(FadeTable).table
    sound_on(*tables)  # compiled by now
    assert made.latency_frames > 3 * SHORT_BLOCK
    for _ in range(50):
        made.silence()
        sounding = threading.Thread(target=sound_on, args=tables)
        sounding.start()
        made.fade_in()
        sounding.join()
        assert made.is_silent, "what was on its way is heard"


def test_outputs_sink_into_silence_and_stay_there():
    made = engine()
    matrix = np.zeros((ROWS, 5), np.float32)
    matrix[-1, 1] = 1.0
    publish(made, matrix)
    sound = np.ones((2 + DIRECT, 5000), np.float32)
    assert run(made, sound)[1, -1] == 1.0
    made.fade_out()
    out = run(made, sound)[1]
    assert np.abs(np.diff(np.r_[1.0, out])).max() <= 1 / (FALL_S * RATE) + 1e-7
    assert (out[round(FALL_S * RATE) :] == 0.0).all()
    assert made.is_silent
    assert np.abs(run(made, sound)).max() == 0.0
    assert rising(made, np.ones((2 + DIRECT, RATE), np.float32), lambda: 512)[1, -1] == 1.0


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([0, NOISE, SWEEP, SPOKEN]), st.integers(1, 9000)), min_size=1, max_size=12))
def test_what_a_loudspeaker_is_found_by_is_soft_and_ends(requests):
    """However often it is asked for: the peak is that of one sound, and five seconds later it is over."""
    made = engine()
    level = 0.1
    pieces = []
    for sound, frames in requests:
        made.identify.request(2, sound, level)
        pieces.append(run(made, np.zeros((2 + DIRECT, frames), np.float32)))
    made_loud = np.concatenate(pieces, axis=1)
    assert np.abs(made_loud).max() <= level * 1.0001
    rest = run(made, np.zeros((2 + DIRECT, round((SWEEP_S + 0.1) * RATE)), np.float32), 4096)
    assert np.abs(rest).max() <= level * 1.0001
    assert np.abs(run(made, np.zeros((2 + DIRECT, 4096), np.float32))).max() == 0.0
    assert not np.abs(np.delete(np.concatenate([made_loud, rest], axis=1), 2, axis=0)).any()
