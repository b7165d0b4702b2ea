"""Decorrelators: one per loudspeaker, so that diffuse sound comes from everywhere and not from the middle.

Each is a chain of four allpass filters with long, different delays: its response is exactly flat, so that nothing is
coloured, and its taps lie at different times for every loudspeaker. Delays and signs are drawn from a hash of the
loudspeaker's label: the same label always sounds the same, in every room.

The energy of an allpass is centred on as many frames as the filter has order. The delays of each chain add up to the
same order, `MEAN_DELAY_S`; the direct sound is delayed by just that, so that both are aligned.

M. R. Schroeder: Natural sounding artificial reverberation, JAES 10, 1962. Alignment of direct and diffuse sound:
ITU-R BS.2127, section 7.4.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from stemfield.renderer.dsp.delay import hold
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats, words
from stemfield.renderer.simd.arithmetic import fused, spread
from stemfield.renderer.simd.load_store import load, load_part, store, store_part
from stemfield.renderer.simd.vectors import FLOATS

STAGES: Final = 4
MEAN_DELAY_S: Final = 0.004
SALT: Final = "stemfield decorrelator 27"
"""Hashed with every label; chosen among sixty for the least correlation between the labels of BS.2051."""
LEAST_GAIN, MOST_GAIN = 0.5, 0.7
SPREAD: Final = 6.0
"""Maximum ratio of the longest stage to the shortest, about."""
RINGING: Final = 400
"""Decay to all zeros without input, in multiples of the order (float32, denormals flushed)."""


class DecorrelatorTable(IntEnum):
    """Words of the stage."""

    ALIGN = 0
    """Frames by which direct sound is delayed; 0 without decorrelators."""
    RING = auto()
    LINES = auto()
    DELAYS = auto()
    GAINS = auto()
    RINGS = auto()


class Decorrelator(NamedTuple):
    """The chain of one loudspeaker."""

    delays: Words
    """Frames, shape (STAGES,)."""
    gains: Floats
    """Shape (STAGES,)."""


def order_frames(sample_rate_hz: float) -> int:
    """Sum of the delays of every chain, and delay of the direct sound."""
    return round(MEAN_DELAY_S * sample_rate_hz)


def design(label: str, sample_rate_hz: float) -> Decorrelator:
    """The decorrelator of a loudspeaker."""
    digest = hashlib.sha256(f"{SALT} {label}".encode()).digest()
    drawn = np.frombuffer(digest, ">u2")[: 3 * STAGES].astype(np.float64) / 65536.0
    shares = SPREAD ** drawn[:STAGES]
    order = order_frames(sample_rate_hz)
    delays = np.maximum(np.floor(order * shares / shares.sum()), 1).astype(np.int64)
    delays[np.argmax(delays)] += order - delays.sum()
    signs = np.where(drawn[2 * STAGES :] < 0.5, -1.0, 1.0)
    gains = signs * (LEAST_GAIN + (MOST_GAIN - LEAST_GAIN) * drawn[STAGES : 2 * STAGES])
    return Decorrelator(delays, gains.astype(np.float32))


def ring_frames(sample_rate_hz: float, block: int) -> int:
    """A power of two that holds the longest delay of any chain and a block of frames."""
    return 1 << math.ceil(math.log2(order_frames(sample_rate_hz) + block + 1))


def state(decorrelators: Sequence[Decorrelator], speakers: int, sample_rate_hz: float) -> State:
    """The stage's state, with a decorrelator per loudspeaker, or none for no diffuse sound."""
    if not decorrelators:
        return State(DecorrelatorTable, {})
    align, ring = order_frames(sample_rate_hz), ring_frames(sample_rate_hz, CHUNK_FRAMES)
    return State(
        DecorrelatorTable,
        {
            DecorrelatorTable.ALIGN: align,
            DecorrelatorTable.RING: ring,
            DecorrelatorTable.LINES: np.zeros((speakers, align + CHUNK_FRAMES), np.float32),
            DecorrelatorTable.DELAYS: np.array([d.delays for d in decorrelators], np.int64),
            DecorrelatorTable.GAINS: np.array([d.gains for d in decorrelators], np.float32),
            DecorrelatorTable.RINGS: np.zeros((speakers, STAGES, ring), np.float32),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Adds the diffuse bus, decorrelated, to the direct feeds, which are delayed to be aligned with it."""
    late = own[DecorrelatorTable.ALIGN]
    if late == 0:
        return
    speakers = engine[Shared.SPEAKERS]
    out = floats(engine, Shared.SPEAKER_BUS, speakers, ROW_FRAMES)
    lines = floats(own, DecorrelatorTable.LINES, speakers, late + CHUNK_FRAMES)
    for s in range(speakers):
        hold(out[s], count, lines[s], late)
    # Once the rings hold nothing but zeros, a silent bus stays silent.
    if engine[Shared.QUIET_FRAMES] >= RINGING * late + CHUNK_FRAMES:
        return
    diffuse = floats(engine, Shared.DIFFUSE_BUS, speakers, ROW_FRAMES)
    delays = words(own, DecorrelatorTable.DELAYS, speakers, STAGES)
    gains = floats(own, DecorrelatorTable.GAINS, speakers, STAGES)
    for s in range(speakers):
        rings = floats(own, DecorrelatorTable.RINGS, speakers, STAGES, own[DecorrelatorTable.RING])[s]
        decorrelate(diffuse[s], count, rings, engine[Shared.POSITION], delays[s], gains[s])
        for i in range(0, count, FLOATS):
            store(out[s], i, load(out[s], i) + load(diffuse[s], i))


@njit(**NATIVE)
def decorrelate(samples: Floats, length: int, rings: Floats, position: int, delays: Words, gains: Floats) -> None:
    """Filters samples[:length] in place.

    Args:
        samples: the diffuse sound of one loudspeaker.
        length: frames.
        rings: shape (STAGES, a power of two).
        position: position of the first frame on the timeline.
        delays: shape (STAGES,).
        gains: shape (STAGES,).
    """
    size = rings.shape[1]
    for stage in range(STAGES):
        ring, late = rings[stage], delays[stage]
        at = 0
        while at < length:  # in pieces that neither wrap nor reach what they write
            new = (position + at) & (size - 1)
            old = (position + at - late) & (size - 1)
            count = min(min(length - at, late), min(size - new, size - old))
            _allpass(samples[at:], ring[old:], ring[new:], gains[stage], count)
            at += count


@njit(**INNER)
def _allpass(samples: Floats, old: Floats, new: Floats, gain: np.float32, count: int) -> None:
    g = spread(gain)
    for i in range(0, count, FLOATS):
        left = count - i
        came = load_part(old, i, left)
        held = fused(g, came, load_part(samples, i, left))
        store_part(samples, i, fused(-g, held, came), left)
        store_part(new, i, held, left)
