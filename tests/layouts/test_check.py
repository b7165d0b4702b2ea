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
        ({"azimuth_deg": 400}, "speakers[1].azimuth_deg: expected a number from -360 to 360, got 400"),
        ({"azimuth_deg": 10**400}, f"speakers[1].azimuth_deg: expected a number from -360 to 360, got 1{'0' * 56}..."),
        ({"azimuth_deg": math.nan}, "speakers[1].azimuth_deg: expected a number from -360 to 360, got nan"),
        ({"elevation_deg": -math.inf}, "speakers[1].elevation_deg: expected a number from -90 to 90, got -inf"),
        ({"elevation_deg": 95.5}, "speakers[1].elevation_deg: expected a number from -90 to 90, got 95.5"),
        ({"elevation_deg": "up"}, "speakers[1].elevation_deg: expected a number from -90 to 90, got 'up'"),
        ({"azimuth_deg": None}, "speakers[1].azimuth_deg: expected a number from -360 to 360, got nothing"),
        ({"azimuth_deg": True}, "speakers[1].azimuth_deg: expected a number from -360 to 360, got true"),
        ({"nominal_elevation_deg": 91}, "speakers[1].nominal_elevation_deg: expected a number from -90 to 90, got 91"),
        (
            {"radius_m": 0},
            "speakers[1].radius_m: expected more than 0, got 0: a loudspeaker cannot be at the listener",
        ),
        (
            {"radius_m": -1.5},
            "speakers[1].radius_m: expected more than 0, got -1.5: a loudspeaker cannot be at the listener",
        ),
        ({"radius_m": 101}, "speakers[1].radius_m: expected a number from 0 to 100, got 101"),
        ({"channel": 0}, "speakers[1].channel: expected a whole number from 1 to 1024, got 0"),
        ({"channel": 2.0}, "speakers[1].channel: expected a whole number from 1 to 1024, got 2.0"),
        ({"channel": 1}, "speakers[1].channel: 1 is already used by speakers[0]"),
        ({"label": "S0"}, "speakers[1].label: S0 is already used by speakers[0]"),
        ({"label": 30}, "speakers[1].label: expected text, got the number 30: write it in quotes"),
        ({"label": ["a"]}, "speakers[1].label: expected text, got a list"),
        (
            {"label": "é" * 128},
            f"speakers[1].label: expected at most 200 bytes, as JACK port names allow, got 256 ({'é' * 128})",
        ),
        (
            {"label": " "},
            "speakers[1].label: expected 1 to 128 printable characters without spaces at the ends, got ' '",
        ),
        ({"lfe": "no"}, "speakers[1].lfe: expected true or false, got 'no'"),
        ({"azimut_deg": 3}, "speakers[1].azimut_deg: unknown key, did you mean azimuth_deg?"),
        ({"zz": 3}, "speakers[1].zz: unknown key"),
        ({"label": "M/030"}, "speakers[1].label: expected a label without /, such as 'M-030', got 'M/030'"),
        ({"label": "{a,b}"}, "speakers[1].label: expected a label without {,}, such as 'a-b', got '{a,b}'"),
    ],
)
def test_one_problem_of_a_loudspeaker(changes, problem):
    assert without_labels(check_layout(layout(speaker(0), speaker(1, **changes), speaker(3)))) == (problem,)


def test_loudspeakers_are_named_by_their_labels_too():
    twice = layout(speaker(0), speaker(1, label="left", channel=1, radius_m=0), speaker(2, label=3))
    assert check_layout(twice) == (
        "speakers[1].radius_m: expected more than 0, got 0: a loudspeaker cannot be at the listener (left)",
        "speakers[2].label: expected text, got the number 3: write it in quotes",
        "speakers[1].channel: 1 is already used by speakers[0] (left and S0)",
    )


@pytest.mark.parametrize("changes", [{"azimuth_deg": 0.5}, {"azimuth_deg": 0}, {"nominal_azimuth_deg": -0.25}])
def test_two_loudspeakers_may_stand_in_one_direction(changes):
    assert check_layout(layout(speaker(0), speaker(1, **changes), speaker(3))) == ()


def test_all_in_one_direction_are_no_room():
    everywhere = layout(speaker(0), speaker(1, azimuth_deg=0.5), speaker(2, azimuth_deg=0))
    assert check_layout(everywhere) == ("speakers: expected at least two directions, got one for all",)


@pytest.mark.parametrize("key", ["label", "azimuth_deg", "channel"])
def test_what_a_loudspeaker_must_have(key):
    incomplete = speaker(2)
    del incomplete[key]
    found = without_labels(check_layout(layout(speaker(0), speaker(1), incomplete)))
    assert found == (f"speakers[2].{key}: missing",)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            [],
            f"expected a mapping with the keys {KEYS}, got a list",
        ),
        (
            None,
            f"expected a mapping with the keys {KEYS}, got nothing",
        ),
        ({"name": "room"}, "speakers: missing"),
        ({"name": "room", "speakers": {"a": 1}}, "speakers: expected a list of loudspeakers, got a mapping"),
        ({"speakers": list(GOOD)}, "name: missing"),
        (layout(*GOOD, name=5.1), "name: expected text, got the number 5.1: write it in quotes"),
        (layout(*GOOD, title=""), "title: expected 1 to 128 printable characters without spaces at the ends, got ''"),
        (layout(*GOOD, aliases="den"), "aliases: expected a list of texts, got 'den'"),
        (layout(*GOOD, aliases=["den", 7]), "aliases[1]: expected text, got the number 7: write it in quotes"),
        (layout(*GOOD, titel="x"), "titel: unknown key, did you mean title?"),
        (layout(speaker(0), speaker(1, lfe=True)), "speakers: expected at least 2 without lfe, got 1"),
        (layout(*(speaker(i, azimuth_deg=i) for i in range(257))), "speakers: expected at most 256, got 257"),
    ],
)
def test_one_problem_of_a_layout(data, problem):
    assert check_layout(data) == (problem,)


def test_a_loudspeaker_that_is_no_mapping():
    (problem,) = check_layout(layout(speaker(0), speaker(1), "left"))
    assert problem.startswith("speakers[2]: expected a mapping with the keys label, channel, lfe, azimuth_deg, ")
    assert problem.endswith(", got 'left'")


def test_an_lfe_may_stand_where_a_loudspeaker_stands():
    assert check_layout(layout(*GOOD, speaker(4, azimuth_deg=0, lfe=True))) == ()


def test_all_problems_come_at_once():
    bad = layout(speaker(0, channel=7), speaker(1, channel=7, elevation_deg=100), speaker(2, radius_m=0), nam="x")
    assert without_labels(check_layout(bad)) == (
        "nam: unknown key, did you mean name?",
        "speakers[1].elevation_deg: expected a number from -90 to 90, got 100",
        "speakers[2].radius_m: expected more than 0, got 0: a loudspeaker cannot be at the listener",
        "speakers[1].channel: 7 is already used by speakers[0]",
    )
