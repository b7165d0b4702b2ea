"""What a scene does to the sound, through a real engine: truths that a listener could hear."""

import time
from dataclasses import replace

import numpy as np
import pytest

from stemfield.control.parameters.object_rows import MAX_EQ_BANDS
from stemfield.layouts.chain import speaker_positions
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout, Speaker
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.dsp.equaliser import MAX_SECTIONS
from stemfield.renderer.dsp.hrtf import HEAD_RADIUS_M, AnalyticHead
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.memory import Word
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import STEMS, DistanceLaw, Identify, SceneObject, Sector, SpeakerTrim, default_scene

RATE = 48_000
NOISE = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)


class Stage:
    """One microphone in a room, and what the loudspeakers make of it."""

    def __init__(self, layout="quad", inputs=1, head=None, plain=False, **mic):
        self.layout = load_layout(layout) if isinstance(layout, str) else layout
        chain = None if plain else design_chain(self.layout, RATE)
        chain = chain if head is None else chain.monitored(head.taps)
        self.engine = Engine(RATE, 0, inputs, len(self.layout.speakers), len(STEMS), 1000, chain)
        self.engine.timeline.close()
        self.room = Renderer(self.layout, Panner(self.layout), self.engine, head)
        self.scene = default_scene([("mic", (0,))])
        self.change(**mic)
        self.room.apply(self.scene)
        self.engine.settle()

    def change(self, **mic):
        self.scene = self.scene.with_object(replace(self.scene.objects[-1], **mic))

    def put(self, **changes):
        self.scene = replace(self.scene, **changes)

    def feeds(self, sound=NOISE, settled=True):
        """Feeds of a sound, after ramps have ended."""
        self.room.apply(self.scene)
        if settled:
            self.play(np.zeros(RATE // 5, np.float32))
        return self.play(sound)

    def play(self, sound):
        out = np.zeros((self.engine.outputs, len(sound)), np.float32)
        block = np.tile(sound, (int(self.engine.memory.table[Word.DIRECT]), 1))
        self.engine.process(block, out)
        return out[:, self.engine.direct_latency_frames :]

    def levels(self, **more):
        return dict(zip(self.layout.labels, rms(self.feeds(**more)).tolist(), strict=False))


def rms(feeds):
    return np.sqrt(np.mean(feeds.astype(float) ** 2, axis=-1))


def at(azimuth_deg, elevation_deg=0.0, distance_m=1.0):
    return tuple(cartesian(azimuth_deg, elevation_deg, distance_m).tolist())


def test_full_extent_sends_power_everywhere():
    stage = Stage("cube", width_deg=360.0, height_deg=180.0)
    levels = np.array(list(stage.levels().values()))
    np.testing.assert_allclose(levels, rms(NOISE) / np.sqrt(8), rtol=0.05)


def test_diffuseness_splits_power():
    stage = Stage(position=at(45.0))
    assert stage.levels()["M-135"] < 1e-6
    stage.change(diffuseness=0.4)
    levels = stage.levels()
    # the loudspeaker that plays it alone, and three that get a quarter of the diffuse part
    others = [level for label, level in levels.items() if label != "M+045"]
    np.testing.assert_allclose(others, rms(NOISE) * np.sqrt(0.4 / 4), rtol=0.08)
    total = np.linalg.norm(list(levels.values()))
    assert total == pytest.approx(rms(NOISE), rel=0.12)
    stage.change(diffuseness=0.0, type="diffuse")
    np.testing.assert_allclose(list(stage.levels().values()), rms(NOISE) / 2, rtol=0.08)


def test_diffuse_feeds_are_decorrelated_and_without_decorrelators_still_heard():
    feeds = Stage(type="diffuse").feeds()
    assert np.abs(np.corrcoef(feeds) - np.eye(4)).max() < 0.35
    plain = Stage(type="diffuse", plain=True).feeds()
    np.testing.assert_allclose(rms(plain), rms(NOISE) / 2, rtol=1e-4)


def test_exclusion_silences_a_loudspeaker_and_keeps_the_power():
    stage = Stage(position=at(45.0), exclude=("M+045",))
    levels = stage.levels()
    assert levels["M+045"] == 0.0
    assert np.linalg.norm(list(levels.values())) == pytest.approx(rms(NOISE), rel=1e-3)
    stage.change(exclude=(), exclude_sector=Sector(0.0, 180.0))
    levels = stage.levels()
    assert levels["M+045"] == levels["M+135"] == 0.0
    assert np.linalg.norm(list(levels.values())) == pytest.approx(rms(NOISE), rel=1e-3)


def test_a_lock_takes_the_nearest_loudspeaker():
    stage = Stage(position=at(30.0))
    assert sum(level > 1e-6 for level in stage.levels().values()) == 2
    stage.change(channel_lock_deg=20.0)
    assert stage.levels()["M+045"] == pytest.approx(rms(NOISE), rel=1e-3)


def test_an_equaliser_is_heard_and_goes():
    tones = {f: 0.1 * np.sin(2 * np.pi * f * np.arange(RATE) / RATE).astype(np.float32) for f in (200, 4000)}
    stage = Stage(position=at(45.0), eq=(EqBand("highshelf", 1000.0, 0.7, -12.0),))
    gains_db = {f: 20 * np.log10(stage.levels(sound=tone)["M+045"] / rms(tone)) for f, tone in tones.items()}
    assert gains_db[200] == pytest.approx(0.0, abs=0.2)
    assert gains_db[4000] == pytest.approx(-12.0, abs=0.2)
    stage.change(eq=())
    assert stage.levels(sound=tones[4000])["M+045"] == pytest.approx(rms(tones[4000]), rel=1e-3)
    assert MAX_EQ_BANDS == MAX_SECTIONS


def test_an_equaliser_goes_with_its_object_to_another_input():
    stage = Stage(inputs=2, position=at(45.0), eq=(EqBand("lowpass", 100.0, 0.7),))
    assert stage.levels()["M+045"] < 0.1 * rms(NOISE)
    stage.change(channels=(1,))
    assert stage.levels()["M+045"] < 0.1 * rms(NOISE)
    stage.change(channels=(0,), eq=())
    assert stage.levels()["M+045"] == pytest.approx(rms(NOISE), rel=1e-3)


def test_distance_makes_softer():
    stage = Stage(position=at(45.0, 0.0, 4.0))
    assert stage.levels()["M+045"] == pytest.approx(rms(NOISE), rel=1e-3)
    stage.put(distance=DistanceLaw("inverse", 2.0))
    assert stage.levels()["M+045"] == pytest.approx(rms(NOISE) / 2, rel=1e-3)
    stage.put(distance=DistanceLaw("adm"))
    stage.change(dref=0.25, dmax_m=8.0)
    assert stage.levels()["M+045"] == pytest.approx(rms(NOISE) / 2, rel=1e-3)


def test_from_the_left_what_was_in_front_is_to_the_right():
    def heard_at_deg(stage):
        """Where the velocity vector points, as the listener hears it."""
        towards = speaker_positions(stage.layout, stage.scene.listener)
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        x, y, _ = rms(stage.feeds()) @ towards
        return np.degrees(np.arctan2(y, x))

    stage = Stage("octagon", position=at(0.0, 0.0, 1.0))
    assert heard_at_deg(stage) == pytest.approx(0.0, abs=0.1)
    stage.put(listener=(0.0, 0.4, 0.0))
    assert heard_at_deg(stage) == pytest.approx(-np.degrees(np.arctan(0.4)), abs=0.1)
    stage.change(type="plane")
    assert heard_at_deg(stage) == pytest.approx(0.0, abs=0.1)


def test_where_all_loudspeakers_are_in_one_direction_the_listener_stays(caplog):
    stage = Stage("stereo", position=at(20.0, 10.0))
    stage.put(listener=(0.2, 0.1, 0.0))
    before = stage.feeds()
    in_line_m = stage.layout.speakers[0].radius_m * np.cos(np.radians(30.0))
    stage.put(listener=(in_line_m, 5.0, 0.0))
    np.testing.assert_array_equal(rms(stage.feeds()), rms(before))
    assert "the listener cannot be at 1.73 5.00 0.00" in caplog.text
    stage.put(listener=(0.0, 0.0, 0.0))
    assert (rms(stage.feeds()) != rms(before)).any()


def test_where_one_loudspeaker_hides_another_both_play_what_comes_from_there(caplog):
    stage = Stage("quad", position=at(45.0, 0.0))
    corner_m = stage.layout.speakers[0].radius_m * np.cos(np.radians(45.0))
    stage.put(listener=(-3.0 * corner_m, -corner_m, 0.0))  # behind the right pair
    towards = stage.layout.labels.index("M-045"), stage.layout.labels.index("M-135")
    stage.change(position=(corner_m, -corner_m, 0.0))
    heard = rms(stage.feeds())
    assert heard[list(towards)] == pytest.approx([heard.max()] * 2, rel=1e-3)
    assert not caplog.text


def test_delays_and_gains_follow_the_listener_where_the_layout_compensates():
    speakers = (Speaker("L", 90.0, 0.0, 2.0, 1), Speaker("R", -90.0, 0.0, 2.0, 2), Speaker("F", 0.0, 0.0, 2.0, 3))
    layout = Layout("three", "Three", speakers, compensate=Compensation(delay=True, gain=True))
    stage = Stage(layout, type="channel", outputs=(("L",),))
    click = np.zeros(8000, np.float32)
    click[0] = 0.5
    stage.put(listener=(0.0, 1.0, 0.0))  # 1 m from L, 3 m from R
    found = {}
    for label in ("L", "R"):
        stage.change(outputs=((label,),))
        feed = stage.feeds(click)[layout.labels.index(label)]
        found[label] = int(np.abs(feed).argmax()), float(np.abs(feed).max()) * 2
    assert found["L"][0] - found["R"][0] == pytest.approx(2.0 / 343.2 * RATE, abs=1)
    assert found["R"][1] / found["L"][1] == pytest.approx(3.0, rel=0.01)
    stage.put(listener=(0.0, 0.0, 99.0))
    assert np.isfinite(stage.feeds(click)).all()


def test_bass_is_managed_and_panned_by_amplitude_where_the_layout_says_so():
    speakers = (*load_layout("quad").speakers, Speaker("SUB", 0.0, 0.0, 1.0, 5, lfe=True))
    tone = (0.1 * np.sin(2 * np.pi * 30 * np.arange(RATE) / RATE)).astype(np.float32)
    managed = Stage(Layout("r", "R", speakers, bass_management=BassManagement()), position=at(45.0))
    levels = managed.levels(sound=tone)
    assert levels["SUB"] == pytest.approx(rms(tone), rel=0.05)
    assert levels["M+045"] < 0.05 * rms(tone)
    dual = Stage(Layout("r", "R", load_layout("quad").speakers, dual_band=True), position=at(0.0))
    levels = dual.levels(sound=tone)
    assert levels["M+045"] + levels["M-045"] == pytest.approx(rms(tone), rel=0.01)
    high = (0.1 * np.sin(2 * np.pi * 5000 * np.arange(RATE) / RATE)).astype(np.float32)
    assert np.linalg.norm(list(dual.levels(sound=high).values())) == pytest.approx(rms(high), rel=0.01)


def test_solo_of_objects_and_of_loudspeakers():
    stage = Stage(position=at(0.0))
    stage.put(speakers={"M+045": SpeakerTrim(solo=True)})
    levels = stage.levels()
    assert levels["M+045"] == pytest.approx(rms(NOISE) * np.sqrt(0.5), rel=1e-3)
    assert sum(levels.values()) == levels["M+045"]
    stage.scene = stage.scene.with_object(replace(stage.scene.objects[0], solo=True))
    assert sum(stage.levels().values()) == 0.0
    stage.change(solo=True)
    assert stage.levels()["M+045"] > 0.0


def test_a_loudspeaker_is_found_once_for_every_request():
    stage = Stage()
    silence = np.zeros(RATE + RATE // 4, np.float32)
    stage.put(speakers={"M-135": SpeakerTrim(identify=Identify("noise", 1))})
    first = stage.levels(sound=silence, settled=False)
    assert first["M-135"] > 1e-3
    assert sum(first.values()) == first["M-135"]
    assert stage.room.sounding("M-135") == ""  # it has an end
    assert sum(stage.levels(sound=silence, settled=False).values()) == 0.0
    stage.put(speakers={"M-135": SpeakerTrim(identify=Identify("noise", 2))})
    assert stage.levels(sound=silence, settled=False)["M-135"] > 1e-3
    stage.put(speakers={"M-135": SpeakerTrim(identify=Identify("sweep", 3))})
    stage.room.apply(stage.scene)
    assert [stage.room.sounding(label) for label in ("M-135", "M+045")] == ["sweep", ""]
    assert stage.levels(sound=silence, settled=False)["M-135"] > 1e-3
    stage.put(speakers={"M-135": SpeakerTrim(identify=Identify("none", 4))})
    stage.feeds(silence[:1000], settled=False)
    assert stage.room.sounding("M-135") == ""
    assert sum(stage.levels(sound=silence, settled=False).values()) == 0.0


def test_a_scene_that_was_kept_does_not_begin_with_noise():
    stage = Stage()
    again = Renderer(stage.layout, stage.room.panner, stage.engine)
    again.apply(replace(stage.scene, speakers={"M+045": SpeakerTrim(identify=Identify("noise", 7))}))
    assert not stage.play(np.zeros(1000, np.float32)).any()


def test_the_monitor_has_a_level_of_its_own():
    stage = Stage("quad", head=AnalyticHead(RATE), position=at(30.0))
    whole = rms(stage.feeds())
    stage.put(monitor_gain_db=-6.0)
    softer = rms(stage.feeds())
    np.testing.assert_array_equal(softer[:-2], whole[:-2])
    np.testing.assert_allclose(softer[-2:], 10 ** (-6 / 20) * whole[-2:], rtol=1e-4)
    stage.put(monitor_mute=True)
    assert rms(stage.feeds())[-2:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_ears_are_as_late_as_they_say(rate):
    """A click in front reaches both ears when the head says that it reaches its middle, half a radius early or late."""
    layout, head = load_layout("octagon"), AnalyticHead(rate)
    chain = design_chain(layout, rate).monitored(head.taps, head.latency_frames)
    engine = Engine(rate, 0, 1, len(layout.labels), len(STEMS), 1000, chain)
    engine.timeline.close()
    Renderer(layout, Panner(layout), engine, head).apply(default_scene([("mic", (0,))]))
    engine.settle()
    out, click = np.zeros((engine.outputs, 4000), np.float32), np.zeros((1, 4000), np.float32)
    engine.process(np.zeros((1, 4000), np.float32), out)
    click[0, 0] = 0.5
    engine.process(click, out)
    late = engine.direct_latency_frames
    assert np.argmax(np.abs(out[:-2]).max(axis=0)) == late
    ears = np.argmax(np.abs(out[-2:]), axis=1) - late - np.array(engine.late_frames[-2:])
    assert np.abs(ears).max() <= 0.5 * HEAD_RADIUS_M / 343.2 * rate


def test_the_head_turns_in_the_monitor():
    stage = Stage("octagon", head=AnalyticHead(RATE), position=at(90.0))
    left, right = rms(stage.feeds()[-2:])
    assert left > 1.5 * right
    stage.put(head=(90.0, 0.0, 0.0))
    left, right = rms(stage.feeds()[-2:])
    assert left == pytest.approx(right, rel=0.05)
    stage.put(head=(180.0, 0.0, 0.0))
    left, right = rms(stage.feeds()[-2:])
    assert right > 1.5 * left


@pytest.mark.parametrize("seed", range(3))
def test_gains_that_are_kept_are_those_worked_out_anew(seed):
    """A long walk through scenes, one change at a time, against a room that sees only the last."""
    random = np.random.default_rng(seed)
    stage = Stage("7.1.4", inputs=6)
    inputs = [(f"o{i}", (i,)) for i in range(4)] + [("pair", (4, 5)), ("same", (0,))]
    stage.scene = default_scene(inputs)
    for _ in range(60):
        item = stage.scene.objects[random.integers(len(stage.scene.objects))]
        field, value = [
            ("position", at(random.uniform(-180, 180), random.uniform(-90, 90), random.uniform(0.5, 5))),
            ("level", random.uniform(0, 2)),
            ("width_deg", random.uniform(0, 360)),
            ("height_deg", random.uniform(0, 180)),
            ("diffuseness", random.uniform(0, 1)),
            ("mute", bool(random.integers(2))),
            ("solo", bool(random.integers(4) == 0)),
            ("exclude", ("U*",)),
            ("smooth_s", random.uniform(0, 1)),
            ("channels", (int(random.integers(6)),) if item.kind == "input" else ()),
        ][random.integers(10)]
        stage.scene = stage.scene.with_object(replace(item, **{field: value}))
        if random.integers(5) == 0:
            stage.put(amount=random.uniform(0, 1))
        if random.integers(8) == 0:
            stage.put(listener=tuple(random.uniform(-1, 1, 3).tolist()))
        if random.integers(8) == 0:
            stage.put(distance=DistanceLaw("inverse", random.uniform(0.5, 2)))
        stage.room.apply(stage.scene)
    fresh = Stage("7.1.4", inputs=6)
    fresh.room.apply(stage.scene)
    kept, anew = (s.engine.memory for s in (stage, fresh))
    kept_at, anew_at = stage.engine.publisher.published, fresh.engine.publisher.published
    np.testing.assert_array_equal(kept[Word.TARGET_GAINS][kept_at], anew[Word.TARGET_GAINS][anew_at])


def test_one_moving_object_among_128_is_cheap():
    layout = load_layout("22.2")
    engine = Engine(RATE, 2, 123, 24, len(STEMS), 4000, design_chain(layout, RATE))
    engine.timeline.close()
    room = Renderer(layout, Panner(layout), engine)
    scene = default_scene([(f"o{i}", (i,)) for i in range(123)])
    room.apply(scene)
    spent = []
    for step in range(400):
        moved: SceneObject = replace(scene.objects[77], position=at(step))
        scene = scene.with_object(moved)
        begin_s = time.perf_counter()
        room.apply(scene)
        spent.append(time.perf_counter() - begin_s)
    # The tenth part that was disturbed least: others use this machine too. All objects anew take 3 ms.
    assert np.percentile(spent, 10) < 400e-6
