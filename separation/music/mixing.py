"""Mixing and mastering of the stems of a song."""

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


def mix(sounds: Mapping[str, Audio], random: Random) -> Audio:
    """Stems in the order of STEMS at random levels, shape (4, 2, frames), from sounds of shape (2, frames)."""
    stems = np.zeros((len(STEMS), *sounds[STEMS[0]].shape))
    for index, name in enumerate(STEMS):
        level = effects.loudness_db(sounds[name])
        if level > -100.0:
            stems[index] = sounds[name] * 10 ** ((random.normal(*LEVELS_DB[name]) - 20.0 - level) / 20)
    return stems


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
    stems *= random.uniform(0.5, 0.97) / np.abs(stems.sum(axis=0)).max()
    loudest = np.abs(stems).max()
    stems = stems / max(loudest / 0.999, 1.0)
    return (np.round(stems * 32767.0) / 32768.0).astype(np.float32)
