"""The sources, equalised and metered, on the loudspeakers: directly, and through the diffuse bus."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stemfield.renderer.dsp.crossover import scale_bass
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.capture import keep_sources
from stemfield.renderer.engine.equalisers import equalise_sources
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.views import doubles, doubles2, doubles3, floats, floats2, words
from stemfield.renderer.simd import (
    FLOATS,
    counting,
    differing,
    fused,
    load,
    load_part,
    lowest_bit,
    pick,
    root,
    spread,
    store,
)

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@njit(**INNER)
def mix(table: Words, count: int) -> None:
    """Mixes the sources into the loudspeakers; gains that are and stay zero cost nothing.

    Columns of the gains: direct, diffuse, that of the bass in dual-band panning, and two of `_raise`.
    """
    sources, speakers = table[m.SOURCES], table[m.SPEAKERS]
    rows, columns = sources + m.OWN_ROWS, table[c.COLUMNS]
    bus = floats2(table, m.SOURCE_BUS, sources, m.ROW_FRAMES)
    out = floats2(table, m.SPEAKER_BUS, speakers, m.ROW_FRAMES)
    diffuse = floats2(table, c.DIFFUSE_BUS, speakers, m.ROW_FRAMES)
    start = floats2(table, m.START_GAINS, rows, columns)
    goal = floats2(table, m.GOAL_GAINS, rows, columns)
    done = words(table, m.RAMP_DONE, rows)
    total = words(table, m.RAMP_TOTAL, rows)
    meters = 2 + sources + table[c.OUTPUTS]
    peaks = floats(table, m.METER_SUM, meters)
    powers = doubles(table, m.METER_POWERS, meters)
    _silence(out, count)
    if table[c.ALIGN] > 0:
        _silence(diffuse, count)
    equalise_sources(table, count)
    for row in range(sources):
        _raise(table, bus[row], start[row, columns - 2 :], goal[row, columns - 2 :], done[row], total[row], count)
    keep_sources(table, count)
    diffused = False
    for row in range(sources):
        source = bus[row]
        loudest = measure(source, count, peaks, powers, 2 + row)
        ramping = min(count, max(total[row] - done[row], 0))
        if loudest > ZERO and table[c.ALIGN] > 0:
            diffused |= _mix(
                source, diffuse, start[row, speakers:], goal[row, speakers:], done[row], total[row], ramping, count
            )
        if table[c.DUAL_BAND] != 0:
            _scale_bass(table, row, source, count)
        if loudest > ZERO or table[c.DUAL_BAND] != 0:
            _mix(source, out, start[row], goal[row], done[row], total[row], ramping, count)
        done[row] += ramping
    table[c.QUIET_FRAMES] = 0 if diffused else table[c.QUIET_FRAMES] + count


@njit(**INNER)
def _silence(rows: Floats, count: int) -> None:
    nothing = spread(ZERO)
    for s in range(rows.shape[0]):
        row = rows[s]
        for i in range(0, count, FLOATS):
            store(row, i, nothing)


@njit(**INNER)
def _raise(table: Words, source: Floats, start: Floats, goal: Floats, done: int, total: int, count: int) -> None:
    """Raises an instrument by what is lost where it is not heard from one place with others (`loudness`).

    Args:
        table: of the engine.
        source: its samples.
        start: how much of what is alike, and of what is opposite, is heard together: at the start of the ramp.
        goal: and at its end.
        done: frames of the ramp that are over.
        total: frames of the ramp.
        count: frames.
    """
    ramping = min(count, max(total - done, 0))
    if goal[0] == ONE and goal[1] == ONE and (ramping == 0 or (start[0] == ONE and start[1] == ONE)):
        return
    leakage = floats2(table, m.LEAKAGE, 2, m.ROW_FRAMES)
    for i in range(0, count, FLOATS):
        steps = counting() + spread(np.float32(done + i + 1))
        alike, opposite = load(leakage[0], i), load(leakage[1], i)
        kept = fused(alike, _on_the_way(start[0], goal[0], total, steps, ramping - i), spread(ONE))
        kept = fused(opposite, _on_the_way(start[1], goal[1], total, steps, ramping - i), kept)
        store(source, i, load(source, i) * root((spread(ONE) + alike + opposite) / kept))


@njit(**INNER)
def _scale_bass(table: Words, row: int, source: Floats, count: int) -> None:
    rows, columns = table[m.SOURCES] + m.OWN_ROWS, table[c.COLUMNS]
    scale_bass(
        source,
        count,
        doubles2(table, c.DUAL_LOW, 2, 5),
        doubles2(table, c.DUAL_HIGH, 2, 5),
        doubles3(table, c.DUAL_STATES, table[m.SOURCES], 4, 2)[row],
        floats2(table, m.START_GAINS, rows, columns)[row, columns - c.OWN_COLUMNS],
        floats2(table, m.GOAL_GAINS, rows, columns)[row, columns - c.OWN_COLUMNS],
        words(table, m.RAMP_DONE, rows)[row],
        words(table, m.RAMP_TOTAL, rows)[row],
        doubles2(table, c.WORK, 2, m.CHUNK_FRAMES),
    )


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

    Works in whole registers: rows have room for it, and what lies behind `count` is not heard.
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
                gain = _on_the_way(start[s], goal[s], total, steps, ramping - i)
                store(out[s], i, fused(x, gain, load(out[s], i)))
    return heard


@njit(**INNER)
def _on_the_way(start: np.float32, goal: np.float32, total: int, steps: Any, ramping: int) -> Any:
    """The gains after so many steps of a ramp, in lanes; those behind the end of the ramp are the goal."""
    slope = spread((goal - start) / np.float32(total))
    return pick(ramping, fused(slope, steps, spread(start)), spread(goal))


@njit(**INNER)
def scale_rows(table: Words, feeds: Floats, row: int, count: int) -> None:
    """Multiplies feeds by the gains of a row of the loudspeakers' own, and moves on along its ramp.

    Args:
        table: of the engine.
        feeds: shape (loudspeakers, ROW_FRAMES).
        row: of the gains.
        count: frames.
    """
    speakers, columns = table[m.SPEAKERS], table[c.COLUMNS]
    rows = table[m.SOURCES] + m.OWN_ROWS
    start = floats2(table, m.START_GAINS, rows, columns)[row]
    goal = floats2(table, m.GOAL_GAINS, rows, columns)[row]
    done = words(table, m.RAMP_DONE, rows)
    total = words(table, m.RAMP_TOTAL, rows)
    ramping = min(count, max(total[row] - done[row], 0))
    for s in range(speakers):
        _scale(feeds[s], start[s], goal[s], done[row], total[row], ramping, count)
    done[row] += ramping


@njit(**INNER)
def _scale(feed: Floats, start: np.float32, goal: np.float32, done: int, total: int, ramping: int, count: int) -> None:
    if goal == ONE and (ramping == 0 or start == ONE):
        return
    for i in range(0, count, FLOATS):
        steps = counting() + spread(np.float32(done + i + 1))
        store(feed, i, load(feed, i) * _on_the_way(start, goal, total, steps, ramping - i))
