"""Sounds that identify a loudspeaker: noise in a band that it can play, a sweep, and its label, spoken.

They are made in advance, at full scale and with an end, and played at the requested level: neither level nor length
can run away.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import carray, njit

from stemfield.renderer.dsp.shared import ROW_FRAMES, Shared
from stemfield.renderer.dsp.speech import spoken
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, as_pointer, load_acquire
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats, words

NOISE, SWEEP, SPOKEN = 1, 2, 3
SOUNDS: Final = 3
NOISE_S, SWEEP_S, EDGE_S = 1.0, 5.0, 0.02
NOISE_BAND_HZ, LFE_NOISE_BAND_HZ = (500.0, 2000.0), (30.0, 90.0)
"""Bands in which the ear locates well, and which a subwoofer can play."""
SWEEP_BAND_HZ, LFE_SWEEP_BAND_HZ = (20.0, 20_000.0), (10.0, 200.0)
DEFAULT_LEVEL_DB: Final = -20.0
FADE_S: Final = 0.005
SEED: Final = 1


class IdentifyTable(IntEnum):
    """Words of the stage."""

    ANY = 0
    """Whether any loudspeaker has ever been requested; written by control."""
    FADE = auto()
    PLAYING = auto()
    REQUESTS = auto()
    """Address of int64 (loudspeakers,), written by control: 4 times a serial number, plus the sound (0: none)."""
    LEVELS = auto()
    SOUNDS = auto()
    """Address of int64 (loudspeakers, SOUNDS, 2): address and frames of each sound."""


class Playing(IntEnum):
    """Words of one loudspeaker: the request in force, its sound (0: none), frames played, frames of the fade-out."""

    REQUEST = 0
    SOUND = auto()
    PLAYED = auto()
    FADED = auto()


IDENTIFY_WORDS: Final = len(IdentifyTable)
PLAYING_WORDS: Final = len(Playing)


def noise_burst(sample_rate_hz: float, lfe: bool = False) -> Doubles:
    """A second of band-limited noise, peak 1, with soft edges."""
    low, high = LFE_NOISE_BAND_HZ if lfe else NOISE_BAND_HZ
    frames = round(NOISE_S * sample_rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng(SEED).standard_normal(frames))
    hz = np.fft.rfftfreq(frames, 1.0 / sample_rate_hz)
    spectrum[(hz < low) | (hz > high)] = 0.0
    return bounded(np.fft.irfft(spectrum, frames), sample_rate_hz)


def sweep(sample_rate_hz: float, lfe: bool = False) -> Doubles:
    """An exponential sweep of five seconds, peak 1, with soft edges.

    A. Farina: Simultaneous measurement of impulse response and distortion with a swept-sine technique, AES 108, 2000.
    """
    low, high = LFE_SWEEP_BAND_HZ if lfe else SWEEP_BAND_HZ
    time = np.arange(round(SWEEP_S * sample_rate_hz)) / sample_rate_hz
    rise = np.log(min(high, 0.45 * sample_rate_hz) / low)
    cycles = low * SWEEP_S / rise * np.expm1(rise * time / SWEEP_S)
    return bounded(np.sin(2.0 * np.pi * cycles), sample_rate_hz)


def identifying_sound(sound: int, sample_rate_hz: int, lfe: bool, label: str) -> Floats:
    """The identifying sound of one loudspeaker, peak 1, with soft edges.

    `SPOKEN` is noise for an LFE, and for a label that cannot be spoken.
    """
    said = spoken(label, sample_rate_hz) if sound == SPOKEN and not lfe else None
    if said is not None:
        return bounded(said, sample_rate_hz).astype(np.float32)
    return (sweep if sound == SWEEP else noise_burst)(sample_rate_hz, lfe).astype(np.float32)


def bounded(sound: Doubles, sample_rate_hz: float) -> Doubles:
    """The same at peak 1, with soft edges."""
    edge = 0.5 - 0.5 * np.cos(np.pi * np.arange(round(EDGE_S * sample_rate_hz)) / round(EDGE_S * sample_rate_hz))
    shaped = sound.copy()
    shaped[: len(edge)] *= edge
    shaped[-len(edge) :] *= edge[::-1]
    return np.asarray(shaped / np.abs(shaped).max(), np.float64)


def state(speakers: int, sample_rate_hz: float) -> State:
    """The stage's state."""
    return State(
        IdentifyTable,
        {
            IdentifyTable.FADE: round(FADE_S * sample_rate_hz),
            IdentifyTable.PLAYING: np.zeros((speakers, PLAYING_WORDS), np.int64),
            IdentifyTable.REQUESTS: np.zeros(speakers, np.int64),
            IdentifyTable.LEVELS: np.zeros(speakers, np.float32),
            IdentifyTable.SOUNDS: np.zeros((speakers, SOUNDS, 2), np.int64),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Adds the requested sounds to the feeds."""
    identify_all(own, floats(engine, Shared.SPEAKER_BUS, engine[Shared.SPEAKERS], ROW_FRAMES), count)


@njit(**INNER)
def identify_all(own: Words, feeds: Floats, count: int) -> None:
    """Adds the requested sounds to feeds of shape (loudspeakers, ROW_FRAMES)."""
    if load_acquire(own.ctypes.data + 8 * IdentifyTable.ANY) == 0:
        return
    speakers = feeds.shape[0]
    playing = words(own, IdentifyTable.PLAYING, speakers, PLAYING_WORDS)
    levels = floats(own, IdentifyTable.LEVELS, speakers)
    sounds = words(own, IdentifyTable.SOUNDS, speakers, SOUNDS, 2)
    for s in range(speakers):
        request = load_acquire(own[IdentifyTable.REQUESTS] + 8 * s)
        _identify(feeds[s], count, playing[s], request, levels[s], sounds[s], own[IdentifyTable.FADE])


@njit(**INNER)
def _identify(
    samples: Floats, length: int, playing: Words, request: int, level: np.float32, sounds: Words, fade: int
) -> None:
    """Adds the sound of a request to samples[:length]; a new request first fades the old one out."""
    at = 0
    while at < length:
        if playing[Playing.SOUND] == 0:
            if playing[Playing.REQUEST] == request:
                return
            playing[Playing.REQUEST] = request
            playing[Playing.SOUND] = request & 3
            playing[Playing.PLAYED] = 0
            playing[Playing.FADED] = 0
            if playing[Playing.SOUND] == 0:
                return
        own = playing[Playing.SOUND] - 1
        frames = sounds[own, 1]
        sound = carray(as_pointer(sounds[own, 0]), (frames,), np.float32)
        count = min(length - at, frames - playing[Playing.PLAYED])
        played = playing[Playing.PLAYED]
        if playing[Playing.REQUEST] == request:
            for i in range(count):
                samples[at + i] += level * sound[played + i]
        else:
            faded = playing[Playing.FADED]
            count = min(count, fade - faded)
            for i in range(count):
                share = np.float32(fade - faded - i - 1) / np.float32(fade)
                samples[at + i] += level * share * sound[played + i]
            playing[Playing.FADED] = faded + count
        playing[Playing.PLAYED] = played + count
        at += count
        if playing[Playing.PLAYED] >= frames or playing[Playing.FADED] >= fade:
            playing[Playing.SOUND] = 0
