"""Sources that are wide and high."""

import numpy as np
import pytest

from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.panning.extent import extent_gains
from stemfield.renderer.panning.grid import GRID
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.panning.vectors import speaker_directions

ROOMS = tuple(entry.name for entry in available_layouts())
SIZES = ((5, 0), (0, 12), (30, 30), (90, 10), (20, 120), (200, 40), (360, 0), (360, 180), (360, 360))
MIRROR = np.array([1.0, -1.0, 1.0])


def anywhere(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, 3))


def sphere_oracle(panner, position, width_deg, height_deg):
    """The same sum over a random dense sphere, in plain angles."""
    azimuth_deg, elevation_deg, _ = polar(position)
    turn, tilt = np.radians([azimuth_deg, elevation_deg])
    ahead = np.array([np.cos(tilt) * np.cos(turn), np.cos(tilt) * np.sin(turn), np.sin(tilt)])
    left = np.array([-np.sin(turn), np.cos(turn), 0.0])
    points = anywhere(60_000, 2)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    seen = np.stack([points @ ahead, points @ left, points @ np.cross(ahead, left)], axis=1)
    longer, shorter = width_deg / 2, height_deg / 2
    if height_deg > width_deg:
        seen[:, [1, 2]], longer, shorter = seen[:, [2, 1]], shorter, longer
    around, up, _ = polar(seen).T
    beyond = np.abs(around) - (longer - shorter)
    end = cartesian(longer - shorter, 0.0)
    to_end = np.degrees(np.arccos(np.clip(np.stack([seen[:, 0], np.abs(seen[:, 1]), seen[:, 2]], 1) @ end, -1, 1)))
    distance = np.where(beyond <= 0, np.abs(up), to_end)
    cosines = np.cos(np.radians([shorter, min(shorter + 10, 180)]))
    weights = np.clip((np.cos(np.radians(distance)) - cosines[1]) / (cosines[0] - cosines[1]), 0, 1) ** 2
    powers = weights @ panner.gains(points) ** 2
    return np.sqrt(powers / powers.sum())


@pytest.mark.parametrize("size", [(20, 20), (90, 30), (30, 100), (300, 40)])
def test_the_grid_is_fine_enough_for_the_sphere(size):
    panner = Panner(load_layout("22.2"))
    position = cartesian(50, 20)
    np.testing.assert_allclose(
        extent_gains(panner, [position], *size)[0], sphere_oracle(panner, position, *size), atol=0.04
    )


@pytest.mark.parametrize("name", ROOMS)
def test_power_is_that_of_the_point_source(name):
    panner, points = Panner(load_layout(name)), anywhere(60)
    power = (panner.gains(points) ** 2).sum(axis=1)
    for size in SIZES:
        gains = extent_gains(panner, points, *size)
        assert gains.min() >= 0
        np.testing.assert_allclose((gains**2).sum(axis=1), power, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["22.2", "5.1", "stereo", "attic"])
def test_no_extent_is_the_point_source_and_grows_from_it_without_a_jump(name):
    panner, points = Panner(load_layout(name)), anywhere(20)
    np.testing.assert_array_equal(extent_gains(panner, points, 0, 0), panner.gains(points))
    np.testing.assert_allclose(extent_gains(panner, points, 0.01, 0.01), panner.gains(points), atol=1e-3)
    for point in points[:4]:
        for height_deg in (0.0, 40.0):
            widths = np.linspace(0, 360, 7201)
            gains = extent_gains(panner, np.tile(point, (len(widths), 1)), widths, height_deg)
            assert np.abs(np.diff(gains, axis=0)).max() < 2e-3  # steps of 0.05 degrees


@pytest.mark.parametrize("size", SIZES)
def test_moving_a_little_changes_little(size):
    panner = Panner(load_layout("22.2"))
    turn = np.linspace(0, 2 * np.pi, 7201)
    for start, side in np.random.default_rng(3).normal(size=(3, 2, 3)):
        start /= np.linalg.norm(start)
        side -= start * (start @ side)
        walk = np.cos(turn)[:, None] * start + np.sin(turn)[:, None] * side / np.linalg.norm(side)
        assert np.abs(np.diff(extent_gains(panner, walk, *size), axis=0)).max() < 1e-2  # steps of 0.05 degrees


def test_no_jump_at_the_poles():
    panner = Panner(load_layout("22.2"))
    around = cartesian([0, 90, 200, 300], 90 - 1e-6)
    for size in SIZES:
        gains = extent_gains(panner, around, *size)
        np.testing.assert_allclose(gains, gains[[0]].repeat(4, axis=0), atol=1e-5)


@pytest.mark.parametrize("name", ["22.2", "7.1.4", "dome", "quad"])
def test_left_and_right_are_mirrored(name):
    layout = load_layout(name)
    panner, points = Panner(layout), anywhere(100)
    panned = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
    speakers = speaker_directions(layout)[panned]
    twin = np.linalg.norm((speakers * MIRROR)[:, None] - speakers, axis=-1).argmin(axis=1)
    for size in SIZES:
        mirrored = extent_gains(panner, points * MIRROR, *size)[:, panned][:, twin]
        np.testing.assert_allclose(mirrored, extent_gains(panner, points, *size)[:, panned], rtol=0, atol=1e-9)


def test_everything_is_everywhere_and_does_not_move():
    panner = Panner(load_layout("22.2"))
    gains = extent_gains(panner, anywhere(30), 360, 360)
    np.testing.assert_allclose(gains, gains[[0]].repeat(30, axis=0), atol=1e-9)
    np.testing.assert_allclose(extent_gains(panner, anywhere(30), 360, 180), gains, atol=0.05)
    lfe = np.array([speaker.lfe for speaker in panner.layout.speakers])
    assert (gains[:, ~lfe] > 0.05).all()
    assert not gains[:, lfe].any()


def test_a_ring_all_around_leaves_out_above_and_below():
    layout = load_layout("22.2")
    (gains,) = extent_gains(Panner(layout), [cartesian(33, 0)], 360, 0)
    heard = dict(zip(layout.labels, gains, strict=True))
    assert heard["T+000"] == 0
    assert min(heard[label] for label in layout.labels if label.startswith("M")) > 0.2


def test_wider_is_wider_and_stays_in_front():
    layout = load_layout("octagon")
    panner = Panner(layout)
    speakers = speaker_directions(layout)
    spreads = []
    for width_deg in (0, 45, 90, 180, 270):
        (gains,) = extent_gains(panner, [[1, 0, 0]], width_deg, 0)
        energy = gains**2 @ speakers
        np.testing.assert_allclose(energy[1:], 0, atol=1e-9)
        spreads.append(energy[0])
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 0.95
    assert 0 < spreads[-1] < 0.5


def test_sizes_may_differ_by_source():
    panner, points = Panner(load_layout("7.1.4")), anywhere(3)
    gains = extent_gains(panner, points, [0, 90, 20], [0, 10, 60])
    for row, (width_deg, height_deg) in enumerate([(0, 0), (90, 10), (20, 60)]):
        np.testing.assert_allclose(gains[row], extent_gains(panner, points, width_deg, height_deg)[row], atol=1e-12)
    assert extent_gains(panner, np.zeros((0, 3)), 10, 10).shape == (0, 12)


@pytest.mark.parametrize(("width_deg", "height_deg"), [(-1, 0), (0, 361), (np.nan, 0), (0, np.inf)])
def test_sizes_out_of_range_are_refused(width_deg, height_deg):
    with pytest.raises(ValueError, match=r"width_deg and height_deg must be 0..360"):
        extent_gains(Panner(load_layout("quad")), [[1, 0, 0]], width_deg, height_deg)


def test_the_grid_covers_the_sphere_evenly():
    assert GRID.areas.sum() == pytest.approx(1)
    np.testing.assert_allclose(GRID.areas @ GRID.directions, 0, atol=1e-9)
    np.testing.assert_allclose((GRID.directions * GRID.areas[:, None]).T @ GRID.directions, np.eye(3) / 3, atol=2e-3)
    gaps = 1 - (anywhere(500) @ GRID.directions.T / np.linalg.norm(anywhere(500), axis=1, keepdims=True)).max(axis=1)
    assert gaps.max() < 1 - np.cos(np.radians(4))
