"""What is wrong with a layout, in words."""

import math
import re

import pytest

from stemfield.layouts.check import check_layout


def speaker(index=0, **changes):
    return {"label": f"S{index}", "azimuth_deg": 30.0 * index, "channel": index + 1} | changes


def without_labels(problems):
    return tuple(re.sub(r" \((?:S\d(?: and )?)+\)$", "", problem) for problem in problems)


def layout(*speakers, **changes):
    return {"name": "room", "speakers": list(speakers)} | changes


KEYS = "name, title, aliases, speakers, compensate, dual_band, bass_management"
GOOD = (speaker(0), speaker(1), speaker(2, elevation_deg=-30, radius_m=1.5, lfe=True, nominal_azimuth_deg=55))


def test_a_good_layout_has_no_problems():
    assert check_layout(layout(*GOOD, title="A room", aliases=["den"])) == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"azimuth_deg": 400}, "speakers[1].azimuth_deg: 400 is outside -360..360"),
        ({"azimuth_deg": 10**400}, f"speakers[1].azimuth_deg: {10**400} is outside -360..360"),
        ({"azimuth_deg": math.nan}, "speakers[1].azimuth_deg: nan is not a finite number"),
        ({"elevation_deg": -math.inf}, "speakers[1].elevation_deg: -inf is not a finite number"),
        ({"elevation_deg": 95.5}, "speakers[1].elevation_deg: 95.5 is outside -90..90"),
        ({"elevation_deg": "up"}, "speakers[1].elevation_deg: must be a number, not the text 'up'"),
        ({"azimuth_deg": None}, "speakers[1].azimuth_deg: must be a number, not nothing"),
        ({"azimuth_deg": True}, "speakers[1].azimuth_deg: must be a number, not True"),
        ({"nominal_elevation_deg": 91}, "speakers[1].nominal_elevation_deg: 91 is outside -90..90"),
        (
            {"radius_m": 0},
            "speakers[1].radius_m: 0 puts the loudspeaker at the origin; it must be above 0, at most 100",
        ),
        (
            {"radius_m": -1.5},
            "speakers[1].radius_m: -1.5 puts the loudspeaker at the origin; it must be above 0, at most 100",
        ),
        ({"radius_m": 101}, "speakers[1].radius_m: 101 is outside 0..100"),
        ({"channel": 0}, "speakers[1].channel: 0 is outside 1..1024"),
        ({"channel": 2.0}, "speakers[1].channel: must be a whole number, not 2.0"),
        ({"channel": 1}, "speakers[1].channel: 1 is already that of speakers[0]"),
        ({"label": "S0"}, "speakers[1].label: S0 is already that of speakers[0]"),
        ({"label": 30}, "speakers[1].label: 30 is a number here; write it in quotes"),
        ({"label": ["a"]}, "speakers[1].label: must be text, not a list"),
        (
            {"label": "é" * 128},
            f"speakers[1].label: 256 bytes are too long for the name of a JACK port, at most 200 ({'é' * 128})",
        ),
        ({"label": " "}, "speakers[1].label: must be 1..128 printable characters without space at its ends"),
        ({"lfe": "no"}, "speakers[1].lfe: must be true or false, not the text 'no'"),
        ({"azimut_deg": 3}, "speakers[1].azimut_deg: unknown key, did you mean azimuth_deg?"),
        ({"zz": 3}, "speakers[1].zz: unknown key"),
        ({"label": "M/030"}, "speakers[1].label: no OSC address reaches 'M/030', because of /; 'M-030' would do"),
        ({"label": "{a,b}"}, "speakers[1].label: no OSC address reaches '{a,b}', because of {,}; 'a-b' would do"),
    ],
)
def test_one_problem_of_a_loudspeaker(changes, problem):
    assert without_labels(check_layout(layout(speaker(0), speaker(1, **changes), speaker(3)))) == (problem,)


def test_loudspeakers_are_named_by_their_labels_too():
    twice = layout(speaker(0), speaker(1, label="left", channel=1, radius_m=0), speaker(2, label=3))
    assert check_layout(twice) == (
        "speakers[1].radius_m: 0 puts the loudspeaker at the origin; it must be above 0, at most 100 (left)",
        "speakers[2].label: 3 is a number here; write it in quotes",
        "speakers[1].channel: 1 is already that of speakers[0] (left and S0)",
    )


@pytest.mark.parametrize("changes", [{"azimuth_deg": 0.5}, {"azimuth_deg": 0}, {"nominal_azimuth_deg": -0.25}])
def test_two_loudspeakers_may_stand_in_one_direction(changes):
    assert check_layout(layout(speaker(0), speaker(1, **changes), speaker(3))) == ()


def test_all_in_one_direction_are_no_room():
    everywhere = layout(speaker(0), speaker(1, azimuth_deg=0.5), speaker(2, azimuth_deg=0))
    assert check_layout(everywhere) == ("speakers: all stand in one direction, at least two are needed",)


@pytest.mark.parametrize("key", ["label", "azimuth_deg", "channel"])
def test_what_a_loudspeaker_must_have(key):
    incomplete = speaker(2)
    del incomplete[key]
    found = without_labels(check_layout(layout(speaker(0), speaker(1), incomplete)))
    assert found == (f"speakers[2].{key}: is missing",)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            [],
            f"a layout is a mapping with the keys {KEYS}, not a list",
        ),
        (
            None,
            f"a layout is a mapping with the keys {KEYS}, not nothing",
        ),
        ({"name": "room"}, "speakers: is missing"),
        ({"name": "room", "speakers": {"a": 1}}, "speakers: must be a list of loudspeakers, not a mapping"),
        ({"speakers": list(GOOD)}, "name: is missing"),
        (layout(*GOOD, name=5.1), "name: 5.1 is a number here; write it in quotes"),
        (layout(*GOOD, title=""), "title: must be 1..128 printable characters without space at its ends"),
        (layout(*GOOD, aliases="den"), "aliases: must be a list of texts, not the text 'den'"),
        (layout(*GOOD, aliases=["den", 7]), "aliases[1]: 7 is a number here; write it in quotes"),
        (layout(*GOOD, titel="x"), "titel: unknown key, did you mean title?"),
        (layout(speaker(0), speaker(1, lfe=True)), "speakers: 1 without lfe, at least 2 are needed"),
        (layout(*(speaker(i, azimuth_deg=i) for i in range(257))), "speakers: 257 are too many, at most 256"),
    ],
)
def test_one_problem_of_a_layout(data, problem):
    assert check_layout(data) == (problem,)


def test_a_loudspeaker_that_is_no_mapping():
    (problem,) = check_layout(layout(speaker(0), speaker(1), "left"))
    assert problem.startswith("speakers[2]: must be a mapping with the keys label, channel, lfe, azimuth_deg, ")
    assert problem.endswith(", not the text 'left'")


def test_an_lfe_may_stand_where_a_loudspeaker_stands():
    assert check_layout(layout(*GOOD, speaker(4, azimuth_deg=0, lfe=True))) == ()


def test_all_problems_come_at_once():
    bad = layout(speaker(0, channel=7), speaker(1, channel=7, elevation_deg=100), speaker(2, radius_m=0), nam="x")
    assert without_labels(check_layout(bad)) == (
        "nam: unknown key, did you mean name?",
        "speakers[1].elevation_deg: 100 is outside -90..90",
        "speakers[2].radius_m: 0 puts the loudspeaker at the origin; it must be above 0, at most 100",
        "speakers[1].channel: 7 is already that of speakers[0]",
    )
