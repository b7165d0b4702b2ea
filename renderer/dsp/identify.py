"""Sounds by which a loudspeaker is found: a burst of noise in a band that it can play, and a sweep.

They are made when the engine is, at full scale, with an end; the processor plays them at the level that is asked for.
So neither level nor length can run away.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from scipy import signal

from stemfield.renderer.dsp.kinds import Doubles, Floats, Words
from stemfield.renderer.native import NATIVE

NOISE, SWEEP = 1, 2
NOISE_S, SWEEP_S, EDGE_S = 1.0, 5.0, 0.02
NOISE_BAND_HZ, LFE_NOISE_BAND_HZ = (500.0, 2000.0), (30.0, 90.0)
"""Where direction is heard well, and what a subwoofer can play."""
SWEEP_BAND_HZ, LFE_SWEEP_BAND_HZ = (20.0, 20_000.0), (10.0, 200.0)
DEFAULT_LEVEL_DB: Final = -20.0
FADE_S: Final = 0.005
SEED: Final = 1

SEEN, SOUND, PLAYED, FADING, IDENTIFY_WORDS = 0, 1, 2, 3, 4
"""Words of one loudspeaker: the request that is in force, its sound (0: none), frames played, frames of the fade."""


def noise_burst(sample_rate_hz: float, lfe: bool = False) -> Doubles:
    """A second of band-limited noise, peak 1, with soft edges."""
    low, high = LFE_NOISE_BAND_HZ if lfe else NOISE_BAND_HZ
    frames = round(NOISE_S * sample_rate_hz)
    sos = signal.butter(4, (low, high), "bandpass", fs=sample_rate_hz, output="sos")
    noise = signal.sosfiltfilt(sos, np.random.default_rng(SEED).standard_normal(frames))
    return _bounded(noise, sample_rate_hz)


def sweep(sample_rate_hz: float, lfe: bool = False) -> Doubles:
    """An exponential sweep of five seconds, peak 1, with soft edges.

    A. Farina: Simultaneous measurement of impulse response and distortion with a swept-sine technique, AES 108, 2000.
    """
    low, high = LFE_SWEEP_BAND_HZ if lfe else SWEEP_BAND_HZ
    time = np.arange(round(SWEEP_S * sample_rate_hz)) / sample_rate_hz
    end = min(high, 0.45 * sample_rate_hz)
    return _bounded(signal.chirp(time, low, SWEEP_S, end, "logarithmic", phi=-90), sample_rate_hz)


def sounds(sample_rate_hz: float) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Noise and sweep for a loudspeaker, then for an LFE."""
    rate = sample_rate_hz
    full = (noise_burst(rate).astype(np.float32), sweep(rate).astype(np.float32))
    return full, (noise_burst(rate, lfe=True).astype(np.float32), sweep(rate, lfe=True).astype(np.float32))


def _bounded(sound: Doubles, sample_rate_hz: float) -> Doubles:
    edge = 0.5 - 0.5 * np.cos(np.pi * np.arange(round(EDGE_S * sample_rate_hz)) / round(EDGE_S * sample_rate_hz))
    shaped = sound.copy()
    shaped[: len(edge)] *= edge
    shaped[-len(edge) :] *= edge[::-1]
    return np.asarray(shaped / np.abs(shaped).max(), np.float64)


@njit(**NATIVE)
def identify(
    samples: Floats, length: int, words: Words, request: int, level: np.float32, noise: Floats, swept: Floats, fade: int
) -> None:
    """Adds the sound of a request to samples[:length]; a new request first fades the old one out.

    Args:
        samples: one feed.
        length: frames.
        words: shape (IDENTIFY_WORDS,).
        request: 4 times a serial number, plus the sound wanted: 0 none, `NOISE` or `SWEEP`.
        level: linear.
        noise: the loudspeaker's burst.
        swept: its sweep.
        fade: frames.
    """
    at = 0
    while at < length:
        if words[SOUND] == 0:
            if words[SEEN] == request:
                return
            words[SEEN] = request
            words[SOUND] = request & 3
            words[PLAYED] = 0
            words[FADING] = 0
            if words[SOUND] == 0:
                return
        sound = noise if words[SOUND] == NOISE else swept
        count = min(length - at, sound.shape[0] - words[PLAYED])
        played = words[PLAYED]
        if words[SEEN] == request:
            for i in range(count):
                samples[at + i] += level * sound[played + i]
        else:
            faded = words[FADING]
            count = min(count, fade - faded)
            for i in range(count):
                share = np.float32(fade - faded - i - 1) / np.float32(fade)
                samples[at + i] += level * share * sound[played + i]
            words[FADING] = faded + count
        words[PLAYED] = played + count
        at += count
        if words[PLAYED] >= sound.shape[0] or words[FADING] >= fade:
            words[SOUND] = 0
