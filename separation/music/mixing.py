"""Mixing and mastering of the stems of a song: levels, side-chain, fades, and the bus with compressor and limiter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.music import effects
from stemfield.separation.music.effects import RATE_HZ, Audio, Random

STEMS = ("vocals", "bass", "drums", "other")
LEVELS_DB = {"vocals": (1.5, 2.8), "bass": (-1.0, 3.0), "drums": (-0.5, 3.0), "other": (0.0, 3.0)}
"""Mean and standard deviation of the levels of the stems."""
ABSENT = {"vocals": 0.06, "bass": 0.06, "drums": 0.08, "other": 0.02}
"""Probability that a song lacks a stem."""
DISTANT = 0.25
"""Share of the songs whose vocals are far behind the mixture."""
PUMPED = 0.15
"""Share of the songs whose bass and other instruments are turned down by the kick."""
FADED = 0.15
"""Share of the songs that fade in or out, and of those with a quiet passage."""
CLIPPED = 0.15
"""Share of the mixtures that are clipped."""


def mix(sounds: Mapping[str, Audio], random: Random) -> Audio:
    """Stems in the order of STEMS at random levels, shape (4, 2, frames), from sounds of shape (2, frames)."""
    sounds = pump(sounds, random) if random.random() < PUMPED else sounds
    distant_db = random.uniform(4.0, 16.0) if random.random() < DISTANT else 0.0
    stems = np.zeros((len(STEMS), *sounds[STEMS[0]].shape))
    for index, name in enumerate(STEMS):
        level = effects.loudness_db(sounds[name])
        if level > -100.0:
            below_db = distant_db if name == "vocals" else 0.0
            stems[index] = sounds[name] * 10 ** ((random.normal(*LEVELS_DB[name]) - 20.0 - below_db - level) / 20)
    return stems * course(stems.shape[-1], random)


def pump(sounds: Mapping[str, Audio], random: Random) -> dict[str, Audio]:
    """Compress bass and other by the low frequencies of the drums, as by a side-chain."""
    key = effects.low_pass(sounds["drums"], 120.0)
    top_db = 20.0 * np.log10(np.abs(key).max() + 1e-9)
    threshold_db, release_s = top_db - random.uniform(15.0, 30.0), random.uniform(0.08, 0.3)
    gain = effects.compression(key, threshold_db, random.uniform(3.0, 10.0), 0.003, release_s)
    pumped = ("bass", "other") if random.random() < 0.7 else (str(random.choice(["bass", "other"])),)
    return {name: sound * gain if name in pumped else sound for name, sound in sounds.items()}


def course(frames: int, random: Random) -> Audio:
    """Gain over the course of a song, shape (frames,): some fade in or out, some have a quiet passage."""
    time, gain = np.arange(frames) / RATE_HZ, np.ones(frames)
    if random.random() < FADED:
        fade = np.square(np.clip(time / random.uniform(2.0, 8.0), 0.0, 1.0))
        gain *= fade if random.random() < 0.4 else fade[::-1]
    if random.random() < FADED:
        length_s, slope_s = random.uniform(3.0, 8.0), random.uniform(0.05, 2.0)
        middle_s = random.uniform(0.0, frames / RATE_HZ)
        inside = np.clip((0.5 * length_s - np.abs(time - middle_s)) / slope_s, 0.0, 1.0)
        gain *= 10 ** (-random.uniform(6.0, 24.0) * inside / 20)
    return gain


def clip(stems: Audio, drive_db: float, *, soft: bool) -> Audio:
    """Clip the mixture, by a gain common to all stems, so that they still sum to it; shape (4, 2, frames).

    Args:
        stems: stems, whose sum has a peak of at most 1.
        drive_db: how far the peak is pushed above full scale.
        soft: whether the peaks are rounded.
    """
    driven = stems * 10 ** (drive_db / 20)
    mixture = driven.sum(axis=0)
    clipped = np.tanh(mixture) if soft else np.clip(mixture, -1.0, 1.0)
    return np.asarray(driven * np.where(np.abs(mixture) > 1e-9, clipped / np.where(mixture == 0.0, 1.0, mixture), 1.0))


def master(stems: Audio, random: Random) -> NDArray[np.float32]:
    """Bus compressor and limiter, as gains common to all stems so that they still sum to the mixture."""
    top = np.abs(stems.sum(axis=0)).max()
    if top == 0.0:
        return stems.astype(np.float32)
    stems = stems / top
    if random.random() < 0.6:
        mixture = stems.sum(axis=0)
        stems = stems * effects.compression(mixture, random.uniform(-24.0, -10.0), random.uniform(1.3, 4.0), 0.01, 0.15)
    push = 10 ** (random.uniform(0.0, 8.0) / 20) if random.random() < 0.6 else 1.0
    mixture = push * stems.sum(axis=0) / np.abs(stems.sum(axis=0)).max()
    over = np.maximum(np.abs(mixture).max(axis=0), 1.0)
    # lookahead of 3 ms: the minimum gain of the neighbouring blocks, smoothed
    reach = int(0.003 * RATE_HZ)
    blocks = np.pad(over, (0, -len(over) % reach), constant_values=1.0).reshape(-1, reach).max(axis=1)
    wide = np.maximum(blocks, np.maximum(np.append(blocks[1:], 1.0), np.insert(blocks[:-1], 0, 1.0)))
    gain = 1.0 / np.interp(np.arange(len(over)), (np.arange(len(wide)) + 0.5) * reach, wide)
    stems = stems * gain
    if random.random() < CLIPPED:
        stems /= np.abs(stems.sum(axis=0)).max()
        stems = clip(stems, random.uniform(1.0, 6.0), soft=random.random() < 0.6)
    stems *= random.uniform(0.5, 0.97) / np.abs(stems.sum(axis=0)).max()
    loudest = np.abs(stems).max()
    stems = stems / max(loudest / 0.999, 1.0)
    return (np.round(stems * 32767.0) / 32768.0).astype(np.float32)
