"""The analysis of recordings finds every kind of damage, done here to a recording by hand."""

from __future__ import annotations

import numpy as np
import pytest
from analysis import RATE_HZ, Analysis, analyse

DELAY, BLOCK, AT = 1000, 256, 256 * 400


@pytest.fixture(scope="module")
def tape() -> np.ndarray:
    """Three seconds of noise under a melody that repeats, which would mislead a plain correlation."""
    noise = np.random.default_rng(1).uniform(-1e-3, 1e-3, (2, 3 * RATE_HZ))
    melody = 0.3 * np.sin(2 * np.pi * 220 * np.arange(3 * RATE_HZ) / RATE_HZ)
    return (noise + melody).astype(np.float32)


@pytest.fixture
def record(tape: np.ndarray) -> np.ndarray:
    """Four loudspeakers, two of which play the sides with the latency."""
    made = np.zeros((4, tape.shape[1]), np.float32)
    made[[0, 3], DELAY:] = tape[:, :-DELAY]
    return made


def damage(found: Analysis) -> tuple[int, int, int, int]:
    return found.not_finite, found.repeated, found.stale, found.fading


def test_an_intact_recording_has_no_damage(record: np.ndarray, tape: np.ndarray) -> None:
    found = analyse(record, tape)
    assert damage(found) == (0, 0, 0, 0)
    assert found.delays == (DELAY,)
    assert found.gaps == ((0, DELAY),)
    assert found.begins == DELAY
    assert found.error < 1e-6


@pytest.mark.parametrize("block", [16, 256, 1024, 4096])
def test_a_block_that_is_played_twice(record: np.ndarray, tape: np.ndarray, block: int) -> None:
    record[:, AT : AT + block] = record[:, AT - block : AT]
    assert analyse(record, tape).repeated == 1


def test_a_buffer_that_is_stuck(record: np.ndarray, tape: np.ndarray) -> None:
    record[:, AT : AT + 8 * BLOCK] = np.tile(record[:, AT - BLOCK : AT], 8)
    assert analyse(record, tape).repeated == 8


def test_a_block_that_is_left_out_makes_another_delay(record: np.ndarray, tape: np.ndarray) -> None:
    record[:, AT:-BLOCK] = record[:, AT + BLOCK :].copy()
    assert analyse(record, tape).delays == (DELAY - BLOCK, DELAY)


def test_silence(record: np.ndarray, tape: np.ndarray) -> None:
    record[:, AT : AT + BLOCK] = 0.0
    found = analyse(record, tape)
    assert found.gaps[-1] == (AT, BLOCK)
    assert found.longest_gap == DELAY


def test_sound_that_ends_begins_nowhere(record: np.ndarray, tape: np.ndarray) -> None:
    record[:, AT:] = 0.0
    found = analyse(record, tape)
    assert found.begins > found.frames - 16


def test_samples_that_are_not_finite(record: np.ndarray, tape: np.ndarray) -> None:
    record[0, AT], record[3, AT + 1] = np.nan, np.inf
    assert analyse(record, tape).not_finite == 2


def test_samples_that_are_too_loud(record: np.ndarray, tape: np.ndarray) -> None:
    record[1, AT] = -1.5
    assert analyse(record, tape).loudest == 1.5


def test_sound_from_before_a_fault(record: np.ndarray, tape: np.ndarray) -> None:
    """Old sound after silence, which does not count as another delay."""
    record[:, AT : AT + 20 * BLOCK] = 0.0
    record[[0, 3], AT : AT + 3 * BLOCK] = tape[:, : 3 * BLOCK]
    found = analyse(record, tape)
    assert found.stale == 3 * BLOCK
    assert found.delays == (DELAY,)


def test_a_fade_in_is_neither_the_recording_nor_stale(record: np.ndarray, tape: np.ndarray) -> None:
    record[:, AT : AT + 4800] *= np.linspace(0.0, 1.0, 4800, dtype=np.float32)
    found = analyse(record, tape)
    assert found.stale == 0
    assert 4000 < found.fading <= 4800
