"""Loudspeaker files of other renderers."""

import json

import numpy as np
import pytest

from stemfield.control.config.configuration import load_config
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.export import layout_yaml
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import Compensation, LayoutError

EAR = """
speakers:
  - {channel: 7, names: M+030, position: {az: 28.5, el: 1.0, r: 2.1}, gain_linear: 0.5}
  - {channel: 0, names: [M-030], position: {az: -30.0, el: 0.0, r: 2.0}}
  - {channel: 1, names: ["U+180", "UH+180"], position: {az: 180.0, el: 40.0, r: 1.9}}
  - {channel: 2, names: LFE1}
  - {channel: 3, names: B+000}
screen: {type: polar, aspectRatio: 1.78, centrePosition: {az: 0.0, el: 0.0, r: 1.0}, widthAzimuth: 58.0}
"""
VISR = """<?xml version="1.0" encoding="utf-8"?>
<panningConfiguration dimension="3" infinite="false">
  <outputEqConfiguration numberOfBiquads="1" type="iir">
    <filterSpec name="highpass"><biquad a1="-1.9" a2="0.9" b0="0.98" b1="-1.96" b2="0.98"/></filterSpec>
  </outputEqConfiguration>
  <loudspeaker id="M+000" channel="4" gainDB="-2.5" delay="0.00115" eq="highpass">
    <cart x="2" y="0" z="0"/></loudspeaker>
  <loudspeaker id="M+090" channel="1" gain="0.5"><cart x="0" y="1.5" z="0"/></loudspeaker>
  <loudspeaker id="M-110" channel="12"><polar az="-110" el="-3" r="1.8"/></loudspeaker>
  <virtualspeaker id="VotD"><polar az="0" el="-90" r="1"/><route lspId="M+000" gainDB="-6"/></virtualspeaker>
  <triplet l1="M+000" l2="M+090" l3="VotD"/>
  <subwoofer channel="8" assignedLoudspeakers="M+000, M+090" weights="1.0, 0.7" gainDB="3" delay="0"/>
</panningConfiguration>
"""
IEM = {
    "Name": "All-round",
    "LoudspeakerLayout": {
        "Name": "A hemisphere",
        "Loudspeakers": [
            {"Azimuth": 45.0, "Elevation": 0.0, "Radius": 2.0, "IsImaginary": False, "Channel": 3, "Gain": 1.0},
            {"Azimuth": -45.0, "Elevation": 10.0, "Radius": 2.0, "IsImaginary": False, "Channel": 1, "Gain": 0.1},
            {"Azimuth": 180.0, "Elevation": 60.0, "Radius": 2.0, "IsImaginary": False, "Channel": 2, "Gain": 1.0},
            {"Azimuth": 0.0, "Elevation": -90.0, "Radius": 1.0, "IsImaginary": True, "Channel": 4, "Gain": 0.0},
        ],
    },
}
GRIS_3 = """<?xml version="1.0" encoding="UTF-8"?>
<SPEAKER_SETUP VERSION="3.1.14" SPAT_MODE="Dome" DIFFUSION="0.0" GENERAL_MUTE="0">
  <SPEAKER_2 STATE="normal" GAIN="-1.5" DIRECT_OUT_ONLY="0">
    <POSITION X="-0.5" Y="0.8660254" Z="0.0"/><HIGHPASS FREQ="60.0"/>
  </SPEAKER_2>
  <SPEAKER_1 STATE="muted" GAIN="0.0" DIRECT_OUT_ONLY="0"><POSITION X="1.0" Y="0.0" Z="0.0"/></SPEAKER_1>
  <SPEAKER_9 STATE="normal" GAIN="0.0" DIRECT_OUT_ONLY="1"><POSITION X="0.0" Y="1.0" Z="0.0"/></SPEAKER_9>
</SPEAKER_SETUP>
"""
GRIS_4 = """<?xml version="1.0" encoding="UTF-8"?>
<SPEAKER_SETUP SPEAKER_SETUP_VERSION="4.0.0" SPAT_MODE="Dome" DIFFUSION="0.5" GENERAL_MUTE="0" UUID="a">
  <SPEAKER_GROUP SPEAKER_GROUP_NAME="MAIN_SPEAKER_GROUP_NAME" CARTESIAN_POSITION="(0, 0, 0)" UUID="b">
    <SPEAKER SPEAKER_PATCH_ID="1" IO_STATE="normal" GAIN="0" DIRECT_OUT_ONLY="0" CARTESIAN_POSITION="(0, 1, 0)"/>
    <SPEAKER_GROUP SPEAKER_GROUP_NAME="ring" CARTESIAN_POSITION="(0, 0, 1)" YAW="10" UUID="c">
      <SPEAKER SPEAKER_PATCH_ID="5" IO_STATE="muted" GAIN="-3" CARTESIAN_POSITION="(-1, 0, 0)" FREQ="80"/>
    </SPEAKER_GROUP>
  </SPEAKER_GROUP>
</SPEAKER_SETUP>
"""


def imported(folder, text, name):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_layout(str(path))


def refused(folder, text, name="room.xml"):
    with pytest.raises(LayoutError) as caught:
        imported(folder, text, name)
    return caught.value.problems


def test_ear(tmp_path):
    layout = imported(tmp_path, EAR, "studio.yaml")
    assert (layout.name, layout.title) == ("studio", "studio (from EAR)")
    assert layout.labels == ("M+030", "M-030", "U+180", "LFE1", "B+000")
    left, right, back, lfe, below = layout.speakers
    assert [speaker.channel for speaker in layout.speakers] == [8, 1, 2, 3, 4]
    assert (left.azimuth_deg, left.elevation_deg, left.radius_m) == (28.5, 1, 2.1)
    assert (left.nominal_azimuth_deg, left.nominal_elevation_deg) == (30, 0)
    assert left.gain_db == pytest.approx(-6.0206, abs=1e-4)
    assert (right.gain_db, back.elevation_deg, back.nominal_elevation_deg) == (0, 40, 30)
    assert lfe.lfe
    assert (below.azimuth_deg, below.elevation_deg) == (0, -30)
    assert layout.notes == (
        "left out: all names but the first at U+180",
        "left out: the screen",
        "distances differ: delay of nearer loudspeakers compensate it (compensate)",
    )
    assert layout.compensate == Compensation(delay=True)  # gains are given
    assert (lfe.radius_m, below.radius_m) == (2.1, 2.1)  # as far as the farthest: they are not compensated


def test_ear_may_be_a_plain_list(tmp_path):
    text = EAR.split("speakers:")[1].split("screen")[0]
    assert imported(tmp_path, text, "studio.yml").labels == ("M+030", "M-030", "U+180", "LFE1", "B+000")


def test_visr(tmp_path):
    layout = imported(tmp_path, VISR, "lab.xml")
    assert layout.labels == ("M+000", "M+090", "M-110", "SUB1")
    assert [speaker.channel for speaker in layout.speakers] == [4, 1, 12, 8]
    front, left, right, sub = layout.speakers
    assert (front.azimuth_deg, front.radius_m, front.gain_db, front.delay_ms) == (0, 2, -2.5, 1.15)
    assert (left.azimuth_deg, left.radius_m, left.delay_ms) == (90, 1.5, None)
    assert left.gain_db == pytest.approx(-6.0206, abs=1e-4)
    assert (right.azimuth_deg, right.elevation_deg, right.radius_m) == (-110, -3, 1.8)
    assert (sub.lfe, sub.gain_db) == (True, 3)
    assert layout.bass_management is not None
    assert layout.bass_management.subwoofers == {"SUB1": {"M+000": 1, "M+090": 0.7}}
    assert [note.split(" at ")[0] for note in layout.notes] == [
        "left out: output equalisers (fixed coefficients of one sample rate)",
        "left out: virtual loudspeakers",
        "left out: 1 triplets: the panner makes its own",
    ]


def test_iem(tmp_path):
    layout = imported(tmp_path, json.dumps(IEM), "dome.json")
    assert (layout.name, layout.title) == ("dome", "A hemisphere")
    assert layout.labels == ("S3", "S1", "S2")
    assert [speaker.channel for speaker in layout.speakers] == [3, 1, 2]
    assert [speaker.azimuth_deg for speaker in layout.speakers] == [45, -45, 180]
    assert layout.speakers[1].gain_db == pytest.approx(-20)
    assert layout.notes == ("left out: imaginary loudspeakers at 3",)


def test_spatgris_3(tmp_path):
    layout = imported(tmp_path, GRIS_3, "grid.xml")
    assert layout.labels == ("S2", "S1", "S9")
    left, right, direct = layout.speakers
    # x right, y front: half a metre to the left of the front is 30 degrees left.
    assert (left.azimuth_deg, left.elevation_deg) == (pytest.approx(30, abs=1e-4), 0)
    assert (left.channel, left.gain_db, left.highpass_hz) == (2, -1.5, 60)
    assert (right.azimuth_deg, right.radius_m) == (-90, 1)
    assert (direct.lfe, direct.channel) == (True, 9)
    assert layout.notes == ("left out: mutes at S1",)


def test_spatgris_4_with_groups(tmp_path):
    layout = imported(tmp_path, GRIS_4, "grid.xml")
    positions = [cartesian(s.azimuth_deg, s.elevation_deg, s.radius_m) for s in layout.speakers]
    np.testing.assert_allclose(positions, [[1, 0, 0], [0, 1, 1]], atol=1e-6)
    assert [speaker.channel for speaker in layout.speakers] == [1, 5]
    assert layout.speakers[1].highpass_hz == 80
    assert layout.notes == (
        "left out: mutes at S5",
        "left out: the diffusion of the set-up",
        "left out: the rotation of groups at ring",
        "distances differ: delay of nearer loudspeakers compensate it (compensate)",
    )


VISR_FLAT = """
<panningConfiguration dimension="2">
  <loudspeaker id="M+030" channel="1"><polar az="30" r="1"/></loudspeaker>
  <loudspeaker id="M-030" channel="2"><cart x="0.866025" y="-0.5"/></loudspeaker>
  <loudspeaker id="1" channel="3"><polar az="180" r="1"/></loudspeaker>
  <loudspeaker id="2" channel="4"><polar az="90" r="1"/></loudspeaker>
  <subwoofer channel="5" assignedLoudspeakers="M+030, 1:2" weights="1, 1, 0.5"/>
</panningConfiguration>
"""


def test_visr_in_two_dimensions(tmp_path):
    layout = imported(tmp_path, VISR_FLAT, "flat.xml")
    places = [(round(s.azimuth_deg, 3), s.elevation_deg, round(s.radius_m, 3)) for s in layout.speakers]
    assert places == [(30, 0, 1), (-30, 0, 1), (180, 0, 1), (90, 0, 1), (0, 0, 1)]
    assert layout.bass_management.subwoofers == {"SUB1": {"M+030": 1, "1": 1, "2": 0.5}}
    assert layout.compensate == Compensation()
    with pytest.raises(LayoutError, match=r"M\+030\.el: missing"):
        imported(tmp_path, VISR_FLAT.replace('dimension="2"', 'dimension="3"'), "flat.xml")


GRIS_2 = """<?xml version="1.0" encoding="UTF-8"?>
<SpeakerSetup Name="eight" Dimension="3" SpatMode="0">
  <Ring>
    <Speaker PositionX="0.9239" PositionY="-0.3827" PositionZ="0" Azimuth="337.5" Zenith="0" Radius="1"
             LayoutIndex="1" OutputPatch="1" Gain="0" HighPassCutoff="0" DirectOut="0"/>
    <Speaker PositionX="0" PositionY="0.5" PositionZ="0.866" Azimuth="90" Zenith="60" Radius="1" LayoutIndex="2"
             OutputPatch="4" Gain="-1.5" HighPassCutoff="60" DirectOut="0"/>
  </Ring>
  <Ring><Speaker PositionX="0" PositionY="0" PositionZ="0" OutputPatch="9" DirectOut="1"/></Ring>
  <triplet id1="1" id2="2" id3="3"/>
</SpeakerSetup>
"""


def test_spatgris_before_version_3(tmp_path):
    """The same rooms in files of version 3: output 1 is in front, a little to the left."""
    layout = imported(tmp_path, GRIS_2, "eight .xml")
    assert layout.name == "eight"
    left, right, sub = layout.speakers
    assert (left.label, left.channel, round(left.azimuth_deg, 1), left.elevation_deg) == ("S1", 1, 22.5, 0)
    assert (right.label, round(right.azimuth_deg, 1), round(right.elevation_deg, 1)) == ("S4", -90, 60)
    assert (right.gain_db, right.highpass_hz) == (-1.5, 60)
    assert (sub.label, sub.lfe, round(sub.radius_m, 3)) == ("S9", True, 1)
    assert "S9 is at the origin: taken to be in front" in layout.notes


def test_what_stands_at_the_origin_plays_and_is_told(tmp_path):
    at_origin = GRIS_3.replace('<POSITION X="0.0" Y="1.0" Z="0.0"/>', '<POSITION X="0.0" Y="0.0" Z="0.0"/>')
    assert imported(tmp_path, at_origin, "dome.xml").speakers[-1].lfe
    layout = imported(tmp_path, at_origin.replace('DIRECT_OUT_ONLY="1"', 'DIRECT_OUT_ONLY="0"'), "dome.xml")
    told = "S9 is at the origin: it has no direction, and plays only what is sent to it directly, as lfe"
    assert told in layout.notes
    assert [speaker.lfe for speaker in layout.speakers] == [False, False, True]


def test_at_the_origin_a_direction_that_is_said_counts(tmp_path):
    layout = imported(tmp_path, VISR.replace('r="1.8"', 'r="0"'), "room.xml")
    speaker = layout.speakers[2]
    assert not speaker.lfe
    assert speaker.azimuth_deg or speaker.elevation_deg
    assert speaker.radius_m == max(other.radius_m for other in layout.speakers)
    assert f"{speaker.label} is at the origin: only its direction is used" in layout.notes


SSR = """<?xml version="1.0" encoding="utf-8"?>
<?xml-stylesheet type="text/xsl" href="asdf2html.xsl"?>
<asdf version="0.1">
  <header><name>Half  a
    ring</name></header>
  <reproduction_setup>
    <loudspeaker delay="0.001" weight="-0.5"><position x="2" y="1"/><orientation azimuth="-150"/></loudspeaker>
    <skip number="4"/>
    <linear_array number="3"><first><position x="1" y="1"/></first><last><position x="1" y="-1"/></last></linear_array>
    <linear_array number="2">
      <first><position x="-1" y="1"/></first><second><position x="-1" y="0"/></second></linear_array>
    <circular_array number="4"><first><position x="0" y="2"/></first></circular_array>
    <circular_array number="3"><center><position x="1" y="0"/></center><first><position x="1" y="3"/></first>
      <last><angle azimuth="180"/></last></circular_array>
    <loudspeaker model="subwoofer"><position x="0" y="0"/></loudspeaker>
  </reproduction_setup>
</asdf>
"""


def test_ssr(tmp_path):
    layout = imported(tmp_path, SSR, "ring.asd")
    assert (layout.name, layout.title) == ("ring", "Half a ring")
    first, *others, sub = layout.speakers
    assert [s.channel for s in layout.speakers] == [1, *range(6, 19)]
    assert (first.delay_ms, first.polarity) == (1, "inverted")
    assert first.gain_db == pytest.approx(-6.0206, abs=1e-4)
    places = [cartesian(s.azimuth_deg, s.elevation_deg, s.radius_m) for s in (first, *others)]
    expected = [(2, 1), (1, 1), (1, 0), (1, -1), (-1, 1), (-1, 0), (0, 2), (-2, 0), (0, -2), (2, 0)]
    expected += [(1, 3), (-2, 0), (1, -3)]
    np.testing.assert_allclose(places, [(x, y, 0) for x, y in expected], atol=1e-6)
    assert (sub.lfe, sub.channel, layout.bass_management is not None) == (True, 18, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SSR.replace("reproduction_setup", "scene_setup"), "got a scene without loudspeakers"),
        (SSR.replace('number="4"><first>', 'number="99999999"><first>'), "number: expected 2 to 1024, got '99999999'"),
        (SSR.replace('<skip number="4"/>', '<skip number="1020"/>'), "expected at most 1024 channels"),
        (SSR.replace('<first><position x="0" y="2"/></first>', ""), "the first of a circular_array: position: missing"),
        (SSR.replace('x="2" y="1"', 'x="2"'), "loudspeaker: y: missing"),
    ],
)
def test_what_is_wrong_with_a_setup_of_ssr(tmp_path, text, message):
    with pytest.raises(LayoutError, match=message):
        imported(tmp_path, text, "ring.asd")


def test_different_distances_are_compensated_and_stay_so_in_a_file_of_our_own(tmp_path):
    far = GRIS_3.replace('GAIN="-1.5"', 'GAIN="0"').replace('X="1.0"', 'X="2.0"')
    layout = imported(tmp_path, far, "dome.xml")
    assert layout.compensate == Compensation(delay=True, gain=True)
    assert "distances differ: delay and gain of nearer loudspeakers compensate it (compensate)" in layout.notes
    own = imported(tmp_path, layout_yaml(layout), "own.yaml")
    assert (own.compensate, own.speakers) == (layout.compensate, layout.speakers)
    assert imported(tmp_path, GRIS_3, "dome.xml").compensate == Compensation()  # all at 1 m


def test_labels_that_no_address_reaches_are_changed(tmp_path):
    text = VISR.replace("M+000", "front [mid]").replace("M+090", "L/1").replace("M-110", "L-1")
    text = text.replace('assignedLoudspeakers="front [mid], L/1"', 'assignedLoudspeakers="front [mid], L/1"')
    layout = imported(tmp_path, text, "lab.xml")
    assert layout.labels == ("front -mid", "L-1-", "L-1", "SUB1")
    assert layout.bass_management.subwoofers == {"SUB1": {"front -mid": 1, "L-1-": 0.7}}
    assert "labels that OSC addresses cannot hold are changed: front [mid] is front -mid, L/1 is L-1-" in layout.notes


@pytest.mark.parametrize("name", ["lab .xml", " lab.XML", "a\tb.xml", "x" * 200 + ".xml", "\u00e9t\u00e9.Xml"])
def test_any_name_of_a_file_names_a_layout(tmp_path, name):
    layout = imported(tmp_path, "\n  " + VISR, name)
    assert 1 <= len(layout.name) <= 128
    assert load_layout(layout.name, [tmp_path]).labels == layout.labels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252", "ISO-8859-15"])
def test_xml_in_its_own_encoding(tmp_path, encoding):
    text = VISR.replace('encoding="utf-8"', f'encoding="{encoding.removesuffix("-sig")}"').replace("M+090", "h\u00f6ch")
    (tmp_path / "lab.xml").write_bytes(text.encode(encoding))
    assert load_layout(str(tmp_path / "lab.xml")).labels == ("M+000", "h\u00f6ch", "M-110", "SUB1")


def test_what_is_in_no_encoding_is_told(tmp_path):
    path = tmp_path / "lab.xml"
    for content, message in (
        (VISR.replace("M+090", "h\u00f6ch").encode("latin-1"), "not UTF-8: byte "),
        (VISR.encode("utf-16") + b"x", "not utf-16"),
        (VISR.replace('"utf-8"', '"us-ascii"').replace("M+090", "h\u00f6ch").encode("latin-1"), "not ascii: byte "),
        (VISR.replace('"utf-8"', '"iso-8859-99"').encode(), "unknown encoding: iso-8859-99"),
    ):
        path.write_bytes(content)
        with pytest.raises(LayoutError, match=message):
            load_layout(str(path))


@pytest.mark.parametrize("name", ["lab.xml", "lab.asd", "lab.YML", "lab.json", "folder/lab"])
def test_a_configuration_finds_a_layout_beside_itself(tmp_path, name):
    (tmp_path / "config.yaml").write_text(f"layout: {name}\n")
    assert load_config(tmp_path / "config.yaml").layout == str(tmp_path / name)


def test_imports_have_the_name_of_their_file_and_stand_beside_our_own(tmp_path):
    (tmp_path / "lab.xml").write_text(VISR)
    (tmp_path / "grid.json").write_text(json.dumps(IEM))
    (tmp_path / "broken.xml").write_text("<a/>")
    broken, grid, lab = available_layouts([tmp_path])[:3]
    assert (grid.name, lab.name, grid.problems + lab.problems) == ("grid", "lab", ())
    assert broken.problems == (
        "unknown kind of XML: expected panningConfiguration, SPEAKER_SETUP, SpeakerSetup, asdf, got <a>",
    )
    assert load_layout("lab", [tmp_path]).labels[0] == "M+000"


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><panningConfiguration>&b;'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "XML with a document type (<!DOCTYPE) is not supported"),
        ("<panningConfiguration>", "line 1: not XML: no element found: line 1, column 22"),
        (VISR.replace('x="2"', 'x="two"'), "loudspeaker M+000.x: expected a number, got 'two'"),
        (VISR.replace('x="2"', 'x="nan"'), "loudspeaker M+000.x: expected a number, got 'nan'"),
        (VISR.replace('<cart x="2" y="0" z="0"/>', ""), "loudspeaker M+000: expected polar or cart, got neither"),
        (
            VISR.replace('gain="0.5"', 'gain="0"'),
            "loudspeaker M+090.gain: expected a gain above 0, got 0; leave the loudspeaker ",
        ),
        (VISR.replace("1.0, 0.7", "1.0"), "SUB1: expected a weight for each of 2 assignedLoudspeakers, got 1"),
        (VISR.replace('channel="12"', 'channel="4"'), "speakers[2].channel: 4 is already used by speakers[0]"),
        (VISR.replace('channel="12"', ""), "speakers[2].channel: expected a whole number from 1 to 1024, got nothing"),
        (GRIS_3.replace('X="1.0" ', ""), "SPEAKER_1.X: missing"),
        (GRIS_4.replace("(0, 1, 0)", "(0, 1)"), "CARTESIAN_POSITION: expected (x, y, z), got '(0, 1)'"),
        (GRIS_4.replace('PATCH_ID="5"', 'PATCH_ID="x"'), "SPEAKER_PATCH_ID: expected a channel, got 'x'"),
    ],
)
def test_what_is_wrong_in_xml_is_told(tmp_path, text, problem):
    assert refused(tmp_path, text)[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"LoudspeakerLayout": []}', "LoudspeakerLayout: expected a mapping"),
        ('{"LoudspeakerLayout": {}}', "LoudspeakerLayout.Loudspeakers: expected a list"),
        ('{"LoudspeakerLayout": {', "not JSON: Expecting property name"),
        (json.dumps(IEM).replace('"Azimuth": 45.0', '"Azimuth": null'), "LoudspeakerLayout.Loudspeakers[0].Azimuth: "),
        (json.dumps(IEM).replace('"Channel": 3', '"Channel": 1'), "speakers[1].label: S1 is already used by"),
        ('{"LoudspeakerLayout": ' + "[" * 100_000, "not JSON: "),
    ],
)
def test_what_is_wrong_in_json_is_told(tmp_path, text, problem):
    assert refused(tmp_path, text, "room.json")[0].startswith(problem)


def test_what_is_wrong_in_ears_yaml_is_told(tmp_path):
    (problem,) = refused(tmp_path, EAR.replace("names: B+000", "names: left"), "room.yaml")
    assert problem == "speakers[4]: expected a position, or a BS.2051 name that has one, got 'left'"
    (problem,) = refused(tmp_path, EAR.replace("az: 28.5, ", ""), "room.yaml")
    assert problem == "speakers[0].position.az: missing"
