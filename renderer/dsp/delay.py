"""Delays of the loudspeakers in whole frames, which may change while they sound.

Half a frame at 48 kHz is 3.6 mm of air, more exact than loudspeakers are measured, and a delay of whole frames leaves
the samples and the frequency response as they are. A new delay (the listener walks) is cross-faded with the old one,
which neither clicks nor shifts the pitch; a fade that has begun is completed first.
"""

from __future__ import annotations

import math
from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.layouts.chain import SPEED_OF_SOUND_M_S, speaker_delays_s
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, TARGETS, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats, words
from stemfield.renderer.simd.load_store import copy

FADE_S: Final = 0.02
WALK_M: Final = 5.0
"""Maximum distance of the listener from the centre for which delays are exact."""


class DelayTable(IntEnum):
    """Words of the stage."""

    RING = 0
    """Frames of a delay line; 0 without delays."""
    FADE = auto()
    RINGS = auto()
    TAPS = auto()
    TARGETS = auto()


class Tap(IntEnum):
    """Words of one delay line: the delay before, the delay now, and frames of the cross-fade that are over."""

    OLD = 0
    NEW = auto()
    FADED = auto()


TAP_WORDS: Final = len(Tap)


def design(layout: Layout, sample_rate_hz: int) -> tuple[Words, int]:
    """The loudspeakers' delays in frames, and the longest that a walking listener may need; 0 for no delay lines."""
    delays = np.rint(speaker_delays_s(layout) * sample_rate_hz).astype(np.int64)
    longest = int(delays.max(initial=0))
    if layout.compensate.delay:
        longest += round(2 * WALK_M / SPEED_OF_SOUND_M_S * sample_rate_hz)
    return delays, longest


def state(delays_frames: Words, max_delay_frames: int, sample_rate_hz: int) -> State:
    """The stage's state, with the loudspeakers' first delays and the longest one, 0 for no delay lines."""
    speakers, fade = len(delays_frames), round(FADE_S * sample_rate_hz)
    ring = 1 << math.ceil(math.log2(max_delay_frames + CHUNK_FRAMES + 1)) if max_delay_frames else 0
    taps = np.zeros((speakers, TAP_WORDS), np.int64)
    taps[:, Tap.NEW], taps[:, Tap.FADED] = delays_frames, fade
    return State(
        DelayTable,
        {
            DelayTable.RING: ring,
            DelayTable.FADE: fade,
            DelayTable.RINGS: np.zeros((speakers, ring), np.float32),
            DelayTable.TAPS: taps,
            DelayTable.TARGETS: np.tile(delays_frames, (TARGETS, 1)),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Delays each feed by what the plan in force asks for."""
    ring, speakers = own[DelayTable.RING], engine[Shared.SPEAKERS]
    if ring == 0:
        return
    out = floats(engine, Shared.SPEAKER_BUS, speakers, ROW_FRAMES)
    rings = floats(own, DelayTable.RINGS, speakers, ring)
    wanted = words(own, DelayTable.TARGETS, TARGETS, speakers)[engine[Shared.FRONT]]
    taps = words(own, DelayTable.TAPS, speakers, TAP_WORDS)
    for s in range(speakers):
        delay(out[s], count, rings[s], engine[Shared.POSITION], taps[s], wanted[s], own[DelayTable.FADE])


@njit(**NATIVE)
def delay(samples: Floats, length: int, ring: Floats, position: int, tap: Words, wanted: int, fade: int) -> None:
    """Delays samples[:length] in place.

    Args:
        samples: one feed.
        length: frames.
        ring: a power of two, more than the longest delay and `length` together.
        position: position of the first frame on the timeline.
        tap: shape (TAP_WORDS,).
        wanted: newest delay, frames.
        fade: length of the cross-fade, frames.
    """
    mask = ring.shape[0] - 1
    into_ring(ring, position, samples, length)
    at = 0
    while at < length:
        if tap[Tap.FADED] >= fade and tap[Tap.NEW] != wanted:
            tap[Tap.OLD] = tap[Tap.NEW]
            tap[Tap.NEW] = wanted
            tap[Tap.FADED] = 0
        faded = tap[Tap.FADED]
        new = position - tap[Tap.NEW]
        if faded >= fade:
            from_ring(ring, new + at, samples[at:], length - at)
            return
        old = position - tap[Tap.OLD]
        count = min(length - at, fade - faded)
        for i in range(count):
            share = np.float32(faded + i + 1) / np.float32(fade)
            before = ring[(old + at + i) & mask]
            samples[at + i] = before + (ring[(new + at + i) & mask] - before) * share
        tap[Tap.FADED] = faded + count
        at += count


@njit(**INNER)
def into_ring(ring: Floats, position: int, samples: Floats, length: int) -> None:
    """Writes samples[:length] to a ring, a power of two, from a position of the timeline on."""
    at = position & (ring.shape[0] - 1)
    head = min(length, ring.shape[0] - at)
    copy(samples, ring[at:], head)
    copy(samples[head:], ring, length - head)


@njit(**INNER)
def from_ring(ring: Floats, position: int, samples: Floats, length: int) -> None:
    """Reads samples[:length] from a ring, a power of two, from a position of the timeline on."""
    at = position & (ring.shape[0] - 1)
    head = min(length, ring.shape[0] - at)
    copy(ring[at:], samples, head)
    copy(ring, samples[head:], length - head)


@njit(**NATIVE)
def hold(samples: Floats, length: int, line: Floats, late: int) -> None:
    """Delays samples[:length] in place by a fixed number of frames.

    Args:
        samples: one feed.
        length: frames.
        line: the last `late` frames, then room for `length`.
        late: frames.
    """
    copy(samples, line[late:], length)
    copy(line, samples, length)
    copy(line[length:], line, late)
