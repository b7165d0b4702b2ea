"""Fixtures of the separation tests: the shipped model, music to separate, the engine's side of the timeline."""

from __future__ import annotations

import ctypes
import time

import numpy as np
import pytest

from stemfield.renderer.native.operations import store
from stemfield.renderer.timeline import WORD_MIXTURE_END, WORD_STEMS_START, Timeline
from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT


def _make_music(frames, sample_rate_hz, seed=1, highest_hz=15000.0):
    """Stereo notes with vibrato, bursts of noise and a bass line, none above `highest_hz` by much; (2, frames)."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / sample_rate_hz
    sound = np.zeros((2, frames))
    for _ in range(12):
        f0 = rng.uniform(60.0, 900.0)
        phase = 2 * np.pi * f0 * t + 2.0 * np.sin(2 * np.pi * 5.0 * t)
        envelope = np.clip(np.sin(2 * np.pi * rng.uniform(0.7, 2.5) * t + rng.uniform(0, 6.0)), 0.0, None)
        voice = sum(np.sin(k * phase) / k for k in range(1, 8) if k * f0 < highest_hz)
        sound += rng.uniform(0.2, 1.0, (2, 1)) * envelope * voice
    hits = np.exp(-((t % 0.25) * 40.0)) * rng.standard_normal(frames)
    spectrum = np.fft.rfft(hits)
    spectrum[np.fft.rfftfreq(frames, 1.0 / sample_rate_hz) > highest_hz] = 0.0
    sound += np.fft.irfft(spectrum, frames)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def _separate(separator, mixture, block=4096):
    """All stems of a mixture that is fed in blocks; the separator is reset first."""
    separator.reset()
    pieces = [separator.feed(mixture[:, at : at + block]) for at in range(0, mixture.shape[1], block)]
    return np.concatenate([*pieces, separator.flush()], axis=2)


def _null_db(difference, reference):
    """Peak of a difference against the peak of what it should not differ from."""
    return 20.0 * np.log10(max(np.abs(difference).max(), 1e-30) / np.abs(reference).max())


class Engine:
    """The engine's side of a timeline: plays a mixture in real time and observes the stems."""

    def __init__(self, sample_rate_hz=48000, stems=4):
        self.timeline = Timeline.create(stems)
        self.sample_rate_hz = sample_rate_hz
        frames = self.timeline.frames
        floats = ctypes.c_float * frames
        self._mixture = np.ctypeslib.as_array((floats * 2).from_address(self.timeline.mixture_address))
        self._stems = np.ctypeslib.as_array((floats * (2 * stems)).from_address(self.timeline.stems_address))

    def push(self, mixture):
        """Appends frames, shape (2, n), to the timeline at once."""
        end = self.timeline.mixture_end()
        at = np.arange(end, end + mixture.shape[1]) % self.timeline.frames
        self._mixture[:, at] = mixture
        store(self.timeline.word_address(WORD_MIXTURE_END), end + mixture.shape[1])

    def play(self, mixture, block=64):
        """Plays frames in real time; returns by how many frames the stems were behind, after each block."""
        started = time.perf_counter()
        behind = []
        for at in range(0, mixture.shape[1], block):
            self.push(mixture[:, at : at + block])
            time.sleep(max(0.0, started + (at + block) / self.sample_rate_hz - time.perf_counter()))
            behind.append(self.timeline.mixture_end() - self.timeline.stems_end())
        return np.array(behind)

    def play_silence_until(self, condition, limit_s=20.0):
        """Plays silence in real time until the condition holds; returns the seconds that it took."""
        started = time.perf_counter()
        while not condition():
            assert time.perf_counter() - started < limit_s, "the condition did not come true"
            self.play(np.zeros((2, self.sample_rate_hz // 100), np.float32))
        return time.perf_counter() - started

    def stems_start(self):
        return int(self.timeline._words[WORD_STEMS_START])

    def stems_flow(self):
        """Whether valid stems have been written up to the engine's present, less 0.2 s."""
        start, end = self.stems_start(), self.timeline.stems_end()
        return start < end and end > self.timeline.mixture_end() - self.sample_rate_hz // 5

    def read_stems(self, start, frames):
        at = np.arange(start, start + frames) % self.timeline.frames
        return self._stems[:, at].reshape(self.timeline.stems, 2, frames)


@pytest.fixture(scope="session")
def make_music():
    return _make_music


@pytest.fixture(scope="session")
def separate():
    return _separate


@pytest.fixture(scope="session")
def null_db():
    return _null_db


@pytest.fixture(scope="session")
def card():
    return load_card(DEFAULT)


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.timeline.close()
