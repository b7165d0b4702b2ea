"""Delays, gains and bass, from where the loudspeakers stand."""

from dataclasses import replace

import numpy as np
import pytest

from stemfield.layouts.chain import (
    NEAREST_M,
    SPEED_OF_SOUND_M_S,
    bass_weights,
    listener_delays_s,
    speaker_delays_s,
    speaker_distances_m,
    speaker_positions,
    speaker_trims,
)
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement, Compensation, Layout, Speaker

ROOM = Layout(
    "room",
    "A room",
    (
        Speaker("left", 90, 0, 2.0, 1),
        Speaker("right", -90, 0, 3.0, 2, gain_db=-20.0, polarity="inverted"),
        Speaker("sub", 0, 0, 1.0, 3, lfe=True),
    ),
    compensate=Compensation(delay=True, gain=True),
)


def arrivals_s(delays, listener=(0, 0, 0)):
    return delays + speaker_distances_m(ROOM, listener) / SPEED_OF_SOUND_M_S


def test_everything_arrives_at_once_and_equally_loud():
    assert np.ptp(arrivals_s(speaker_delays_s(ROOM))) < 1e-12
    assert speaker_delays_s(ROOM).min() == 0
    np.testing.assert_allclose(speaker_trims(ROOM) / speaker_distances_m(ROOM), [1 / 3, -0.1 / 3, 1 / 3])


def test_nothing_is_compensated_unless_asked_for():
    plain = replace(ROOM, compensate=Compensation())
    assert not speaker_delays_s(plain).any()
    np.testing.assert_allclose(speaker_trims(plain), [1, -0.1, 1])


def test_a_measured_delay_counts_instead_of_the_computed_one():
    speakers = (replace(ROOM.speakers[0], delay_ms=7.0), *ROOM.speakers[1:])
    delays = speaker_delays_s(replace(ROOM, speakers=speakers))
    np.testing.assert_allclose(delays, [0.007, 0, 2 / SPEED_OF_SOUND_M_S])


@pytest.mark.parametrize("listener", [(0.5, 0, 0), (0, 1.2, 0.3), (-1, -2, 1)])
def test_what_arrived_together_at_the_centre_does_so_at_the_listener(listener):
    delays = listener_delays_s(ROOM, listener)
    assert np.ptp(arrivals_s(delays, listener)) < 1e-12
    assert delays.min() >= 0


def test_a_listener_in_the_centre_changes_nothing():
    for name in ("22.2", "living-room", "attic"):
        layout = load_layout(name)
        np.testing.assert_array_equal(listener_delays_s(layout, (0, 0, 0)), speaker_delays_s(layout))


def test_positions_are_those_seen_from_the_listener():
    np.testing.assert_allclose(speaker_positions(ROOM, (0, 2, 0)), [[0, 0, 0], [0, -5, 0], [1, -2, 0]], atol=1e-12)
    assert speaker_distances_m(ROOM, (0, 2, 0))[0] == NEAREST_M


def test_all_lfes_share_the_bass_of_all_others_unless_said_otherwise():
    layout = replace(load_layout("22.2"), bass_management=BassManagement())
    weights = bass_weights(layout)
    lfe = np.array([speaker.lfe for speaker in layout.speakers])
    np.testing.assert_allclose(weights[:, ~lfe].sum(axis=0), 1)
    assert (weights[np.ix_(lfe, ~lfe)] == 0.5).all()
    assert not weights[~lfe].any()
    assert not weights[:, lfe].any()


def test_named_loudspeakers_only_give_their_bass_away():
    layout = replace(ROOM, bass_management=BassManagement(subwoofers={"sub": {"right": -0.7}}))
    np.testing.assert_array_equal(bass_weights(layout), [[0, 0, 0], [0, 0, 0], [0, -0.7, 0]])
    assert not bass_weights(ROOM).any()
