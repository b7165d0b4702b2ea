"""The shipped rooms are those of the standard and of the paper's demonstration."""

import numpy as np
import pytest

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.layouts.model import Compensation
from stemfield.renderer.panning.review import review_layout

ELEVATIONS_DEG = {"M": 0, "U": 30, "B": -30, "T": 90}
AS_LABELLED = ("stereo", "5.1", "7.1", "5.1.2", "5.1.4", "7.1.4", "4+5+1", "22.2", "quad", "octagon", "surrey")
ROOMS = {*AS_LABELLED, "3+7+0", "9.1.4", "cube", "dome", "living-room", "attic"}


@pytest.mark.parametrize(
    ("name", "alias", "labels"),
    [
        ("stereo", "0+2+0", "M+030 M-030"),
        ("5.1", "0+5+0", "M+030 M-030 M+000 LFE1 M+110 M-110"),
        ("7.1.4", "4+7+0", "M+030 M-030 M+000 LFE1 M+090 M-090 M+135 M-135 U+045 U-045 U+135 U-135"),
        ("5.1.2", "2+5+0", "M+030 M-030 M+000 LFE1 M+110 M-110 U+030 U-030"),
        ("5.1.4", "4+5+0", "M+030 M-030 M+000 LFE1 M+110 M-110 U+030 U-030 U+110 U-110"),
        ("4+5+1", "4+5+1", "M+030 M-030 M+000 LFE1 M+110 M-110 U+030 U-030 U+110 U-110 B+000"),
        ("3+7+0", "3+7+0", "M+000 M+030 M-030 U+045 U-045 M+090 M-090 M+135 M-135 UH+180 LFE1 LFE2"),
        ("7.1", "0+7+0", "M+030 M-030 M+000 LFE1 M+090 M-090 M+135 M-135"),
        (
            "9.1.4",
            "4+9+0",
            "M+030 M-030 M+000 LFE1 M+090 M-090 M+135 M-135 U+045 U-045 U+135 U-135 M+SC M-SC",
        ),
        (
            "22.2",
            "9+10+3",
            "M+060 M-060 M+000 LFE1 M+135 M-135 M+030 M-030 M+180 LFE2 M+090 M-090 U+045 U-045 U+000 T+000 U+135 U-135 "
            "U+090 U-090 U+180 B+000 B+045 B-045",
        ),
    ],
)
def test_rooms_of_the_standard_have_its_channel_order(name, alias, labels):
    layout = load_layout(name)
    assert load_layout(alias) == layout
    assert layout.labels == tuple(labels.split())
    assert [speaker.channel for speaker in layout.speakers] == list(range(1, len(layout.labels) + 1))
    assert {speaker.label for speaker in layout.speakers if speaker.lfe} == {s for s in layout.labels if "LFE" in s}


def test_surrey_is_wired_as_in_its_room():
    wiring = {
        "M": {0: 4, -30: 9, -60: 10, -90: 11, -135: 13, 180: 14, 135: 6, 90: 1, 60: 2, 30: 3},
        "U": {0: 18, -45: 26, -90: 27, -135: 29, 180: 30, 135: 23, 90: 21, 45: 20},
        "T": {0: 24},
        "B": {0: 17, -30: 15, 30: 7},
    }
    expected = [
        (f"{layer}{azimuth:+04d}", channel) for layer, ring in wiring.items() for azimuth, channel in ring.items()
    ]
    speakers = load_layout("surrey").speakers
    assert [(speaker.label, speaker.channel) for speaker in speakers] == expected
    assert {speaker.radius_m for speaker in speakers} == {1.68}
    assert not any(speaker.lfe for speaker in speakers)


@pytest.mark.parametrize("name", AS_LABELLED)
def test_labels_say_where_the_loudspeakers_stand(name):
    for speaker in load_layout(name).speakers:
        if not speaker.lfe:
            place = (int(speaker.label[1:]), ELEVATIONS_DEG[speaker.label[0]])
            assert (speaker.azimuth_deg, speaker.elevation_deg) == place
            assert (speaker.nominal_azimuth_deg, speaker.nominal_elevation_deg) == place


def test_everything_shipped_is_listed_without_problems():
    entries = available_layouts()
    assert {entry.name for entry in entries} == ROOMS
    assert not any(entry.problems for entry in entries)
    assert all(entry.title for entry in entries)


def test_the_corners_of_the_cube_are_at_right_angles():
    speakers = load_layout("cube").speakers
    corners = cartesian([s.azimuth_deg for s in speakers], [s.elevation_deg for s in speakers])
    np.testing.assert_allclose(np.abs(corners), 3**-0.5, atol=1e-6)
    assert len({tuple(np.sign(corner)) for corner in corners}) == 8


def test_the_dome_has_more_than_32_and_the_irregular_rooms_are_compensated():
    assert len(load_layout("dome").speakers) == 33
    for name in ("living-room", "attic"):
        layout = load_layout(name)
        assert layout.compensate == Compensation(delay=True, gain=True)
        assert len({speaker.radius_m for speaker in layout.speakers}) > 6


def test_no_shipped_room_has_a_problem():
    for entry in available_layouts():
        notes = review_layout(load_layout(entry.name))
        assert not [note.text for note in notes if note.severity != "note"], entry.name
