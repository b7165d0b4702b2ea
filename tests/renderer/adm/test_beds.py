"""Beds: channels for loudspeakers, by label, in the cube of a room, and for low-frequency effects."""

import doctest
from dataclasses import replace
from functools import cache

import pytest
from adm_cases import RATE, cube, document, impulses, sound_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.control.cli.main import main
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.adm import cube as cube_module
from stemfield.renderer.adm import labels, model
from stemfield.renderer.adm.gains import BlockGains
from stemfield.renderer.adm.labels import place_of
from stemfield.renderer.adm.model import SpeakerBlock
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.files.bw64_writer import Bw64Writer
from stemfield.renderer.panning.panner import Panner


@cache
def gains_in(layout):
    """Of a layout of this name."""
    room = load_layout(layout)
    return BlockGains(room, Panner(room))


def bed_gains(layout, label, position):
    """Gains of a Cartesian bed channel that are not 0, by loudspeaker."""
    gains, room = (gains_in(layout), load_layout(layout)) if isinstance(layout, str) else (None, layout)
    block = SpeakerBlock(labels=(label,) if label else (), cartesian=True, position=position)
    row = (gains or BlockGains(room, Panner(room))).of_speaker(block, lfe=False)
    return {label: gain for label, gain in zip(room.labels, row.tolist(), strict=True) if abs(gain) > 1e-9}


DOLBY_BED = {  # of 7.1.2, and the surround pair of 5.1
    "RC_L": (-1, 1, 0), "RC_R": (1, 1, 0), "RC_C": (0, 1, 0), "RC_LFE": (-1, 1, -1),
    "RC_Lss": (-1, 0, 0), "RC_Rss": (1, 0, 0), "RC_Lrs": (-1, -1, 0), "RC_Rrs": (1, -1, 0),
    "RC_Lts": (-1, 0, 1), "RC_Rts": (1, 0, 1), "RC_Ls": (-1, -0.36397, 0), "RC_Rs": (1, -0.36397, 0),
}  # fmt: skip
HALF = 0.5**0.5


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(
    ("layout", "places"),
    [
        ("7.1", "RC_L M+030, RC_R M-030, RC_C M+000, RC_Lss M+090, RC_Rss M-090, RC_Lrs M+135, RC_Rrs M-135"),
        ("7.1.4", "RC_L M+030, RC_C M+000, RC_Lss M+090, RC_Rss M-090, RC_Lrs M+135, RC_Rrs M-135"),
        ("22.2", "RC_L M+030, RC_C M+000, RC_Lss M+090, RC_Rrs M-135, RC_Lts U+090, RC_Rts U-090"),
        ("5.1", "RC_L M+030, RC_C M+000, RC_Lrs M+110, RC_Rrs M-110"),
        ("octagon", "RC_C M+000, RC_Lss M+090, RC_Rrs M-135, RC_L M+045"),
        ("quad", "RC_L M+045, RC_R M-045, RC_Lrs M+135"),
    ],
)
def test_a_bed_channel_is_played_by_the_loudspeaker_that_stands_there_alone(layout, places, labelled):
    for pair in places.split(", "):
        name, label = pair.split()
        found = bed_gains(layout, name if labelled else "", DOLBY_BED[name])
        assert found == {label: 1.0}, pair


def test_a_bed_channel_between_loudspeakers_is_played_by_those_around_it():
    assert bed_gains("7.1.4", "RC_Lts", (-1, 0, 1)) == pytest.approx({"U+045": HALF, "U+135": HALF})
    assert bed_gains("5.1", "RC_Lss", (-1, 0, 0)) == pytest.approx({"M+030": HALF, "M+110": HALF})
    assert bed_gains("5.1", "RC_Ls", (-1, -0.36397, 0)) == {"M+110": 1.0}


def test_corners_are_the_pairs_of_rooms_that_stand_elsewhere_than_the_standard_says():
    places = {"l": 38.0, "r": -39.0, "bl": 128.0, "br": -131.0}
    room = Layout(
        "den", "den", tuple(Speaker(label, places[label], 0.0, 2.0, k) for k, label in enumerate(places, start=1))
    )
    assert bed_gains(room, "RC_L", (-1, 1, 0)) == {"l": 1.0}
    assert bed_gains(room, "RC_Rrs", (1, -1, 0)) == {"br": 1.0}
    assert bed_gains(room, "RC_Lss", (-1, 0, 0)) == pytest.approx({"l": HALF, "bl": HALF}, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(st.tuples(*[st.floats(-1, 1)] * 3), st.sampled_from(["attic", "22.2", "cube", "living-room"]))
def test_a_bed_channel_has_power_1_anywhere_in_any_room(position, layout):
    gains = bed_gains(layout, "", position)
    assert sum(gain**2 for gain in gains.values()) == pytest.approx(1.0)


def test_in_a_room_that_is_no_cube_a_bed_channel_is_where_its_label_says():
    room = load_layout("attic")
    for label, position in DOLBY_BED.items():
        place = place_of(label)
        if place is not None:
            (expected,) = Panner(room).gains([cartesian(*place)])
            found = bed_gains("attic", label, position)
            assert [found.get(name, 0.0) for name in room.labels] == pytest.approx(expected.tolist(), abs=1e-9), label


@pytest.mark.parametrize("label", ["RC_LFE", "rc_lfe", "LFE", "urn:itu:bs:2051:0:speaker:LFE1", "LFE_1", "Lfe"])
def test_low_frequency_effects_are_known_by_any_of_their_names(label):
    assert bed_gains("7.1.4", label, (-1, 1, -1)) == {"LFE1": 1.0}
    assert bed_gains("quad", label, (-1, 1, -1)) == {}


def test_low_frequency_effects_without_a_label_are_known_by_the_name_of_their_channel():
    xml, _ = document([cube(-1, 1, -1), cube(-1, 1, 0)], "DirectSpeakers")
    read = read_document(xml.replace(b'"channel 1"', b'"RoomCentricLFE"'))
    assert [channel.lfe for channel in read.channels.values()] == [True, False]


def test_the_examples_in_the_texts():
    for module in (labels, cube_module, model):
        result = doctest.testmod(module)
        assert result.attempted > 0
        assert result.failed == 0


@pytest.mark.parametrize(("azimuth", "elevation"), [(30, 0), (180, 0), (-180, 0), (0, 90), (77, 90), (-45, 30)])
def test_a_polar_bed_channel_is_played_by_the_loudspeaker_that_nominally_stands_there(azimuth, elevation):
    """Whatever its label is, and however far from its nominal place it really stands."""
    room = load_layout("22.2")
    speakers = tuple(replace(s, label=f"S{s.channel}", azimuth_deg=s.azimuth_deg + 2.0) for s in room.speakers)
    moved = replace(room, speakers=speakers)
    block = SpeakerBlock(labels=("nowhere",), position=(azimuth, elevation, 1.0))
    gains = BlockGains(moved, Panner(moved)).of_speaker(block, lfe=False)
    assert sorted(gains.tolist())[-2:] == [0.0, 1.0]


def test_a_bed_channel_without_a_position_is_where_its_label_says():
    xml, _ = document(["<speakerLabel>RC_Lss</speakerLabel>"], "DirectSpeakers")
    ((block,),) = (channel.blocks for channel in read_document(xml).channels.values())
    assert (block.cartesian, block.position) == (False, (90.0, 0.0, 1.0))


def master_file(path):
    """A master as others write them: a bed of 7.1.2 with an object and Ambisonics, IDs in small letters, UTF-16."""
    bed = [
        f"<speakerLabel>{label}</speakerLabel>{cube(*position)}"
        for label, position in DOLBY_BED.items()
        if label not in ("RC_Ls", "RC_Rs")
    ]
    xml, entries = document([*bed, cube(0, 1, 0), cube(0, 1, 0)], "DirectSpeakers")
    text = xml.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    last = f"{len(entries):08x}"
    begin = text.index(f'<audioTrackUID UID="ATU_{last}"')
    text = text[:begin] + text[begin:].replace(f"AT_0001{0x1000 + len(entries):04x}_01", "AT_00040001_01")
    entries[-1] = replace(entries[-1], track_ref="AT_00040001_01", pack_ref="AP_00040001")
    entries = [replace(entry, uid=entry.uid.lower(), pack_ref=entry.pack_ref.lower()) for entry in entries]
    with Bw64Writer(path, RATE, len(entries), entries) as writer:
        writer.write(impulses(len(entries)))
        writer.axml = text.encode("utf-16")
    return len(entries)


def test_a_master_is_rendered_as_it_was_mixed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    tracks = master_file(tmp_path / "master.wav")
    words = ["render", str(tmp_path / "master.wav"), "--layout", "7.1.4", "-o", str(tmp_path / "room.wav")]
    assert main(words) == 0
    assert f"HOA is left out: object {tracks}" in capsys.readouterr().err
    feeds, labels = sound_of(tmp_path / "room.wav"), load_layout("7.1.4").labels
    gains = {
        label: {
            name: round(float(feed[track]) / 0.5, 3) for name, feed in zip(labels, feeds, strict=True) if feed[track]
        }
        for track, label in enumerate(DOLBY_BED)
        if track < tracks - 2
    }
    alone = zip(DOLBY_BED, "M+030 M-030 M+000 LFE1 M+090 M-090 M+135 M-135".split(), strict=False)  # noqa: SIM905
    above = {"RC_Lts": {"U+045": 0.707, "U+135": 0.707}, "RC_Rts": {"U-045": 0.707, "U-135": 0.707}}
    assert gains == {label: {name: 1.0} for label, name in alone} | above
