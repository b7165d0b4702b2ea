"""The ring and its callback, without a server."""

from __future__ import annotations

import numpy as np
import pytest

from stemfield.control.sources.playback import FADE_S, Ring, advance

RATE_HZ = 48_000
TARGET = 4800
FADE = round(FADE_S * RATE_HZ)
STEP = 0.5 * np.pi / FADE
"""Steepest change of a fade."""


@pytest.fixture
def ring() -> Ring:
    return Ring(RATE_HZ, TARGET)


def steady(frames: int, level: float = 1.0) -> np.ndarray:
    return np.full((frames, 2), level, np.float32)


def played(ring: Ring, frames: int, block: int = 256) -> np.ndarray:
    out = np.zeros((2, frames), np.float32)
    for at in range(0, frames, block):
        part = out[:, at : at + block]
        advance(ring.words, part[0], part[1], part.shape[1])
    assert np.array_equal(*out)
    return out[0]


def test_it_begins_when_it_holds_enough_and_fades_in(ring: Ring) -> None:
    ring.write(steady(TARGET - 1))
    assert not played(ring, 1000).any()
    ring.write(steady(1))
    sound = played(ring, 2000)
    assert np.abs(np.diff(np.concatenate([[0.0], sound]))).max() < 1.01 * STEP
    assert sound[FADE:].min() == 1.0


@pytest.mark.parametrize("block", [1, 64, 256, 1000])
def test_what_runs_dry_is_faded_out_to_its_last_frame_and_goes_on_later(ring: Ring, block: int) -> None:
    ring.write(steady(10_000))
    sound = played(ring, 12_000, block)
    assert ring.starved == 1
    assert ring.held_frames() == 0
    assert np.abs(np.diff(sound)).max() < 1.01 * STEP
    assert sound[9_000] == 1.0
    assert not sound[10_000:].any()
    ring.write(steady(TARGET))
    assert played(ring, 2000)[-1] == 1.0


def test_another_stream_is_no_splice(ring: Ring) -> None:
    ring.write(steady(6000))
    begun = played(ring, 256)
    ring.cut()
    ring.write(steady(6000, -1.0))
    sound = np.concatenate([begun, played(ring, 11_000)])
    assert np.abs(np.diff(sound)).max() < 1.01 * STEP
    assert sound[4000] == 1.0
    assert sound[8000] == -1.0


def test_what_is_left_of_a_stream_that_ended_is_not_played(ring: Ring) -> None:
    ring.write(steady(TARGET - 1, 0.5))
    assert not played(ring, 256).any()
    ring.cut()
    ring.write(steady(TARGET))
    assert played(ring, 2000).max() == 1.0
    ring.write(steady(TARGET))


def test_more_than_fits_is_lost_and_nothing_else(ring: Ring) -> None:
    size = ring._frames.shape[1]
    ring.write(steady(size - 100))
    ring.write(steady(500, -1.0))
    assert ring.held_frames() == size
    sound = played(ring, size)
    assert (sound[FADE : size - FADE - 100] == 1.0).all()
