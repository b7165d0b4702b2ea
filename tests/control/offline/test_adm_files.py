"""Files of the Audio Definition Model out and in: what a scene plays is what is played of its file."""

import os
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from adm_cases import RATE, STEP, at, cube, document, impulses, sound_of, write_case
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stemfield.control.cli.main import main
from stemfield.control.offline import render as offline
from stemfield.control.offline.adm_export import export_tracks
from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.control.parameters.object_rows import MAX_GAIN_DB
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import EqBand
from stemfield.renderer.adm.gains import BlockGains
from stemfield.renderer.adm.model import Block, SpeakerBlock, Zone
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.selection import select
from stemfield.renderer.dsp.bounds import LOUDEST_SOURCE
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.files.bw64_writer import Bw64Writer
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.scene import MAX_LEVEL, DistanceLaw, Group, Scene, Sector, Separation, default_scene

FRAMES = 9_000
BEFORE_NEXT = 3_000
"""Frames between changes: a ramp of 50 ms is over by then."""
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A scene that fails is not made smaller: that takes minutes."""


class Shares:
    """A separator that gives every stem a share of the mixture, somewhat late."""

    latency_frames = 700

    def __init__(self):
        self._waiting = np.zeros((2, self.latency_frames), np.float32)

    def feed(self, mixture):
        whole = np.concatenate([self._waiting, mixture], axis=1)
        ready, self._waiting = whole[:, : mixture.shape[1]], whole[:, mixture.shape[1] :]
        if not hasattr(self, "_begun"):
            self._begun = True
            ready = ready[:, self.latency_frames :]
        return np.stack([share * ready for share in (0.4, -0.3, 0.2, 0.5)]).astype(np.float32)


def mixture(channels=1):
    """Mono: what two sides differ in is diffused where they share loudspeakers, and ADM has no word for that."""
    sound = np.random.default_rng(5).uniform(-0.5, 0.5, (channels, FRAMES)).astype(np.float32)
    return np.broadcast_to(sound, (2, FRAMES))


def blocks(sound):
    return iter(np.split(sound, range(1000, FRAMES, 1000), axis=1))


def joined(parts):
    return np.concatenate(list(parts), axis=1)


def through_a_file(moments, layout, folder, sound=None):
    """What is played of a file that the moments were exported to."""
    scene, *later = ((frame / RATE, scene, fade_s) for frame, scene, fade_s in moments)
    given = blocks(mixture() if sound is None else sound)
    tape = joined(offline.objects_of(given, RATE, layout, scene[1], Shares(), later))
    soundfile.write(folder / "tape.wav", tape.T, RATE, subtype="FLOAT")
    export_tracks(folder / "tape.wav", folder / "a.adm.wav", layout, moments, "piece")
    with Bw64Reader(folder / "a.adm.wav") as reader:
        items = select(read_document(reader.axml), reader.entries).items
        return joined(feeds_of(reader.blocks(777), RATE, items, layout))


def directly(moments, layout, sound=None):
    (_, scene, _), *later = moments
    changes = [(frame / RATE, new, fade_s) for frame, new, fade_s in later]
    return joined(
        offline.feeds_of(blocks(mixture() if sound is None else sound), RATE, layout, scene, Shares(), changes=changes)
    )


def worst_db(found, expected):
    assert found.shape == expected.shape
    return 20 * np.log10(max(np.abs(found - expected).max(), 1e-12) / max(np.abs(expected).max(), 1e-3))


places = st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(0.2, 5))
objects = st.fixed_dictionaries(
    {
        "place": places,
        "level": st.floats(0.05, 2.5),
        "width_deg": st.sampled_from([0.0, 20.0, 90.0, 180.0, 270.0]),
        "height_deg": st.sampled_from([0.0, 0.0, 45.0]),
        "diffuseness": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        "mute": st.sampled_from([False, False, False, True]),
        "solo": st.sampled_from([False] * 9 + [True]),
        "group": st.integers(0, 1),
        "type": st.sampled_from(["point", "point", "plane", "diffuse", "channel", "pointextent"]),
        "outputs": st.sampled_from([(("M+030",), ("M-030",)), (("U+045", "B+000"),), ()]),
        "channel_lock_deg": st.sampled_from([0.0, 0.0, 15.0, 180.0]),
        "exclude": st.sampled_from([(), (), ("U*", "M+000"), ("*",)]),
        "exclude_sector": st.sampled_from([None, None, Sector(100, -100), Sector(-30, 60, 0, 90)]),
        "smooth_s": st.sampled_from([0.0, 0.02, 0.05]),
    }
)
scenes = st.fixed_dictionaries(
    {
        "objects": st.lists(objects, min_size=5, max_size=5),
        "amount": st.sampled_from([1.0, 1.0, 1.0, 0.0]),
        "distance": st.sampled_from([DistanceLaw(), DistanceLaw("inverse", 0.5), DistanceLaw("adm")]),
        "gains": st.sampled_from([{}, {"drums": -6.0, "vocals": -120.0}]),
        "fade_s": st.sampled_from([0.0, 0.0, 0.04]),
    }
)


def scene_of(drawn):
    scene = default_scene()
    for item, given_ in zip(scene.objects, drawn["objects"], strict=True):
        fields = {key: value for key, value in given_.items() if key != "place"}
        position = tuple(cartesian(*given_["place"]).tolist())
        scene = scene.with_object(replace(item, position=position, **fields))
    return replace(
        scene,
        amount=drawn["amount"],
        distance=drawn["distance"],
        groups={1: Group(gain_db=-4.0)},
        separation=Separation(gains_db=drawn["gains"]),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@settings(
    max_examples=int(os.environ.get("STEMFIELD_ADM_EXAMPLES", "8")), deadline=None, derandomize=True, phases=QUICK
)
@given(
    drawn=st.lists(scenes, min_size=1, max_size=3),
    first=st.integers(2, 2000),
    name=st.sampled_from(["22.2", "22.2", "7.1.4", "quad"]),
)
def test_what_a_scene_plays_is_what_is_played_of_its_file(folder, drawn, first, name):
    """At every frame and on every loudspeaker, whatever is in the scenes, if a move is over before the next begins."""
    layout = load_layout(name)
    made = [(scene_of(entry), entry["fade_s"]) for entry in drawn]
    moments = [(first + BEFORE_NEXT * (k - 1) if k else 0, *entry) for k, entry in enumerate(made)]
    assert worst_db(through_a_file(moments, layout, folder), directly(moments, layout)) < -100


def test_of_sides_that_share_a_loudspeaker_the_direct_part_is_written(folder):
    """What they differ in is diffused in the room; a file cannot say so, and other renderers would play it directly."""
    layout, sound = load_layout("quad"), mixture(2)
    scene = default_scene()
    apart = Scene(tuple(replace(o, width_deg=90.0) for o in scene.objects))
    point, narrow = (Scene(tuple(replace(o, width_deg=width_deg) for o in scene.objects)) for width_deg in (0.0, 10.0))
    for placed, least_db, most_db in ((apart, -300, -100), (point, -300, -100), (narrow, -20, 0)):
        moments = [(0, placed, 0.0)]
        found = through_a_file(moments, layout, folder, sound), directly(moments, layout, sound)
        assert least_db < worst_db(*found) < most_db


def test_a_move_that_is_overtaken_arrives_where_the_next_begins(folder):
    """Of a hand that drags, ours is behind by its smoothing; a file has the positions themselves."""
    layout, scene = load_layout("22.2"), default_scene()
    moments = [(0, scene, 0.0)]
    for k in range(1, 26):
        place = tuple(cartesian(3.0 * k, 0.0).tolist())
        scene = scene.with_object(replace(scene.objects[0], position=place, width_deg=0.0))
        moments.append((240 * k, scene, 0.0))  # 600 degrees a second
    found, expected = through_a_file(moments, layout, folder), directly(moments, layout)
    assert -40 < worst_db(found[:, :6000], expected[:, :6000]) < -3
    after = 240 * 25 + 2400  # where all is still again
    assert worst_db(found[:, after:], expected[:, after:]) < -100


def test_an_equaliser_is_in_the_sound(folder):
    layout, scene = load_layout("quad"), default_scene()
    shelf = (EqBand("lowpass", 500.0), EqBand("peak", 200.0, 2.0, 9.0))
    moments = [(0, scene.with_object(replace(scene.objects[4], eq=shelf)), 0.0)]
    assert worst_db(through_a_file(moments, layout, folder), directly(moments, layout)) < -100
    assert worst_db(directly([(0, scene, 0.0)], layout), directly(moments, layout)) > -20


def test_what_is_beyond_full_scale_is_not_clipped(folder):
    layout, scene = load_layout("quad"), default_scene()
    sine = np.zeros((10, FRAMES), np.float32)
    sine[2] = np.sin(np.arange(FRAMES) / 20.0)
    found = []
    for peak in (0.5, 5.0):
        moments = [(0, scene.with_object(replace(scene.objects[1], level=0.4 / peak)), 0.0)]
        soundfile.write(folder / "loud.wav", peak * sine.T, RATE, subtype="FLOAT")
        export_tracks(folder / "loud.wav", folder / "loud.adm.wav", layout, moments, "loud")
        with Bw64Reader(folder / "loud.adm.wav") as reader:
            items = select(read_document(reader.axml), reader.entries).items
            found.append(joined(feeds_of(reader.blocks(777), RATE, items, layout)))
    assert np.abs(sound_of(folder / "loud.adm.wav")).max() == pytest.approx(5 / 8, abs=1e-3)
    assert worst_db(*found) < -100


def test_the_loudest_that_is_written_is_read(folder):
    """Everything turned up, and a tape that is as loud as an equaliser may make it."""
    scene = default_scene()
    scene = scene.with_object(replace(scene.objects[1], level=MAX_LEVEL, width_deg=90.0))
    loud = {"groups": {0: Group(gain_db=MAX_GAIN_DB)}, "separation": Separation(gains_db={"bass": MAX_GAIN_DB})}
    sine = np.zeros((10, FRAMES), np.float32)
    sine[2:4] = LOUDEST_SOURCE * np.sin(np.arange(FRAMES) / 20.0)
    soundfile.write(folder / "loudest.wav", sine.T, RATE, subtype="FLOAT")
    moments = [(0, replace(scene, **loud), 0.0)]
    export_tracks(folder / "loudest.wav", folder / "loudest.adm.wav", load_layout("quad"), moments, "loudest")
    with Bw64Reader(folder / "loudest.adm.wav") as reader:
        items = select(read_document(reader.axml), reader.entries).items
    assert max(block.gain for item in items for block in item.blocks) == pytest.approx(MAX_LEVEL * 10 * 10 * 2**20)


def test_more_than_is_read_is_not_written(folder):
    """A channel on 22 loudspeakers is 22 objects: 94 of such are too many for a file."""
    layout, scene = load_layout("22.2"), default_scene()
    everywhere = (tuple(speaker.label for speaker in layout.speakers if not speaker.lfe),)
    first = replace(scene.objects[0], kind="input", type="channel", outputs=everywhere)
    further = [replace(first, id=k, name=str(k), channels=(k - 5,)) for k in range(5, 99)]
    soundfile.write(folder / "many.wav", np.zeros((100, 10 + len(further)), np.float32), RATE, subtype="FLOAT")
    moments = [(0, replace(scene, objects=(*scene.objects, *further)), 0.0)]
    with pytest.raises(AudioFileError, match=r"many\.adm\.wav: more than 1024 tracks of audioObjects"):
        export_tracks(folder / "many.wav", folder / "many.adm.wav", layout, moments, "many")
    assert not (folder / "many.adm.wav").exists()


def gains_of(*given_blocks, layout="22.2"):
    room = load_layout(layout)
    direct, diffuse = BlockGains(room, Panner(room)).of_objects(given_blocks)
    return room, direct, diffuse


def test_zones_are_silent_and_the_power_stays():
    behind = Zone(False, (100.0, -90.0), (-100.0, 90.0))
    above = Zone(True, (-1.0, -1.0, 0.2), (1.0, 1.0, 1.0))
    place = (150.0, 20.0, 1.0)
    room, gains, _ = gains_of(*(Block(position=place, zones=zones) for zones in ((), (behind,), (above,))))
    assert (gains**2).sum(axis=1) == pytest.approx([1, 1, 1])
    for speaker, own in zip(room.speakers, gains.T, strict=True):
        if abs(speaker.azimuth_deg) >= 100 or speaker.elevation_deg == 90:
            assert own[1] == 0
        if speaker.elevation_deg > 20:
            assert own[2] == 0
    everywhere = Zone(False, (-180.0, -90.0), (180.0, 90.0))
    _, (free, none), _ = gains_of(Block(position=place), Block(position=place, zones=(everywhere,)))
    np.testing.assert_array_equal(free, none)


def test_extents_and_depth_keep_the_power_and_grow_when_they_come_nearer():
    room, gains, _ = gains_of(
        Block(position=(30.0, 0.0, 1.0)),
        Block(position=(30.0, 0.0, 1.0), width=60.0),
        Block(position=(30.0, 0.0, 0.5), width=60.0),
        Block(position=(30.0, 0.0, 0.0)),
        Block(position=(30.0, 0.0, 1.0), depth=1.0),
        Block(cartesian=True, position=(-1.0, 1.0, 0.0), width=0.5, height=0.5, depth=0.5),
    )
    assert (gains**2).sum(axis=1) == pytest.approx([1] * 6)
    playing = (gains > 1e-3).sum(axis=1)
    assert playing[0] == 1
    assert 1 < playing[1] < playing[2]
    assert playing[3] == 22
    assert playing[4] > 1
    assert playing[5] > 1
    assert gains[4].argmax() == gains[0].argmax() == room.labels.index("M+030")


def test_what_is_diffuse_goes_through_the_decorrelators():
    room, direct, diffuse = gains_of(
        Block(position=(0.0, 0.0, 1.0), diffuse=0.36), Block(diffuse=1.0, width=360.0, height=180.0)
    )
    centre = room.labels.index("M+000")
    assert (direct[0, centre], diffuse[0, centre]) == pytest.approx((0.8, 0.6))
    assert not direct[1].any()
    plays = np.array([not speaker.lfe for speaker in room.speakers])
    np.testing.assert_allclose(diffuse[1], np.where(plays, 22**-0.5, 0.0))


BESIDE = np.sin(np.pi / 24) / np.hypot(np.sin(np.pi / 24), np.sin(np.pi / 8))
"""The gain of a loudspeaker 22.5 degrees away, where the next one is 7.5 degrees away: the law of sines, unit power."""


@pytest.mark.parametrize(
    ("labels", "lfe", "layout", "expected"),
    [
        (("M+030",), False, "22.2", {"M+030": 1.0}),
        (("urn:itu:bs:2051:0:speaker:U-135",), False, "22.2", {"U-135": 1.0}),
        (("M+022",), False, "22.2", {"M+000": BESIDE, "M+030": (1 - BESIDE**2) ** 0.5}),
        (("LFE",), True, "22.2", {"LFE1": 1.0}),
        (("LFE2",), True, "22.2", {"LFE2": 1.0}),
        (("LFE2",), True, "5.1", {"LFE1": 1.0}),
        (("LFE",), True, "quad", {}),
    ],
)
def test_loudspeakers_by_label_by_place_and_for_low_effects(labels, lfe, layout, expected):
    room = load_layout(layout)
    gains = BlockGains(room, Panner(room)).of_speaker(SpeakerBlock(labels=labels, position=(22.5, 0.0, 1.0)), lfe=lfe)
    found = {label: gain for label, gain in zip(room.labels, gains.tolist(), strict=True) if gain > 1e-9}
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ((30.0, 0.0, 1.0), (50.0, 0.0, 1.0), ["M+030"]),
        ((40.0, 0.0, 1.0), (60.0, 0.0, 1.0), ["M+060"]),
        ((30.0, 0.0, 1.0), (60.0, 0.0, 1.0), ["M+030", "M+060"]),  # both are as near: it is panned
        ((40.0, 0.0, 1.0), (50.0, 0.0, 1.0), ["M+030", "M+060"]),
        ((-180.0, 80.0, 1.0), (-170.0, 90.0, 1.0), ["T+000"]),  # what is overhead has any azimuth
        ((30.0, 0.0, 0.2), (50.0, 0.0, 1.0), ["M+030"]),
        ((30.0, 0.0, 0.2), (50.0, 0.0, 0.9), ["M+030", "M+060"]),  # no loudspeaker is as near as that
    ],
)
def test_loudspeakers_within_bounds(low, high, expected):
    room = load_layout("22.2")
    block = SpeakerBlock(labels=("M+045",), position=(45.0, 0.0, 1.0), bounds=Zone(False, low, high))
    gains = BlockGains(room, Panner(room)).of_speaker(block, lfe=False)
    assert {label for label, gain in zip(room.labels, gains.tolist(), strict=True) if gain > 1e-9} == set(expected)
    assert (gains**2).sum() == pytest.approx(1.0)


class TestCommands:
    """The command line: a song to a file of objects, and from there to rooms."""

    @pytest.fixture(autouse=True)
    def home(self, tmp_path, monkeypatch, capsys):
        for hook in ("excepthook", "unraisablehook"):
            monkeypatch.setattr(sys, hook, getattr(sys, hook))
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        self.capsys = capsys

    def run(self, *words):
        """Status, lines on stdout, and lines on stderr of a command."""
        status = main([str(word) for word in words])
        out, err = self.capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    def refused(self, *words):
        """The lines of a command that must be refused."""
        status, out, lines = self.run(*words)
        assert (status, out) == (2, [])
        assert all(line.startswith("stemfield: error: ") for line in lines), lines
        return [line.removeprefix("stemfield: error: ") for line in lines]

    @pytest.fixture
    def song(self, tmp_path):
        part = demo_mixture()[:, 4 * DEMO_RATE_HZ : 5 * DEMO_RATE_HZ]
        soundfile.write(tmp_path / "song.wav", part.T, DEMO_RATE_HZ, subtype="FLOAT")
        return tmp_path / "song.wav"

    def test_a_song_leaves_the_room_and_comes_back(self, song, tmp_path):
        state = tmp_path / "state" / "stemfield" / "recordings"
        state.mkdir(parents=True)
        lines = ['{"stemfield": "recording", "format": 1}', '[0.5, "/object/vocals/aed", [120, 0, 1]]']
        (state / "Take+1.jsonl").write_text("\n".join(lines) + "\n")
        # wide enough that no two sides share a loudspeaker
        (tmp_path / "wide.yaml").write_text("object: {vocals: {width: 60}, bass: {width: 60}}")
        words = ("--recording", "Take 1", "--adm", tmp_path / "song.adm.wav", "--layout", "22.2")
        words = (*words, "--scene", tmp_path / "wide.yaml")
        status, out, err = self.run("upmix", song, tmp_path / "room.wav", *words)
        assert status == 0, err
        assert out[1].startswith(f"{tmp_path / 'song.adm.wav'}: 10 objects, -")
        words = ("--layout", "22.2", "-o", tmp_path / "again.wav")
        status, out, err = self.run("render", tmp_path / "song.adm.wav", *words)
        assert status == 0, err
        assert "programme song, 10 tracks, 24 channels for 22.2" in out[0]
        again, room = sound_of(tmp_path / "again.wav"), sound_of(tmp_path / "room.wav")
        assert worst_db(again, room) < -100
        with Bw64Reader(tmp_path / "song.adm.wav") as reader:
            document = read_document(reader.axml)
        (programme,) = document.programmes.values()
        assert -60 < programme.loudness_lkfs < -5
        assert {content.name for content in document.contents.values()} == {
            "vocals", "bass", "drums", "other", "residual"
        }  # fmt: skip
        assert len(document.channels["AC_00031001"].blocks) == 2

    def test_a_file_for_headphones(self, tmp_path):
        path = write_case("points", tmp_path)
        status, _, err = self.run("render", path, "--binaural", "-o", tmp_path / "ears.flac")
        assert status == 0, err
        assert soundfile.read(tmp_path / "ears.flac")[0].shape == (9600, 2)

    def test_notes_are_told(self, tmp_path):
        axml, entries = document([at(0, 0, screenRef=1)])
        with Bw64Writer(tmp_path / "a.wav", RATE, 1, entries) as writer:
            writer.write(impulses(1))
            writer.axml = axml
        status, _, err = self.run("render", tmp_path / "a.wav", "--layout", "quad", "-o", tmp_path / "b.wav")
        assert status == 0
        assert f"stemfield: warning: {tmp_path / 'a.wav'}: not played: screenRef" in err

    def test_what_cannot_be_rendered_is_refused_in_lines(self, song, tmp_path):
        path, out = write_case("points", tmp_path), tmp_path / "out.wav"
        words = ("--layout", "quad", "-o", out)
        (line,) = self.refused("render", song, *words)
        assert line == f"{song}: has no axml chunk, so nothing says where its tracks are placed"
        (line,) = self.refused("render", path, *words, "--programme", "other")
        assert "programme: expected programme (APR_1001), got 'other'" in line
        assert "no such file" in self.refused("render", tmp_path / "none.wav", *words)[0]
        assert "--layout is missing" in self.refused("render", path, "-o", out)[0]
        assert "only with --binaural" in self.refused("render", path, *words, "--hrtf", "a.sofa")[0]
        assert "is the input itself" in self.refused("render", path, "--layout", "quad", "-o", path)[0]
        cut = tmp_path / "cut.wav"
        cut.write_bytes(path.read_bytes()[:5000])
        assert "cut off: its chunk data declares" in self.refused("render", cut, *words)[0]
        axml, entries = document([at("nan", 0), cube(2000, 0, 0), at(0, 0, width=400)])
        with Bw64Writer(tmp_path / "bad.wav", RATE, 3, entries[:2]) as writer:
            writer.write(impulses(3))
            writer.axml = axml
        assert len(self.refused("render", tmp_path / "bad.wav", *words)) == 3
        assert not out.exists()

    def test_what_cannot_be_exported_is_refused_before_the_work(self, song, tmp_path):
        assert "OUT is missing" in self.refused("upmix", song)[0]
        assert (
            "no such recording: expected a file (no recording is kept in"
            in self.refused("upmix", song, "--adm", "a.wav", "--recording", "x")[0]
        )
        assert "expected a .wav or .flac file, got .mp3" in self.refused("upmix", song, "--adm", tmp_path / "a.mp3")[0]
        assert "BW64 is written to .wav files only" in self.refused("upmix", song, "--adm", tmp_path / "a.flac")[0]
        out, same = tmp_path / "a.wav", tmp_path / "home" / ".." / "a.wav"
        (tmp_path / "home").mkdir()
        (line,) = self.refused("upmix", song, out, "--layout", "quad", "--adm", same)
        assert line == f"--adm {same}: is OUT itself; choose another name for one of them"


@pytest.mark.parametrize(("name", "least"), [("stereo", 0.5), ("5.1", 1.0), ("7.1.4", 1.0), ("surrey", 1.0)])
def test_nothing_is_lost_in_any_room(name, least, tmp_path):
    """The power of a track on all loudspeakers together is that of its gain, as exactly as 32-bit floats say it.

    On a single pair it falls to a half behind the listener (ITU-R BS.2127 section 6.1).
    """
    path, room = write_case("points", tmp_path), load_layout(name)
    with Bw64Reader(path) as reader:
        items = select(read_document(reader.axml), reader.entries).items
        panned = joined(feeds_of(reader.blocks(4096), RATE, items, room, plain=True))
        played = joined(feeds_of(reader.blocks(4096), RATE, items, room))
    assert panned.shape == played.shape == (len(room.labels), 9600)
    for track, item in enumerate(items):
        powers = ((2 * panned[:, track::STEP].astype(np.float64) / item.blocks[0].gain) ** 2).sum(axis=0)
        assert least - 1e-5 < powers.min() <= powers.max() < 1 + 1e-5, item.name
