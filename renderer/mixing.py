"""The sources, equalised and metered, on the loudspeakers: directly, and through the diffuse bus."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer import chain_memory as c
from stemfield.renderer import memory as m
from stemfield.renderer.dsp.crossover import scale_bass
from stemfield.renderer.dsp.equaliser import COUNTS, EQUALISER_WORDS, MAX_SECTIONS, VERSION, equalise
from stemfield.renderer.dsp.kinds import Floats, Words
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.native import NATIVE
from stemfield.renderer.views import doubles, doubles2, doubles3, doubles4, floats, floats2, words, words2

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@njit(**NATIVE)
def mix(table: Words, count: int) -> None:
    """Mixes the sources into the loudspeakers; gains that are and stay zero cost nothing.

    Columns of the gains: direct, diffuse, and at last that of the bass in dual-band panning.
    """
    sources, speakers = table[m.SOURCES], table[m.SPEAKERS]
    rows, columns = sources + m.OWN_ROWS, table[c.COLUMNS]
    bus = floats2(table, m.SOURCE_BUS, sources, m.CHUNK_FRAMES)
    out = floats2(table, m.SPEAKER_BUS, speakers, m.CHUNK_FRAMES)
    diffuse = floats2(table, c.DIFFUSE_BUS, speakers, m.CHUNK_FRAMES)
    start = floats2(table, m.START_GAINS, rows, columns)
    goal = floats2(table, m.GOAL_GAINS, rows, columns)
    done = words(table, m.RAMP_DONE, rows)
    total = words(table, m.RAMP_TOTAL, rows)
    meters = 2 + sources + table[c.OUTPUTS]
    peaks = floats(table, m.METER_SUM, meters)
    powers = doubles(table, m.METER_POWERS, meters)
    for s in range(speakers):
        for i in range(count):
            out[s, i] = ZERO
    if table[c.ALIGN] > 0:
        for s in range(speakers):
            for i in range(count):
                diffuse[s, i] = ZERO
    spread = False
    for row in range(sources):
        source = bus[row]
        _equalise(table, row, source, count)
        loudest = measure(source, count, peaks, powers, 2 + row)
        ramping = min(count, max(total[row] - done[row], 0))
        if loudest > ZERO and table[c.ALIGN] > 0:
            spread |= _mix(source, diffuse, start[row], goal[row], speakers, done[row], total[row], ramping, count)
        if table[c.DUAL_BAND] != 0:
            _scale_bass(table, row, source, count)
        if loudest > ZERO or table[c.DUAL_BAND] != 0:
            _mix(source, out, start[row], goal[row], 0, done[row], total[row], ramping, count)
        done[row] += ramping
    table[c.QUIET_FRAMES] = 0 if spread else table[c.QUIET_FRAMES] + count


@njit(**NATIVE)
def _equalise(table: Words, row: int, source: Floats, count: int) -> None:
    """Costs nothing where no equaliser is and none is wanted."""
    sources, front = table[m.SOURCES], table[m.FRONT]
    state = words2(table, c.EQUALISERS, sources, EQUALISER_WORDS)[row]
    version = words2(table, c.TARGET_VERSIONS, 3, sources)[front, row]
    if state[COUNTS] == 0 and state[COUNTS + 1] == 0 and state[VERSION] == version:
        return
    equalise(
        source,
        count,
        state,
        doubles4(table, c.EQUALISER_SECTIONS, sources, 2, MAX_SECTIONS, 5)[row],
        doubles4(table, c.EQUALISER_STATES, sources, 2, MAX_SECTIONS, 2)[row],
        doubles4(table, c.TARGET_SECTIONS, 3, sources, MAX_SECTIONS, 5)[front, row],
        words2(table, c.TARGET_COUNTS, 3, sources)[front, row],
        version,
        table[c.EQUALISER_FADE],
        doubles2(table, c.WORK, 2, m.CHUNK_FRAMES),
    )


@njit(**NATIVE)
def _scale_bass(table: Words, row: int, source: Floats, count: int) -> None:
    rows, columns = table[m.SOURCES] + m.OWN_ROWS, table[c.COLUMNS]
    scale_bass(
        source,
        count,
        doubles2(table, c.DUAL_LOW, 2, 5),
        doubles2(table, c.DUAL_HIGH, 2, 5),
        doubles3(table, c.DUAL_STATES, table[m.SOURCES], 4, 2)[row],
        floats2(table, m.START_GAINS, rows, columns)[row, columns - 1],
        floats2(table, m.GOAL_GAINS, rows, columns)[row, columns - 1],
        words(table, m.RAMP_DONE, rows)[row],
        words(table, m.RAMP_TOTAL, rows)[row],
        doubles2(table, c.WORK, 2, m.CHUNK_FRAMES),
    )


@njit(**NATIVE)
def _mix(
    source: Floats,
    out: Floats,
    start: Floats,
    goal: Floats,
    column: int,
    done: int,
    total: int,
    ramping: int,
    count: int,
) -> bool:
    """Adds a source to all rows of `out` by the gains from `column` on; returns whether any of them is not zero."""
    any_gain = False
    for s in range(out.shape[0]):
        before, gain = start[column + s], goal[column + s]
        if ramping == 0 and gain != ZERO:
            any_gain = True
            for i in range(count):
                out[s, i] += source[i] * gain
        elif ramping > 0 and (before != ZERO or gain != ZERO):
            any_gain = True
            slope = (gain - before) / np.float32(total)
            for i in range(ramping):
                out[s, i] += source[i] * (before + slope * np.float32(done + i + 1))
            for i in range(ramping, count):
                out[s, i] += source[i] * gain
    return any_gain


@njit(**NATIVE)
def scale_rows(table: Words, feeds: Floats, row: int, count: int) -> None:
    """Multiplies feeds by the gains of a row of the loudspeakers' own, and moves on along its ramp.

    Args:
        table: of the engine.
        feeds: shape (loudspeakers, CHUNK_FRAMES).
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


@njit(**NATIVE)
def _scale(feed: Floats, start: np.float32, goal: np.float32, done: int, total: int, ramping: int, count: int) -> None:
    if ramping > 0:
        slope = (goal - start) / np.float32(total)
        for i in range(ramping):
            feed[i] *= start + slope * np.float32(done + i + 1)
    if goal != ONE:
        for i in range(ramping, count):
            feed[i] *= goal
