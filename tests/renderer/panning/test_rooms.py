"""The panner in rooms of any shape."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stemfield.layouts.check import check_layout
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.panning.vectors import errors_deg

POINTS = np.vstack(
    [np.random.default_rng(7).normal(size=(300, 3)), np.eye(3), -np.eye(3), [[1, 1, 0], [1, -1, 0], [0, 0, 0]]]
)


def room_at(places, nominal=None):
    nominal = places if nominal is None else nominal
    speakers = [
        Speaker(f"S{index}", *place, 1.0, index + 1, False, *name)
        for index, (place, name) in enumerate(zip(places, nominal, strict=True))
    ]
    return Layout("room", "A room", tuple(speakers))


def directions_of(layout):
    return cartesian([s.azimuth_deg for s in layout.speakers], [s.elevation_deg for s in layout.speakers])


def is_a_room(places):
    speakers = [
        {"label": f"S{i}", "azimuth_deg": azimuth, "elevation_deg": elevation, "channel": i + 1}
        for i, (azimuth, elevation) in enumerate(places)
    ]
    return not check_layout({"name": "room", "speakers": speakers})


anywhere = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
on_a_grid = st.tuples(
    st.integers(-12, 12).map(lambda n: n * 15.0), st.sampled_from([-90.0, -30.0, 0.0, 30.0, 60.0, 90.0])
)
in_front = st.tuples(st.floats(-60, 60), st.floats(-10, 40))
flat = st.floats(-180, 180).map(lambda azimuth: (azimuth, 0.0))
raised = st.floats(-180, 180).map(lambda azimuth: (azimuth, 25.0))
kinds = (anywhere, on_a_grid, in_front, flat, raised)
rooms = st.one_of(*(st.lists(kind, min_size=2, max_size=20) for kind in kinds)).filter(is_a_room)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rooms)
def test_every_room_plays_every_direction(places):
    panner = Panner(room_at(places))
    gains = panner.gains(POINTS)
    power = (gains**2).sum(axis=1)
    assert gains.min() >= 0
    assert power.max() < 1 + 1e-9
    assert power.min() > (0.5 - 1e-9 if len(panner.together) == 2 else 1 - 1e-9)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rooms.filter(lambda places: len(places) > 2))
def test_every_loudspeaker_plays_its_own_direction_alone(places):
    layout = room_at(places)
    panner = Panner(layout)
    assume(len(panner.together) > 2)  # two directions may be a stereo pair
    alone = [group[0] for group in panner.together if len(group) == 1]
    gains = panner.gains(directions_of(layout))[alone]
    np.testing.assert_allclose(gains, np.eye(len(places))[alone], atol=1e-7)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rooms.filter(lambda places: len(places) > 2), st.integers(0, 1000))
def test_a_room_may_be_far_from_its_nominal_one(places, seed):
    nominal = np.array(places) + np.random.default_rng(seed).normal(size=(len(places), 2)) * 20
    nominal = [(azimuth, float(np.clip(elevation, -90, 90))) for azimuth, elevation in nominal]
    panner = Panner(room_at(places, nominal))
    assume(not panner.is_pair)
    np.testing.assert_allclose((panner.gains(POINTS) ** 2).sum(axis=1), 1, atol=1e-9)


one_side = st.lists(st.one_of(*(kind.map(lambda p: (abs(p[0]), p[1])) for kind in kinds)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(one_side, st.booleans())
def test_a_symmetric_room_is_panned_symmetrically(half, centre):
    half = [place for place in half if 0.5 < place[0] < 179.5 and abs(place[1]) < 80]
    symmetric = [(0.0, 0.0)] * centre + half + [(-azimuth, elevation) for azimuth, elevation in half]
    assume(len(symmetric) > 2 and is_a_room(symmetric))
    twin = [symmetric.index((-azimuth, elevation)) for azimuth, elevation in symmetric]
    panner = Panner(room_at(symmetric))
    mirrored = panner.gains(POINTS * np.array([1.0, -1.0, 1.0]))[:, twin]
    np.testing.assert_allclose(mirrored, panner.gains(POINTS), rtol=0, atol=1e-9)


TURN = np.linspace(0, 2 * np.pi, 3601)
WALK = np.cos(TURN)[:, None] * [0.6, 0.64, 0.48] + np.sin(TURN)[:, None] * [-0.8, 0.48, 0.36]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(rooms.filter(lambda places: len(places) > 2))
def test_a_source_on_its_way_round_never_jumps(places):
    panner = Panner(room_at(places))
    steps = np.abs(np.diff(panner.gains(WALK), axis=0)).max(axis=1)
    # Where loudspeakers stand a degree apart, a tenth of a degree moves gains by a tenth. A jump stays one however
    # closely one looks.
    for start in np.flatnonzero(steps > 0.02)[:5]:
        closer = np.linspace(TURN[start], TURN[start + 1], 1001)[:, None]
        path = np.cos(closer) * [0.6, 0.64, 0.48] + np.sin(closer) * [-0.8, 0.48, 0.36]
        assert np.abs(np.diff(panner.gains(path), axis=0)).max() < 0.02


@settings(max_examples=100, deadline=None, derandomize=True)
@given(rooms.filter(lambda places: len(places) > 2))
def test_velocity_vectors_point_at_sources_inside_triplets(places):
    layout = room_at(places)
    panner, speakers = Panner(layout), directions_of(layout)
    assume(len(panner.together) == len(places))
    regions = panner.triangulation
    triplets = [list(corners) for corners in regions.triangles if max(corners) < len(places)]
    assume(triplets)
    weights = np.random.default_rng(9).dirichlet([1, 1, 1], size=(len(triplets), 5))
    sources = (weights @ speakers[triplets]).reshape(-1, 3)
    sources /= np.linalg.norm(sources, axis=1, keepdims=True)
    velocity = panner.gains(sources) @ speakers
    assert errors_deg(velocity, sources).max() < 1e-4


def test_nominal_positions_that_swap_the_sides_do_not_swap_the_sound():
    quad = load_layout("quad")
    speakers = tuple(replace(s, nominal_azimuth_deg=-s.azimuth_deg) for s in quad.speakers)
    np.testing.assert_allclose(
        Panner(replace(quad, speakers=speakers)).gains(directions_of(quad)), np.eye(4), atol=1e-9
    )


def test_a_face_of_six_has_no_preferred_diagonal():
    ring = [(azimuth, 60.0) for azimuth in range(-120, 181, 60)]
    layout = room_at([(azimuth, 0.0) for azimuth in range(-120, 181, 60)] + ring)
    panner = Panner(layout)
    np.testing.assert_allclose(panner.gains([[0, 0, 1]])[0], [0] * 6 + [6**-0.5] * 6, atol=1e-9)
    above = cartesian(np.random.default_rng(8).uniform(-180, 180, 500), np.linspace(0, 90, 500))
    velocity = panner.gains(above) @ directions_of(layout)
    np.testing.assert_allclose(velocity / np.linalg.norm(velocity, axis=1, keepdims=True), above, atol=1e-9)


@pytest.mark.parametrize("places", [[(0, 0), (180, 0)], [(90, 0), (-90, 0)], [(0, 90), (0, -90)], [(0, 0), (40, 20)]])
def test_two_loudspeakers_anywhere_are_a_room(places):
    layout = room_at(places)
    panner = Panner(layout)
    np.testing.assert_allclose(panner.gains(directions_of(layout)), np.eye(2), atol=1e-9)
    np.testing.assert_allclose((panner.gains(POINTS) ** 2).sum(axis=1), 1, atol=1e-9)


def test_a_pair_of_any_width_in_front_is_stereo_with_the_left_one_left():
    narrow = room_at([(-20.0, 0.0), (25.0, 0.0)])
    stereo = Panner(load_layout("stereo"))
    np.testing.assert_allclose(Panner(narrow).gains(POINTS)[:, ::-1], stereo.gains(POINTS), atol=1e-12)


def test_what_stands_only_in_front_is_heard_from_the_nearer_side():
    panner = Panner(room_at([(30.0, 0.0), (0.0, 0.0), (-30.0, 0.0)]))
    left, behind, right = panner.gains(cartesian([100, 180, -100], 0))
    assert left[0] > 2 * left[2]
    assert right[2] > 2 * right[0]
    np.testing.assert_allclose(behind[0], behind[2], atol=1e-9)
