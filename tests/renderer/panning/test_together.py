"""Loudspeakers in one direction: they share what is panned there, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.panning.panner import Panner

DIRECTIONS = np.random.default_rng(12).normal(size=(400, 3))


def with_another(layout, label, **changes):
    """The room with one more loudspeaker, in place of this one but for the changes."""
    other = next(speaker for speaker in layout.speakers if speaker.label == label)
    more = replace(other, label="other", channel=999, **changes)
    return replace(layout, speakers=(*layout.speakers, more))


@pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1.4", "22.2", "octagon", "attic"])
@pytest.mark.parametrize("changes", [{}, {"radius_m": 3.0}])
def test_two_in_one_place_are_one_of_the_same_power(layout, changes):
    room = load_layout(layout)
    label = room.speakers[0].label
    alone, together = (Panner(each).gains(DIRECTIONS) for each in (room, with_another(room, label, **changes)))
    first = room.labels.index(label)
    np.testing.assert_allclose(together[:, first], together[:, -1], atol=1e-12)
    np.testing.assert_allclose(np.hypot(together[:, first], together[:, -1]), alone[:, first], atol=1e-9)
    np.testing.assert_allclose(np.delete(together[:, :-1], first, 1), np.delete(alone, first, 1), atol=1e-9)


@pytest.mark.parametrize("apart_deg", [1e-9, 1e-5, 0.02, 0.48, 0.99])
def test_two_nearly_in_one_place_share_what_comes_from_either(apart_deg):
    room = with_another(load_layout("7.1.4"), "M+090", azimuth_deg=90 + apart_deg, nominal_azimuth_deg=90 + apart_deg)
    gains = Panner(room).gains(cartesian([90, 90 + apart_deg], [0, 0]))
    places = [room.labels.index("M+090"), len(room.speakers) - 1]
    np.testing.assert_allclose(gains[:, places], 0.5**0.5, atol=0.01)
    np.testing.assert_allclose((Panner(room).gains(DIRECTIONS) ** 2).sum(axis=1), 1, atol=1e-6)


def test_two_with_one_nominal_place_that_stand_apart_play_where_they_stand():
    room = with_another(load_layout("7.1.4"), "M+090", azimuth_deg=104.0)
    gains = Panner(room).gains(cartesian([90, 104], [0, 0]))
    np.testing.assert_allclose(gains[:, [room.labels.index("M+090"), -1]], np.eye(2), atol=1e-9)
    np.testing.assert_allclose((Panner(room).gains(DIRECTIONS) ** 2).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("count", [3, 7])
def test_more_than_two(count):
    room = load_layout("5.1")
    for index in range(count - 1):
        room = with_another(room, "M+110")
        room = replace(room, speakers=(*room.speakers[:-1], replace(room.speakers[-1], label=f"other {index}")))
    (gains,) = Panner(room).gains(cartesian([110], [0]))
    assert sorted(gains.tolist())[-count:] == pytest.approx([count**-0.5] * count)


def test_a_listener_may_sit_where_loudspeakers_are_one_behind_the_other():
    """As seen from there; a panner that is asked for it while music plays must not fail."""
    places = [(30, 2), (-30, 2), (110, 2), (-110, 2), (30, 3)]
    speakers = [
        Speaker(f"S{k}", azimuth + 4 * (distance == 3), 0.0, float(distance), k + 1)
        for k, (azimuth, distance) in enumerate(places)
    ]
    room = Layout("x", "x", tuple(speakers))
    near, far = (cartesian(s.azimuth_deg, 0.0, s.radius_m) for s in (speakers[0], speakers[4]))
    for share in (0.3, 0.5, 0.7):
        listener = near + (near - far) * share
        gains = Panner(room).variant((), listener.tolist()).gains(DIRECTIONS)
        np.testing.assert_allclose((gains**2).sum(axis=1), 1, atol=1e-6)


def test_two_in_one_place_may_be_all_that_is_left():
    room = with_another(load_layout("5.1"), "M+110")
    kept = [index for index, speaker in enumerate(room.speakers) if speaker.azimuth_deg == 110]
    panner = Panner(room).variant([index for index in range(len(room.speakers)) if index not in kept], (0.0, 0.0, 0.0))
    gains = panner.gains(DIRECTIONS)
    np.testing.assert_allclose(gains[:, kept], 0.5**0.5, atol=1e-9)
