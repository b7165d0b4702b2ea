"""What control wants, taken over without waiting: two triple buffers, one for the scene and one for the head."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer import chain_memory as c
from stemfield.renderer import memory as m
from stemfield.renderer.dsp.kinds import Words
from stemfield.renderer.native import NATIVE, exchange, load_acquire
from stemfield.renderer.views import floats2, floats3, words, words2

DIRTY = 4
"""Bit of a triple buffer's middle word: the slot it names is newer than the processor's."""


@njit(**NATIVE)
def take_targets(table: Words) -> None:
    """Takes the newest that control has published, if any, and starts the ramps of the rows that changed."""
    if load_acquire(table[c.MONITOR_MIDDLE]) & DIRTY != 0:
        table[c.MONITOR_FRONT] = exchange(table[c.MONITOR_MIDDLE], table[c.MONITOR_FRONT]) & 3
    if load_acquire(table[m.MIDDLE]) & DIRTY == 0:
        return
    front = exchange(table[m.MIDDLE], table[m.FRONT]) & 3
    table[m.FRONT] = front
    rows = table[m.SOURCES] + m.OWN_ROWS
    columns = table[c.COLUMNS]
    gains = floats3(table, m.TARGET_GAINS, 3, rows, columns)
    ramps = words2(table, m.TARGET_RAMPS, 3, rows)
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
