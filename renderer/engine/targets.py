"""What control wants, taken over without waiting: two triple buffers, one for the scene and one for the head."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.plan import NEVER, STEPS, TARGETS
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, exchange, load_acquire
from stemfield.renderer.native.views import floats2, floats3, words, words2

DIRTY = 4
"""Bit of a triple buffer's middle word: the slot it names is newer than the processor's."""


@njit(**INNER)
def take_targets(table: Words) -> int:
    """Takes the newest plan that control has published, if any, and begins what is due of it.

    Of several targets that are due the last one counts.

    Returns:
        How many frames there are until the next ones are due, at least 1.
    """
    if load_acquire(table[c.MONITOR_MIDDLE]) & DIRTY != 0:
        table[c.MONITOR_FRONT] = exchange(table[c.MONITOR_MIDDLE], table[c.MONITOR_FRONT]) & 3
    before = table[m.STEP]
    if load_acquire(table[m.MIDDLE]) & DIRTY != 0:
        table[m.PLAN] = exchange(table[m.MIDDLE], table[m.PLAN]) & 3
        before = -1
    begins = words2(table, m.TARGET_BEGINS, 3, STEPS)[table[m.PLAN]]
    step = before
    while step + 1 < STEPS and begins[step + 1] <= table[m.POSITION]:
        step += 1
    if step != before:
        table[m.STEP] = step
        table[m.FRONT] = table[m.PLAN] * STEPS + step
        _begin_ramps(table, table[m.FRONT])
    return begins[step + 1] - table[m.POSITION] if step + 1 < STEPS else NEVER


@njit(**INNER)
def _begin_ramps(table: Words, front: int) -> None:
    """Begins the ramps of the rows that are other ones than before, from wherever they are."""
    rows = table[m.SOURCES] + m.OWN_ROWS
    columns = table[c.COLUMNS]
    gains = floats3(table, m.TARGET_GAINS, TARGETS, rows, columns)
    ramps = words2(table, m.TARGET_RAMPS, TARGETS, rows)
    start = floats2(table, m.START_GAINS, rows, columns)
    goal = floats2(table, m.GOAL_GAINS, rows, columns)
    done = words(table, m.RAMP_DONE, rows)
    total = words(table, m.RAMP_TOTAL, rows)
    for row in range(rows):
        changed = False
        for k in range(columns):
            changed |= gains[front, row, k] != goal[row, k]
        if not changed:
            continue
        for k in range(columns):
            slope = (goal[row, k] - start[row, k]) / np.float32(total[row])
            ramping = done[row] < total[row]
            start[row, k] = start[row, k] + slope * np.float32(done[row]) if ramping else goal[row, k]
            goal[row, k] = gains[front, row, k]
        done[row] = 0
        total[row] = max(ramps[front, row], 1)
