"""A sender with another clock than the server, in simulated time: real resampler, real ring, real callback."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np
import pytest

from stemfield.control.sources.follower import MOST, RateFollower
from stemfield.control.sources.playback import Ring, advance

RATE_HZ = 8_000
PERIOD = 64
LATENCY_S = 0.1
TONE_HZ = 300.0
LEVEL = 0.5
STEEPEST = LEVEL * (2.0 * np.pi * TONE_HZ / RATE_HZ) ** 2
"""Largest second difference of the tone."""


class Simulation:
    """A sender of a tone whose clock is `deviation` faster than the server's, and the server.

    Args:
        deviation: as a share.
        chunk: frames that the sender sends at once.
        jitter_s: by how much a chunk may be late.
    """

    def __init__(self, deviation: float, chunk: int = 160, jitter_s: float = 0.0) -> None:
        self.ring = Ring(RATE_HZ, round(LATENCY_S * RATE_HZ))
        self.follower = RateFollower(RATE_HZ, RATE_HZ, self.ring.target_frames)
        self._deviation, self._chunk, self._jitter_s = deviation, chunk, jitter_s
        self._random = np.random.default_rng(4)
        self._sent = self._periods = 0
        self._out = np.zeros((2, PERIOD), np.float32)

    def run(self, seconds: float) -> Iterator[tuple[float, np.ndarray]]:
        """For each chunk the fill of the ring before it, and what was played since the last one."""
        for _ in range(round(seconds * RATE_HZ / self._chunk)):
            now_s = (self._sent + self._chunk) / RATE_HZ / (1.0 + self._deviation)
            now_s += self._random.uniform(0.0, self._jitter_s)
            played = [np.zeros(0, np.float32)]
            while self._periods * PERIOD / RATE_HZ <= now_s:
                advance(self.ring.words, *self._out, PERIOD)
                played.append(self._out[0].copy())
                self._periods += 1
            phase = 2.0 * np.pi * TONE_HZ / RATE_HZ * (np.arange(self._sent, self._sent + self._chunk) % RATE_HZ)
            sound = (LEVEL * np.sin(phase)).astype(np.float32)
            held = self.ring.held_frames() + self._periods * PERIOD - now_s * RATE_HZ - PERIOD
            made = self.follower.resample(np.stack([sound, sound], 1), held, waited=not self.ring.is_playing)
            self.ring.write(made)
            self._sent += self._chunk
            yield held, np.concatenate(played)


@pytest.mark.parametrize("ppm", [-300, 0, 300, 1000])
@pytest.mark.parametrize(("chunk", "jitter_s"), [(160, 0.0), (64, 0.0), (80, 0.02)])
def test_another_clock_is_followed_without_a_click(ppm: int, chunk: int, jitter_s: float) -> None:
    simulation = Simulation(1e-6 * ppm, chunk, jitter_s)
    fills, sound = zip(*simulation.run(600.0), strict=True)
    settled = np.array(fills[-len(fills) // 2 :])
    assert np.abs(settled - simulation.ring.target_frames).max() < (0.003 + jitter_s) * RATE_HZ
    assert simulation.follower.deviation == pytest.approx(1e-6 * ppm, abs=2e-5)
    assert simulation.ring.starved == 0
    played = np.concatenate(sound)
    begun = np.flatnonzero(played)[0] + round(0.1 * RATE_HZ)
    assert np.abs(np.diff(played[begun:], 2)).max() < 1.01 * STEEPEST
    assert np.abs(played[begun:]).max() > 0.99 * LEVEL


def test_a_click_would_be_found() -> None:
    tone = LEVEL * np.sin(2.0 * np.pi * TONE_HZ / RATE_HZ * np.arange(RATE_HZ))
    assert np.abs(np.diff(np.delete(tone, RATE_HZ // 2), 2)).max() > 1.2 * STEEPEST


def test_a_clock_beyond_all_bounds_is_not_followed_for_ever() -> None:
    simulation = Simulation(0.05)
    for _ in simulation.run(120.0):
        assert abs(simulation.follower.deviation) <= MOST
        assert simulation.ring.held_frames() <= simulation.ring._frames.shape[1]


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("ppm", [300])
def test_300_ppm_for_a_day(ppm: int) -> None:
    simulation = Simulation(1e-6 * ppm)
    worst = fullest = 0.0
    emptiest, last, memory_kb = np.inf, np.zeros(0, np.float32), 0
    for number, (fill, sound) in enumerate(simulation.run(24 * 3600.0)):
        if number == 30_000:
            memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if number > 30_000:
            fullest, emptiest = max(fullest, fill), min(emptiest, fill)
            last = np.concatenate([last[-2:], sound])
            worst = max(worst, float(np.abs(np.diff(last, 2)).max(initial=0.0)))
    latency = simulation.ring.target_frames
    print(f"fill {emptiest - latency:.1f} to {fullest - latency:.1f} frames, steepest {worst / STEEPEST:.4f}")
    assert worst < 1.01 * STEEPEST
    assert latency - 0.003 * RATE_HZ < emptiest <= fullest < latency + 0.003 * RATE_HZ
    assert simulation.ring.starved == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_kb < 2048
