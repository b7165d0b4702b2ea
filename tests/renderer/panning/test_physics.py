"""What must hold of point sources in every shipped room."""

import numpy as np
import pytest

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.panning.panner import Panner

ROOMS = tuple(entry.name for entry in available_layouts())
IRREGULAR = ("living-room", "attic")
SYMMETRIC = tuple(name for name in ROOMS if name not in IRREGULAR)
WITHOUT_STEREO = tuple(name for name in ROOMS if name != "stereo")


def sphere(count=4000, seed=1):
    """Directions all over the sphere, with the corners, edges and axes where regions meet."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = np.meshgrid(np.arange(-180, 180, 7.5), np.arange(-90, 91, 7.5))
    return np.vstack([rng.normal(size=(count, 3)), cartesian(azimuth, elevation).reshape(-1, 3)])


def room(name):
    layout = load_layout(name)
    directions = cartesian([s.azimuth_deg for s in layout.speakers], [s.elevation_deg for s in layout.speakers])
    return layout, Panner(layout), directions


@pytest.mark.parametrize("name", WITHOUT_STEREO)
def test_power_is_one_everywhere(name):
    _, panner, _ = room(name)
    gains = panner.gains(sphere())
    assert gains.min() >= 0
    np.testing.assert_allclose((gains**2).sum(axis=1), 1, rtol=0, atol=1e-9)


def test_stereo_power_falls_from_one_in_front_to_a_half_behind():
    _, panner, _ = room("stereo")
    gains = panner.gains(sphere())
    power = (gains**2).sum(axis=1)
    assert gains.min() >= 0
    assert power.min() >= 0.5 - 1e-9
    assert power.max() <= 1 + 1e-9
    front_and_back = panner.gains(cartesian([0, 30, -30, 180, 110], 0))
    np.testing.assert_allclose((front_and_back**2).sum(axis=1), [1, 1, 1, 0.5, 0.5], atol=1e-9)


@pytest.mark.parametrize("name", ROOMS)
def test_lfe_is_never_panned_to(name):
    layout, panner, _ = room(name)
    lfe = [speaker.lfe for speaker in layout.speakers]
    assert not panner.gains(sphere())[:, lfe].any()


@pytest.mark.parametrize("name", ROOMS)
def test_a_loudspeakers_own_direction_is_played_by_it_alone(name):
    layout, panner, directions = room(name)
    panned = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
    np.testing.assert_allclose(panner.gains(3 * directions)[panned], np.eye(len(directions))[panned], atol=1e-9)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_left_and_right_are_mirrored(name):
    layout, panner, directions = room(name)
    mirror = np.array([1.0, -1.0, 1.0])
    panned = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
    apart = np.linalg.norm((directions[panned] * mirror)[:, None] - directions[panned], axis=-1)
    assert apart.min(axis=1).max() < 1e-9, "the shipped rooms are symmetric"
    points = sphere()
    mirrored = panner.gains(points * mirror)[:, panned][:, apart.argmin(axis=1)]
    np.testing.assert_allclose(mirrored, panner.gains(points)[:, panned], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ROOMS)
def test_moving_a_little_changes_little(name):
    _, panner, _ = room(name)
    turn = np.linspace(0, 2 * np.pi, 18001)
    for start, side in np.random.default_rng(3).normal(size=(6, 2, 3)):
        start /= np.linalg.norm(start)
        side -= start * (start @ side)
        walk = np.cos(turn)[:, None] * start + np.sin(turn)[:, None] * side / np.linalg.norm(side)
        assert np.abs(np.diff(panner.gains(walk), axis=0)).max() < 5e-3  # steps of 0.02 degrees


@pytest.mark.parametrize("name", ROOMS)
def test_no_jump_through_the_poles(name):
    _, panner, _ = room(name)
    nearly = 90 - 1e-7
    for pole in (-1, 1):
        gains = panner.gains(cartesian([0, 0, 70, 180, -110], pole * np.array([90, *[nearly] * 4])))
        np.testing.assert_allclose(gains, gains[[0]].repeat(5, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "low_deg", "high_deg"),
    [("22.2", 0, 90), ("surrey", 0, 90), ("7.1.4", 0, 30), ("dome", 0, 90), ("4+5+1", 0, 30)],
)
def test_velocity_vector_points_at_the_source_where_the_room_has_loudspeakers(name, low_deg, high_deg):
    _, panner, directions = room(name)
    rng = np.random.default_rng(5)
    source = cartesian(rng.uniform(-180, 180, 3000), rng.uniform(low_deg, high_deg, 3000))
    velocity = panner.gains(source) @ directions
    np.testing.assert_allclose(velocity / np.linalg.norm(velocity, axis=1, keepdims=True), source, atol=1e-9)


@pytest.mark.parametrize("name", ["5.1", "7.1", "quad", "octagon"])
def test_a_ring_keeps_the_azimuth_of_sources_above_and_below_it(name):
    _, panner, directions = room(name)
    rng = np.random.default_rng(6)
    azimuth_deg = rng.uniform(-180, 180, 2000)
    velocity = panner.gains(cartesian(azimuth_deg, rng.uniform(-30, 30, 2000))) @ directions
    error_deg = np.degrees(np.arctan2(velocity[:, 1], velocity[:, 0])) - azimuth_deg
    assert np.abs((error_deg + 180) % 360 - 180).max() < 1e-6


@pytest.mark.parametrize("name", ["quad", "octagon"])
def test_a_ring_plays_the_poles_all_around(name):
    _, panner, directions = room(name)
    gains = panner.gains([[0, 0, 1], [0, 0, -2]])
    np.testing.assert_allclose(gains, len(directions) ** -0.5, atol=1e-9)


@pytest.mark.parametrize("name", ROOMS)
def test_only_the_direction_counts_and_the_origin_is_in_front(name):
    _, panner, _ = room(name)
    points = sphere(50)
    for scale in (1e-300, 1e-3, 1e300):
        np.testing.assert_allclose(panner.gains(scale * points), panner.gains(points), atol=1e-9)
    np.testing.assert_array_equal(panner.gains([[0, 0, 0]]), panner.gains([[1, 0, 0]]))


def test_no_positions_give_no_gains():
    assert Panner(load_layout("22.2")).gains(np.zeros((0, 3))).shape == (0, 24)


def test_many_positions_at_once_are_the_same_as_one_by_one():
    _, panner, _ = room("22.2")
    points = sphere(2000)
    np.testing.assert_allclose(
        panner.gains(points)[::37], np.concatenate([panner.gains([p]) for p in points[::37]]), atol=1e-12
    )


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([1.0, 0.0, 0.0], r"positions have shape \(3,\), must be \(P, 3\)"),
        ([[1.0, 0.0, 0.0], [np.nan, 0.0, 0.0]], "position 1 is not finite"),
        ([[np.inf, 0.0, 0.0]], "position 0 is not finite"),
    ],
)
def test_what_is_no_position_is_refused(positions, message):
    with pytest.raises(ValueError, match=message):
        Panner(load_layout("quad")).gains(positions)
