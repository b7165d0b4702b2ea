"""Meters: what they show of a signal, and how peers are told."""

import time
from dataclasses import replace

import numpy as np
import pytest

from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.engine.engine import Engine, Meters
from stemfield.renderer.engine.levels import FALL_DB_PER_S, SILENT, Levels, shown_levels
from stemfield.renderer.engine.loudness import Loudness, ShownLoudness
from stemfield.renderer.engine.memory import METER_PERIOD_S
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import STEMS, default_scene

RATE = 48_000


def meters(peaks, mean_squares=None, limits=None):
    """Two channels of mixture, one source, one loudspeaker."""
    peaks = np.asarray(peaks, np.float32).reshape(-1, 4)
    squares = np.zeros_like(peaks) if mean_squares is None else np.asarray(mean_squares, np.float32).reshape(-1, 4)
    limits = np.ones((len(peaks), 1)) if limits is None else np.asarray(limits).reshape(-1, 1)
    return Meters(len(peaks), peaks, squares, limits.astype(np.float32))


def show(found):
    return shown_levels(found, (7,), np.array([0]), ("L",))


def test_a_peak_is_shown_at_once_and_falls_as_a_peak_meter_does():
    for age in (0, 1, 15, 50):
        peaks = np.zeros((51, 4))
        peaks[50 - age] = 0.5
        level = show(meters(peaks))
        wanted = pytest.approx(20 * np.log10(0.5) - FALL_DB_PER_S * METER_PERIOD_S * age, abs=0.06)
        assert level.objects[7][0] == level.speakers["L"][0] == level.mixture[0] == level.mixture[2] == wanted


def test_what_an_equaliser_makes_is_shown_within_the_range_of_a_meter():
    """No client of JSON can read an infinity."""
    level = show(meters([[0.0, 0.0, np.inf, 1e30]], [[0.0, 0.0, np.inf, 1e30]]))
    assert level.objects[7] == (80.0, 80.0)
    assert level.speakers["L"] == (80.0, 80.0, 0.0)


def test_no_reader_misses_a_peak():
    """A click, read at any moment within a second of it, has lost no more than the fall."""
    peaks = np.zeros((62, 4))
    peaks[30] = 1.0
    for read in range(31, 61):
        fallen = FALL_DB_PER_S * METER_PERIOD_S * (read - 31)
        assert show(meters(peaks[:read])).speakers["L"][0] == pytest.approx(-fallen, abs=0.06)


def test_the_root_mean_square_is_that_of_the_last_third_of_a_second():
    squares = np.zeros((40, 4))
    squares[-9:, 2:] = [0.01, 0.0001]
    level = show(meters(np.ones((40, 4)), squares))
    assert level.objects[7][1] == pytest.approx(-20.0, abs=0.05)
    assert level.speakers["L"][1] == pytest.approx(-40.0, abs=0.05)
    assert level.mixture[1] == -120.0


def test_what_a_limiter_takes_away_is_shown_and_fades():
    limits = np.ones(62)
    limits[30] = 0.5
    reductions = [show(meters(np.ones((n, 4)), limits=limits[:n])).speakers["L"][2] for n in range(29, 62)]
    assert reductions[:2] == [0.0, 0.0]
    assert reductions[2] == pytest.approx(6.0, abs=0.05)
    assert (np.diff(reductions[2:]) <= 0).all()
    assert reductions[-1] < 1.5


def test_before_anything_was_measured_there_is_silence():
    assert show(meters(np.zeros((0, 4)))) == SILENT


@pytest.fixture
def room():
    layout, head = load_layout("quad"), AnalyticHead(RATE)
    chain = design_chain(layout, RATE).monitored(head.taps, head.latency_frames)
    engine = Engine(RATE, 2, 3, 4, len(STEMS), 1000, chain)
    engine.timeline.close()
    made = Renderer(layout, Panner(layout), engine, head)
    return made, default_scene([("mic", (0,)), ("pair", (1, 2)), ("twin", (0,))])


def play(made, scene, levels, seconds=0.6):
    made.apply(scene)
    frames = round(seconds * RATE)
    tone = np.sin(2 * np.pi * 1000 * np.arange(frames) / RATE)
    sound = (np.asarray(levels)[:, None] * tone).astype(np.float32)
    out = np.zeros((made.engine.outputs, frames), np.float32)
    made.engine.process(sound, out)
    return out


def db(level):
    return 20 * np.log10(max(level, 1e-6))


def test_every_object_and_every_loudspeaker_has_a_meter(room):
    made, scene = room
    assert made.levels() == SILENT
    scene = scene.with_object(replace(scene.objects[5], position=(1.0, 1.0, 0.0), level=0.5))
    scene = scene.with_object(replace(scene.objects[7], mute=True))
    out = play(made, scene, [0.1, 0.2, 0.4, 0.05, 0.2])
    found = made.levels()
    mean = 20 * np.log10(np.sqrt(0.5))
    assert found.mixture == pytest.approx((-20, -20 + mean, -14, -14 + mean), abs=0.1)
    assert found.objects[5] == found.objects[7] == pytest.approx((-8.0, -8.0 + mean), abs=0.1)  # before their levels
    assert found.objects[6] == pytest.approx((-14.0, -14.0 + mean), abs=0.1)  # the louder side
    assert found.objects[0] == (-120.0, -120.0)
    assert set(found.objects) == set(range(8))
    for row, label in enumerate(made.layout.labels):
        peak, rms, reduction = found.speakers[label]
        late = out[row, -round(0.3 * RATE) :]
        assert peak == pytest.approx(db(np.abs(late).max()), abs=0.15)
        assert rms == pytest.approx(db(np.sqrt(np.mean(late**2))), abs=0.15)
        assert reduction == 0.0
    assert found.monitor[0] == pytest.approx(db(np.abs(out[-2, -RATE // 4 :]).max()), abs=0.15)


def test_the_limiter_shows_what_it_takes(room):
    made, scene = room
    play(made, scene.with_object(replace(scene.objects[5], position=(1.0, 1.0, 0.0))), [0, 0, 4.0, 0, 0])
    found = made.levels()
    assert found.speakers["M+045"][2] == pytest.approx(db(4 + 4 * np.sqrt(0.5)), abs=0.2)  # mic and twin
    assert found.speakers["M+045"][0] == pytest.approx(0.0, abs=0.1)


def test_meters_follow_when_objects_change_their_inputs(room):
    made, scene = room
    play(made, scene, [0, 0, 0.5, 0, 0], 0.2)
    moved = scene.with_object(replace(scene.objects[5], channels=(1,)))
    play(made, moved, [0, 0, 0, 0.1, 0], 3.0)
    assert made.levels().objects[5][0] == pytest.approx(-20.0, abs=0.1)


LOUD = Levels((-1.0, -2.0, -3.0, -4.0), (-5.0, -6.0, -7.0, -8.0), {0: (-9.0, -10.0)}, {"M+030": (-11.0, -12.0, 1.5)})


def test_meters_can_be_asked_for(control, peer, context):
    assert peer.ask("/meter/object/vocals") == [-120.0, -120.0]
    assert peer.ask("/meter/speaker/M-030") == [-120.0, -120.0, 0.0]
    control.sources["levels"] = lambda: LOUD
    peer.send("/meter/object/{vocals,bass}")
    assert peer.received() == [("/meter/object/vocals", [-9.0, -10.0]), ("/meter/object/bass", [-120.0, -120.0])]
    assert peer.ask("/meter/speaker/M+030") == [-11.0, -12.0, 1.5]
    assert peer.ask("/meter/mixture") == [-1.0, -2.0, -3.0, -4.0]
    assert peer.ask("/meter/monitor") == [-5.0, -6.0, -7.0, -8.0]


def test_loudness_can_be_asked_for(control, peer):
    assert peer.ask("/meter/loudness/room") == [-120.0, -120.0, -120.0, 0.0, -120.0, -120.0, -120.0]
    mixture, room = Loudness(-20.5, -21.0, -23.0, 7.5, -1.0, -18.0, -19.0), Loudness(-30.0)
    control.sources["loudness"] = lambda: ShownLoudness(mixture, room)
    assert peer.ask("/meter/loudness/mixture") == [-20.5, -21.0, -23.0, 7.5, -1.0, -18.0, -19.0]
    assert peer.ask("/meter/loudness/room")[0] == -30.0


def test_meters_cannot_be_set_and_are_missed_by_name(peer):
    peer.send("/meter/object/vocals", 1.0, 2.0)
    peer.send("/meter/object/vocal")
    peer.send("/meter/speakers/M+030")
    assert peer.received() == [
        ("/error", ["/meter/object/vocals", "can be queried, not set"]),
        ("/error", ["/meter/object/vocal", "no object 'vocal', did you mean vocals?"]),
        ("/error", ["/meter/speakers/M+030", "matches nothing, did you mean /meter/speaker/{label}?"]),
    ]


def test_a_subscriber_of_meters_is_told_at_its_rate_what_changes(control, peer, context):
    shown = [LOUD]
    control.sources["levels"] = lambda: shown[0]
    peer.send("/subscribe", "/meter/*/*", 60)
    told = dict([peer.receive() for _ in range(len(context.defaults.objects) + len(context.labels) + 2)])
    assert told["/meter/loudness/room"][3] == 0.0
    assert told["/meter/object/vocals"] == [-9.0, -10.0]
    assert told["/meter/speaker/LFE1"] == [-120.0, -120.0, 0.0]
    assert peer.received() == []  # nothing new, nothing told
    shown[0] = replace(LOUD, objects={1: (-20.0, -30.0)})
    changed = [peer.receive(), peer.receive()]
    assert sorted(changed) == [("/meter/object/bass", [-20.0, -30.0]), ("/meter/object/vocals", [-120.0, -120.0])]
    peer.send("/unsubscribe")
    peer.received()
    shown[0] = SILENT
    assert peer.received() == []


def test_a_subscription_of_meters_ends_without_renewal(control, peer, context, monkeypatch):
    monkeypatch.setattr("stemfield.control.hub.subscriptions.LIFETIME_S", 0.3)
    count = iter(range(100_000))
    control.sources["levels"] = lambda: replace(LOUD, mixture=(float(next(count)), 0.0, 0.0, 0.0))
    peer.send("/subscribe", "/meter/mixture", 60)
    time.sleep(1.0)
    heard = len(peer.received())
    assert 3 <= heard <= 20
    time.sleep(0.2)
    assert peer.received() == []


@pytest.mark.parametrize(
    "sounding",
    [
        {"mixture": (-120.0, -120.0, -90.0, -120.0)},
        {"objects": {3: (-90.0, -120.0)}},
        {"speakers": {"M+000": (-90.0, -120.0, 0.0)}},
    ],
)
def test_a_single_meter_that_shows_something_ends_the_silence(sounding):
    quiet = replace(SILENT, objects={3: (-120.0, -120.0)}, speakers={"M+000": (-120.0, -120.0, 0.0)})
    assert SILENT.is_silent
    assert quiet.is_silent
    assert not replace(quiet, **sounding).is_silent
