"""The mixer: sources to loudspeakers by the gain matrix, directly and through the diffuse bus, with gain ramps.

In dual-band panning the bass of each source has a gain of its own before it is mixed.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stemfield.renderer.dsp.crossover import Crossover, scale_bass
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.dsp.ramps import ramp
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, OWN_COLUMNS, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats, words
from stemfield.renderer.simd.arithmetic import counting, differing, fused, lowest_bit, spread
from stemfield.renderer.simd.load_store import load, load_part, store
from stemfield.renderer.simd.vectors import FLOATS

ZERO = np.float32(0.0)


class MixerTable(IntEnum):
    """Words of the stage."""

    DIFFUSE = 0
    """Whether there is a diffuse bus."""
    DUAL_BAND = auto()
    LOW = auto()
    HIGH = auto()
    STATES = auto()


def state(sources: int, dual_band: Crossover | None, *, diffuse: bool) -> State:
    """The stage's state, with the crossover of dual-band panning if the layout uses it."""
    values: dict[MixerTable, int | NDArray[Any]] = {MixerTable.DIFFUSE: int(diffuse)}
    if dual_band is not None:
        values |= {
            MixerTable.DUAL_BAND: 1,
            MixerTable.LOW: dual_band.low,
            MixerTable.HIGH: dual_band.high,
            MixerTable.STATES: np.zeros((sources, 4, 2)),
        }
    return State(MixerTable, values)


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Meters the sources and mixes them to the loudspeakers; gains that are and stay zero cost nothing."""
    sources, speakers = engine[Shared.SOURCES], engine[Shared.SPEAKERS]
    rows, columns = engine[Shared.ROWS], engine[Shared.COLUMNS]
    bus = floats(engine, Shared.SOURCE_BUS, sources, ROW_FRAMES)
    out = floats(engine, Shared.SPEAKER_BUS, speakers, ROW_FRAMES)
    diffuse = floats(engine, Shared.DIFFUSE_BUS, speakers, ROW_FRAMES)
    start = floats(engine, Shared.START_GAINS, rows, columns)
    goal = floats(engine, Shared.GOAL_GAINS, rows, columns)
    done = words(engine, Shared.RAMP_DONE, rows)
    total = words(engine, Shared.RAMP_TOTAL, rows)
    meters = 2 + sources + engine[Shared.OUTPUTS]
    peaks = floats(engine, Shared.PEAKS, meters)
    powers = doubles(engine, Shared.POWERS, meters)
    low, high = doubles(own, MixerTable.LOW, 2, 5), doubles(own, MixerTable.HIGH, 2, 5)
    states = doubles(own, MixerTable.STATES, sources, 4, 2)
    work = doubles(engine, Shared.WORK, 2, CHUNK_FRAMES)
    _silence(out, count)
    if own[MixerTable.DIFFUSE] != 0:
        _silence(diffuse, count)
    diffused = False
    for row in range(sources):
        source = bus[row]
        loudest = measure(source, count, peaks, powers, 2 + row)
        ramping = min(count, max(total[row] - done[row], 0))
        if loudest > ZERO and own[MixerTable.DIFFUSE] != 0:
            diffused |= _mix(
                source, diffuse, start[row, speakers:], goal[row, speakers:], done[row], total[row], ramping, count
            )
        if own[MixerTable.DUAL_BAND] != 0:
            from_gain, to_gain = start[row, columns - OWN_COLUMNS], goal[row, columns - OWN_COLUMNS]
            scale_bass(source, count, low, high, states[row], from_gain, to_gain, done[row], total[row], work)
        if loudest > ZERO or own[MixerTable.DUAL_BAND] != 0:
            _mix(source, out, start[row], goal[row], done[row], total[row], ramping, count)
        done[row] += ramping
    engine[Shared.QUIET_FRAMES] = 0 if diffused else engine[Shared.QUIET_FRAMES] + count


@njit(**INNER)
def _silence(rows: Floats, count: int) -> None:
    nothing = spread(ZERO)
    for s in range(rows.shape[0]):
        row = rows[s]
        for i in range(0, count, FLOATS):
            store(row, i, nothing)


@njit(**INNER)
def _mix(
    source: Floats,
    out: Floats,
    start: Floats,
    goal: Floats,
    done: int,
    total: int,
    ramping: int,
    count: int,
) -> bool:
    """Adds a source to all rows of `out` by its gains; returns whether any of them is not zero.

    Works in whole registers: rows have room for it, and what lies behind `count` is not used.
    """
    heard = False
    for first in range(0, out.shape[0], FLOATS):
        left = out.shape[0] - first
        gains = load_part(goal, first, left)
        moving = differing(load_part(start, first, left), gains) if ramping > 0 else 0
        steady = differing(gains, spread(ZERO)) & ~moving
        heard |= (moving | steady) != 0
        for i in range(0, count, FLOATS):
            x = load(source, i)
            bits = steady
            while bits != 0:
                s = first + lowest_bit(bits)
                bits &= bits - 1
                store(out[s], i, fused(x, spread(goal[s]), load(out[s], i)))
            steps, bits = counting() + spread(np.float32(done + i + 1)), moving
            while bits != 0:
                s = first + lowest_bit(bits)
                bits &= bits - 1
                gain = ramp(start[s], goal[s], total, steps, ramping - i)
                store(out[s], i, fused(x, gain, load(out[s], i)))
    return heard
