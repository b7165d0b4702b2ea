"""Whatever stands in a layout file: an error that says where, or a room that can be rendered. Never a crash."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.layouts.check import LAYOUT_KEYS, SPEAKER_KEYS, check_layout
from stemfield.layouts.foreign import ForeignFileError
from stemfield.layouts.loader import available_layouts, layout_of, load_layout, read_data
from stemfield.layouts.model import LayoutError
from stemfield.layouts.plain_data import MAX_FILE_BYTES, PlainDataError
from stemfield.renderer.panning.panner import Panner

KEYS = sorted({*LAYOUT_KEYS, *SPEAKER_KEYS, "type", "f_hz", "q", "crossover_hz", "lfe_gain_db", "subwoofers", "delay"})
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-500, 500),
    st.integers(),
    st.floats(-400, 400),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["S0", "S1", "peak", "inverted", "../x.wav"]),
)
nested = st.recursive(
    values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(KEYS), nested, max_size=6), st.lists(nested, max_size=5))
def test_any_data_is_checked(data, speakers):
    for thing in (data, data | {"speakers": speakers}, data | {"name": "x", "speakers": [data, data]}):
        for problem in check_layout(thing):
            assert isinstance(problem, str)


good = st.fixed_dictionaries(
    {
        "azimuth_deg": st.integers(-36, 36).map(lambda n: 10 * n),
        "elevation_deg": st.integers(-9, 9).map(lambda n: 10 * n),
    },
    optional={
        "radius_m": st.floats(0.1, 100),
        "lfe": st.booleans(),
        "delay_ms": st.floats(0, 1000),
        "polarity": st.sampled_from(["normal", "inverted"]),
        "nominal_azimuth_deg": st.integers(-360, 360),
        "nominal_elevation_deg": st.integers(-90, 90),
        "eq": st.just([{"type": "peak", "f_hz": 100}]),
        "max_level_db": st.floats(-60, 0),
    },
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(good, max_size=12), st.booleans())
def test_what_is_accepted_can_be_rendered(tmp_path_factory, speakers, bass):
    data = {
        "name": "room",
        "speakers": [speaker | {"label": f"S{i}", "channel": i + 1} for i, speaker in enumerate(speakers)],
    } | ({"bass_management": {}} if bass else {})
    if check_layout(data):
        return
    layout = layout_of(data, tmp_path_factory.getbasetemp())
    gains = Panner(layout).gains(np.random.default_rng(1).normal(size=(50, 3)))
    power = (gains**2).sum(axis=1)
    assert power.min() > 0.5 - 1e-9
    assert power.max() < 1 + 1e-9


FILES = [entry.path.read_text() for entry in available_layouts()[:3]] + [
    json.dumps({"LoudspeakerLayout": {"Loudspeakers": [{"Azimuth": 1, "Elevation": 2, "Channel": 3, "Gain": 1}]}}),
    '<panningConfiguration><loudspeaker id="a" channel="1"><polar az="0" el="1" r="2"/></loudspeaker>'
    '<subwoofer channel="2" assignedLoudspeakers="a" weights="1"/></panningConfiguration>',
    '<SPEAKER_SETUP><SPEAKER_1 GAIN="0"><POSITION X="1" Y="0" Z="0"/></SPEAKER_1><SPEAKER_GROUP>'
    '<SPEAKER SPEAKER_PATCH_ID="2" CARTESIAN_POSITION="(0, 1, 2)"/></SPEAKER_GROUP></SPEAKER_SETUP>',
    "- {channel: 0, names: M+030, position: {az: 30, el: 0, r: 1}}\n- {channel: 1, names: [M-030]}",
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_is_refused_or_read(text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.text('0123456789.-"<>/{}[]:,\n enaM', max_size=6)) + text[end:]
    try:
        found, _ = read_data(text, "room")
    except (PlainDataError, ForeignFileError):
        return
    check_layout(found)


@pytest.mark.parametrize("number", ["1" * 5000, "9" * 400, "1e999", "-1", "²"])
@pytest.mark.parametrize(
    ("text", "there", "name"),
    [
        (FILES[3], '"Channel": 3', "room.json"),
        (FILES[4], 'channel="1"', "room.xml"),
        (FILES[5], 'PATCH_ID="2"', "room.xml"),
        (FILES[6], "channel: 0", "room.yaml"),
    ],
)
def test_absurd_numbers_are_no_channels(tmp_path, text, there, name, number):
    assert there in text
    digit = there.rstrip('"')[-1]
    (tmp_path / name).write_text(text.replace(there, there.replace(digit, number)))
    with pytest.raises(LayoutError):
        load_layout(str(tmp_path / name))


def test_ten_megabytes_are_refused_at_once(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("name: big\nspeakers:\n" + "  - {label: a, azimuth_deg: 1, channel: 1}\n" * 240_000)
    assert path.stat().st_size > 10_000_000
    with pytest.raises(LayoutError, match=f"larger than {MAX_FILE_BYTES} bytes"):
        load_layout(str(path))


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{below}: &{below} [{', '.join(9 * ['*' + above])}]\n" for above, below in pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("room.yaml", f"{BOMB}name: bomb\nspeakers: *i\n", "line 2: YAML aliases"),
        ("room.yaml", "name: x\nspeakers: [{<<: *a}]\n", "line 2: YAML aliases"),
        ("room.xml", '<!DOCTYPE a [<!ENTITY b "b">]><panningConfiguration>&b;</panningConfiguration>', "document type"),
        ("room.yaml", f"name: x\nspeakers: {'[' * 100_000}\n", "nested too deeply: expected at most 16 levels"),
        ("room.yaml", f"name: {'9' * 900_000}\n", "Exceeds the limit"),
        ("room.json", '{"LoudspeakerLayout":' * 40_000, "maximum recursion depth"),
    ],
)
def test_what_would_grow_without_end_is_refused(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(LayoutError, match=reason):
        load_layout(str(tmp_path / name))


def speakers_at(*places):
    return [
        {"label": f"S{i}", "channel": i + 1, "azimuth_deg": azimuth, "elevation_deg": elevation, "radius_m": radius}
        for i, (azimuth, elevation, radius) in enumerate(places)
    ]


@pytest.mark.parametrize(
    ("places", "where"),
    [
        ([], "speakers"),
        ([(0, 0, 1)], "speakers"),
        (
            [(0, 0, 1), (0, 0, 2), (0, 0, 3)],
            "speakers: expected at least two directions",
        ),  # on a line through the listener
        ([(30, 0, 0), (-30, 0, 1)], "speakers[0].radius_m"),
        ([(30, float("nan"), 1), (-30, 0, 1)], "speakers[0].elevation_deg"),
        ([(30, 0, float("inf")), (-30, 0, 1)], "speakers[0].radius_m"),
    ],
)
def test_what_is_no_room_is_told_by_its_key(places, where):
    problems = check_layout({"name": "x", "speakers": speakers_at(*places)})
    assert problems
    assert problems[0].startswith(where)


@pytest.mark.parametrize(
    "places",
    [
        [(30, 0, 1), (30, 0, 1), (-30, 0, 1), (180, 0, 1)],  # two in one direction
        [(30, 0, 1), (30.4, 0.4, 1), (29.6, 0, 2), (-30, 0, 1), (110, 0, 1), (-110, 0, 1), (0, 90, 1)],
        [(0, -60, 2), (0, -20, 1), (0, 0, 1), (0, 45, 1.4)],  # on a vertical line in front
        [(60, 0, 2), (30, 0, 1.2), (0, 0, 1), (-30, 0, 1.2), (-60, 0, 2)],  # on a horizontal one
        [(90, 0, 1), (-90, 0, 1), (0, 90, 1), (0, -90, 1)],  # round the listener, on edge
    ],
)
def test_all_on_one_line_is_a_room_that_is_never_silent(tmp_path, places):
    layout = layout_of({"name": "x", "speakers": speakers_at(*places)}, tmp_path)
    gains = Panner(layout).gains(np.random.default_rng(1).normal(size=(500, 3)))
    np.testing.assert_allclose((gains**2).sum(axis=1), 1, atol=1e-6)
    assert gains.min() >= 0


def test_three_hundred_loudspeakers_are_too_many_and_256_are_not():
    spiral = [
        {"label": f"S{i}", "channel": i + 1, "azimuth_deg": i * 137.508 % 360, "elevation_deg": i * 0.5 - 60}
        for i in range(300)
    ]
    assert check_layout({"name": "spiral", "speakers": spiral}) == ("speakers: expected at most 256, got 300",)
    assert not check_layout({"name": "spiral", "speakers": spiral[:256]})
