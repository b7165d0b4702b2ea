"""The limiter: no sample above its ceiling, and no distortion below it.

The feeds are delayed by `LOOK_AHEAD_S`, in which the gain comes down in time for a peak. The gain that each frame needs
is held for as long (a sliding minimum), recovers exponentially, and is smoothed by a moving average of just that
length; the mean of gains that are all low enough is low enough. Gains are fixed-point numbers, whose moving sum is
exact: below the ceiling the gain is exactly 1 and the feeds are only delayed.

Loudspeakers of one group share a gain, so that the stereo image does not shift. Each loudspeaker with a ceiling of its
own is a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.bounds import LOUDEST_FEED, bound
from stemfield.renderer.dsp.delay import hold
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats, words

LOOK_AHEAD_S: Final = 0.0015
RELEASE_S: Final = 0.1
UNITY: Final = 1 << 30
"""The fixed-point gain of 1."""
MARGIN = np.float32(1 - 1e-6)
"""Keeps rounding from lifting a peak above the ceiling."""


class LimiterTable(IntEnum):
    """Words of the stage."""

    GROUPS = 0
    """Number of groups; 0 without a limiter."""
    WINDOW = auto()
    """Look-ahead + 1."""
    QUEUE = auto()
    """Length of the queues, a power of two above WINDOW."""
    STEP = auto()
    """Share of the gain reduction that recovers each frame, fixed-point."""
    CEILINGS = auto()
    GROUP_OF = auto()
    GAINS = auto()
    QUEUES = auto()
    """Address of int64 (GROUPS, 2, QUEUE): frame and gain of the minima to come."""
    PAST = auto()
    """Address of int64 (GROUPS, QUEUE): recovering gains."""
    LINES = auto()
    BAD = auto()
    """Address of int64 (outputs,): samples that were out of bounds."""


class Gain(IntEnum):
    """Words of one group: recovering gain, moving sum, frames so far, and the ends of the queue of minima."""

    ENVELOPE = 0
    SUM = auto()
    AT = auto()
    HEAD_AT = auto()
    TAIL_AT = auto()


GAIN_WORDS: Final = len(Gain)


@dataclass(frozen=True, slots=True, eq=False)
class Limiter:
    """Settings of the limiter."""

    ceilings: Floats
    """Linear, shape (outputs,)."""
    groups: Words
    """Outputs with the same number share a gain; shape (outputs,), counted from 0."""

    @property
    def count(self) -> int:
        """Number of groups."""
        return int(self.groups.max(initial=-1)) + 1

    def with_ears(self, ears: int) -> Limiter:
        """The same with further outputs, which share a group of their own."""
        group, ceilings = np.full(ears, self.count, np.int64), np.ones(ears, np.float32)
        return Limiter(np.concatenate([self.ceilings, ceilings]), np.concatenate([self.groups, group]))


def design(layout: Layout) -> Limiter:
    """Loudspeakers without a ceiling of their own share a gain at full scale; each of the others is alone."""
    own = [s.max_level_db for s in layout.speakers]
    ceilings = np.array([1.0 if level is None else 10 ** (level / 20) for level in own], np.float32)
    alone = np.array([level is not None for level in own], bool)
    groups = np.zeros(len(own), np.int64)
    groups[alone] = 1 + np.arange(alone.sum())
    return Limiter(ceilings, groups)


def state(limiter: Limiter | None, outputs: int, sample_rate_hz: float) -> State:
    """The stage's state, with the settings for all outputs, or None for no limiter."""
    bad = {LimiterTable.BAD: np.zeros(outputs, np.int64)}
    if limiter is None:
        return State(LimiterTable, bad)
    window, groups = look_ahead_frames(sample_rate_hz) + 1, limiter.count
    queue = 1 << window.bit_length()
    gains = np.zeros((groups, GAIN_WORDS), np.int64)
    gains[:, Gain.ENVELOPE], gains[:, Gain.SUM] = UNITY, UNITY * window
    return State(
        LimiterTable,
        {
            **bad,
            LimiterTable.GROUPS: groups,
            LimiterTable.WINDOW: window,
            LimiterTable.QUEUE: queue,
            LimiterTable.STEP: max(round(UNITY * (1 - np.exp(-1 / (RELEASE_S * sample_rate_hz)))), 1),
            LimiterTable.CEILINGS: limiter.ceilings,
            LimiterTable.GROUP_OF: limiter.groups,
            LimiterTable.GAINS: gains,
            LimiterTable.QUEUES: np.zeros((groups, 2, queue), np.int64),
            LimiterTable.PAST: np.full((groups, queue), UNITY, np.int64),
            LimiterTable.LINES: np.zeros((outputs, window - 1 + CHUNK_FRAMES), np.float32),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Keeps every output within bounds, and below its ceiling."""
    groups, outputs = own[LimiterTable.GROUPS], engine[Shared.OUTPUTS]
    out = floats(engine, Shared.SPEAKER_BUS, outputs, ROW_FRAMES)
    bad = words(own, LimiterTable.BAD, outputs)
    for s in range(outputs):
        bad[s] += bound(out[s], count, LOUDEST_FEED)
    if groups == 0:
        return
    late = own[LimiterTable.WINDOW] - 1
    lines = floats(own, LimiterTable.LINES, outputs, late + CHUNK_FRAMES)
    ceilings = floats(own, LimiterTable.CEILINGS, outputs)
    group_of = words(own, LimiterTable.GROUP_OF, outputs)
    work = floats(engine, Shared.WORK_FLOATS, 2, CHUNK_FRAMES)
    worst, gains = work[0], work[1]
    lowest = floats(engine, Shared.LOWEST_GAINS, groups)
    for group in range(groups):
        for i in range(count):
            worst[i] = np.float32(0.0)
        for s in range(outputs):
            if group_of[s] == group:
                excess(out[s], count, ceilings[s], worst)
        limiting = gain_curve(worst, count, gains, own, group)
        if limiting:
            for i in range(count):
                lowest[group] = min(lowest[group], gains[i])
        for s in range(outputs):
            if group_of[s] == group:
                hold(out[s], count, lines[s], late)
                if limiting:
                    apply_gains(out[s], count, gains)


def look_ahead_frames(sample_rate_hz: float) -> int:
    """Delay of the feeds."""
    return max(round(LOOK_AHEAD_S * sample_rate_hz), 1)


@njit(**NATIVE)
def excess(samples: Floats, length: int, ceiling: np.float32, worst: Floats) -> None:
    """Raises worst[:length] to the level of the samples relative to the ceiling."""
    scale = np.float32(1.0) / (ceiling * MARGIN)
    for i in range(length):
        worst[i] = max(worst[i], abs(samples[i]) * scale)


@njit(**NATIVE)
def gain_curve(worst: Floats, length: int, gains: Floats, own: Words, group: int) -> bool:
    """Makes the gains of a group for a block; returns whether any differs from 1.

    Args:
        worst: level of each frame relative to the ceiling, shape (length or more,).
        length: frames.
        gains: output, for feeds delayed by the look-ahead.
        own: table of the stage.
        group: index of the group.
    """
    groups, size = own[LimiterTable.GROUPS], own[LimiterTable.QUEUE]
    window, step = own[LimiterTable.WINDOW], own[LimiterTable.STEP]
    gain = words(own, LimiterTable.GAINS, groups, GAIN_WORDS)[group]
    queue = words(own, LimiterTable.QUEUES, groups, 2, size)[group]
    past = words(own, LimiterTable.PAST, groups, size)[group]
    loudest = np.float32(0.0)
    for i in range(length):
        loudest = max(loudest, worst[i])
    # Gains are at most 1: with a full sum all gains of the window are 1, and nothing in it needs less.
    if loudest <= np.float32(1.0) and gain[Gain.SUM] == window * UNITY:
        return False
    mask = size - 1
    for i in range(length):
        at = gain[Gain.AT]
        need = np.int64(UNITY)
        if worst[i] > np.float32(1.0):
            need = np.int64(UNITY / np.float64(worst[i]))
        while gain[Gain.TAIL_AT] > gain[Gain.HEAD_AT] and queue[1, (gain[Gain.TAIL_AT] - 1) & mask] >= need:
            gain[Gain.TAIL_AT] -= 1
        queue[0, gain[Gain.TAIL_AT] & mask] = at
        queue[1, gain[Gain.TAIL_AT] & mask] = need
        gain[Gain.TAIL_AT] += 1
        if queue[0, gain[Gain.HEAD_AT] & mask] <= at - window:
            gain[Gain.HEAD_AT] += 1
        envelope = gain[Gain.ENVELOPE]
        envelope += (((UNITY - envelope) * step) >> 30) + 1
        envelope = min(envelope, queue[1, gain[Gain.HEAD_AT] & mask], UNITY)
        gain[Gain.ENVELOPE] = envelope
        gain[Gain.SUM] += envelope - past[(at - window) & mask]
        past[at & mask] = envelope
        gain[Gain.AT] = at + 1
        gains[i] = np.float32(np.float64(gain[Gain.SUM]) / (np.float64(window) * np.float64(UNITY)))
    return True


@njit(**NATIVE)
def apply_gains(samples: Floats, length: int, gains: Floats) -> None:
    """Multiplies samples[:length] by the gains."""
    for i in range(length):
        samples[i] *= gains[i]
