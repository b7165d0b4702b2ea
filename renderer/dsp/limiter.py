"""The limiter: no sample above its ceiling, and no distortion where nothing is too loud.

It looks ahead: the feeds are delayed by `LOOK_AHEAD_S` while the gain comes down in time for the peak. The gain that
each frame needs is held for as long (a sliding minimum), recovers exponentially, and is smoothed by a moving average
of just that length; the mean of gains that are all low enough is low enough. Gains are fixed-point numbers, whose
moving sum is exact: below the ceiling the gain is exactly 1 and the feeds are only delayed.

Loudspeakers of one group share a gain, so that the picture does not shift. Those that have a ceiling of their own are
protected alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import NATIVE

LOOK_AHEAD_S: Final = 0.0015
RELEASE_S: Final = 0.1
UNITY: Final = 1 << 30
"""The fixed-point gain of 1."""
MARGIN = np.float32(1 - 1e-6)
"""Keeps rounding from lifting a peak above the ceiling."""

ENVELOPE, SUM, AT, HEAD_AT, TAIL_AT, GAIN_WORDS = 0, 1, 2, 3, 4, 5
"""Words of one group: recovering gain, moving sum, frames so far, and the ends of the queue of minima."""


def look_ahead_frames(sample_rate_hz: float) -> int:
    """How far the feeds are delayed."""
    return max(round(LOOK_AHEAD_S * sample_rate_hz), 1)


def release_step(sample_rate_hz: float) -> int:
    """How much of the missing gain returns each frame, fixed-point."""
    return max(round(UNITY * (1 - np.exp(-1 / (RELEASE_S * sample_rate_hz)))), 1)


def gain_words(window: int) -> Words:
    """The state of one group at rest."""
    words = np.zeros(GAIN_WORDS, np.int64)
    words[ENVELOPE], words[SUM] = UNITY, UNITY * window
    return words


def queue_frames(window: int) -> int:
    """A power of two that holds a window of minima."""
    return 1 << window.bit_length()


@njit(**NATIVE)
def excess(samples: Floats, length: int, ceiling: np.float32, worst: Floats) -> None:
    """Raises worst[:length] to how many times louder than the ceiling the samples are."""
    scale = np.float32(1.0) / (ceiling * MARGIN)
    for i in range(length):
        worst[i] = max(worst[i], abs(samples[i]) * scale)


@njit(**NATIVE)
def gain_curve(
    worst: Floats, length: int, gains: Floats, words: Words, queue: Words, past: Words, window: int, step: int
) -> bool:
    """Makes the gains of a block; returns whether any differs from 1.

    Args:
        worst: of each frame, how many times louder than the ceiling it is; shape (length or more,).
        length: frames.
        gains: to be filled, for feeds delayed by `window` - 1 frames.
        words: shape (GAIN_WORDS,).
        queue: shape (2, a power of two above `window`): frame and gain of the minima to come.
        past: shape (a power of two above `window`,): recovering gains.
        window: look-ahead and one.
        step: of the release.
    """
    loudest = np.float32(0.0)
    for i in range(length):
        loudest = max(loudest, worst[i])
    # Gains are at most 1: a full sum says that all of the window are 1, and that nothing in it needs less.
    if loudest <= np.float32(1.0) and words[SUM] == window * UNITY:
        return False
    mask = past.shape[0] - 1
    for i in range(length):
        at = words[AT]
        need = np.int64(UNITY)
        if worst[i] > np.float32(1.0):
            need = np.int64(UNITY / np.float64(worst[i]))
        while words[TAIL_AT] > words[HEAD_AT] and queue[1, (words[TAIL_AT] - 1) & mask] >= need:
            words[TAIL_AT] -= 1
        queue[0, words[TAIL_AT] & mask] = at
        queue[1, words[TAIL_AT] & mask] = need
        words[TAIL_AT] += 1
        if queue[0, words[HEAD_AT] & mask] <= at - window:
            words[HEAD_AT] += 1
        envelope = words[ENVELOPE]
        envelope += (((UNITY - envelope) * step) >> 30) + 1
        envelope = min(envelope, queue[1, words[HEAD_AT] & mask], UNITY)
        words[ENVELOPE] = envelope
        words[SUM] += envelope - past[(at - window) & mask]
        past[at & mask] = envelope
        words[AT] = at + 1
        gains[i] = np.float32(np.float64(words[SUM]) / (np.float64(window) * np.float64(UNITY)))
    return True


@njit(**NATIVE)
def apply_gains(samples: Floats, length: int, gains: Floats) -> None:
    """Multiplies samples[:length], which are those of the gains."""
    for i in range(length):
        samples[i] *= gains[i]
