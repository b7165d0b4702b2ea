"""Rooms heard from elsewhere, or without some of their loudspeakers."""

from dataclasses import replace

import numpy as np
import pytest

from stemfield.layouts.chain import speaker_positions
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import available_layouts, load_layout
from stemfield.renderer.panning.panner import Panner, amplitude_normalised, seen_from
from stemfield.renderer.panning.vectors import energy_vectors, errors_deg, speaker_directions

ROOMS = tuple(entry.name for entry in available_layouts())
CENTRE = (0.0, 0.0, 0.0)


def anywhere(count, seed=1):
    return np.random.default_rng(seed).normal(size=(count, 3))


@pytest.mark.parametrize("name", ROOMS)
def test_no_loudspeaker_left_out_plays_and_none_makes_a_source_silent(name):
    layout = load_layout(name)
    panner, points = Panner(layout), anywhere(300)
    usable = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
    rng = np.random.default_rng(5)
    for _ in range(6):
        without = rng.choice(usable, rng.integers(1, len(usable)), replace=False).tolist()
        gains = panner.variant(without, CENTRE).gains(points)
        assert not gains[:, without].any()
        assert (gains**2).sum(axis=1).min() > 0.5 - 1e-9
        assert (gains**2).sum(axis=1).max() < 1 + 1e-9


def test_without_any_loudspeaker_all_play():
    panner = Panner(load_layout("quad"))
    np.testing.assert_array_equal(panner.variant(range(4), CENTRE).gains([[1, 0, 0]]), panner.gains([[1, 0, 0]]))


def test_without_the_upper_layer_a_room_is_the_one_below_it():
    layout, lower = load_layout("7.1.4"), load_layout("7.1")
    without = [index for index, label in enumerate(layout.labels) if label.startswith("U")]
    gains = Panner(layout).variant(without, CENTRE).gains(anywhere(200))
    np.testing.assert_allclose(gains[:, :8], Panner(lower).gains(anywhere(200)), atol=1e-12)


@pytest.mark.parametrize("name", ["22.2", "7.1.4", "attic"])
@pytest.mark.parametrize("listener", [(0.5, 0.3, 0.0), (-0.7, 0.1, 0.2)])
def test_a_listener_elsewhere_hears_loudspeakers_where_they_stand(name, listener):
    layout = load_layout(name)
    panner = Panner(layout).variant((), listener)
    panned = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
    gains = panner.gains(speaker_positions(layout, listener))
    np.testing.assert_allclose(gains[panned], np.eye(len(layout.speakers))[panned], atol=1e-7)
    np.testing.assert_allclose((panner.gains(anywhere(300)) ** 2).sum(axis=1), 1, atol=1e-9)


def test_velocity_vectors_point_at_sources_as_seen_from_the_listener():
    layout, listener = load_layout("22.2"), (0.4, -0.3, 0.1)
    source = cartesian(np.linspace(-180, 180, 400), np.linspace(5, 60, 400), 2.0) - listener
    gains = Panner(layout).variant((), listener).gains(source)
    velocity = gains @ speaker_directions(seen_from(layout, listener))
    assert errors_deg(velocity, source / np.linalg.norm(source, axis=1, keepdims=True)).max() < 1e-5


@pytest.mark.parametrize("listener", [(2.0, 0, 0), (50, 50, 50), (1.0, 0.0, 0.0), (0, 0, 1.9999)])
def test_a_listener_may_stand_anywhere(listener):
    layout = load_layout("22.2")
    gains = Panner(layout).variant((), listener).gains(anywhere(300))
    np.testing.assert_allclose((gains**2).sum(axis=1), 1, atol=1e-9)


def test_variants_are_kept_but_not_for_ever():
    panner = Panner(load_layout("5.1"))
    assert panner.variant((), CENTRE) is panner
    assert panner.variant([0], CENTRE) is panner.variant((0,), (0.001, -0.004, 0.0))
    first = panner.variant([0], CENTRE)
    for step in range(100):
        panner.variant((), (0.01 * (step + 1), 0, 0))
    assert panner.variant([0], CENTRE) is not first


@pytest.mark.parametrize("name", ROOMS)
def test_amplitude_normalised_gains_sum_to_the_root_of_the_power(name):
    panner, points = Panner(load_layout(name)), anywhere(300)
    energy, amplitude = panner.gains(points), panner.gains(points, "amplitude")
    np.testing.assert_allclose(amplitude.sum(axis=1), np.linalg.norm(energy, axis=1), atol=1e-12)
    np.testing.assert_allclose(amplitude[:, None] * energy[..., None], energy[:, None] * amplitude[..., None])


def test_silence_has_no_amplitude():
    np.testing.assert_array_equal(amplitude_normalised(np.zeros((2, 3))), np.zeros((2, 3)))


def test_a_source_between_two_equal_loudspeakers_has_an_energy_vector_between_them():
    layout = replace(load_layout("quad"), speakers=load_layout("quad").speakers[:2])
    speakers = speaker_directions(layout)
    (vector,) = energy_vectors(np.array([[0.7, 0.7]]), speakers)
    np.testing.assert_allclose(vector, speakers.mean(axis=0), atol=1e-12)
    assert errors_deg(vector[None], np.array([[0.0, 1.0, 0.0]]))[0] == pytest.approx(90)
    assert errors_deg(np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0]]))[0] == 90
