"""Takes over the newest plan of control, without waiting, and begins its ramps when they are due."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.shared import STEPS, TARGETS, Shared
from stemfield.renderer.engine.memory import Word
from stemfield.renderer.engine.plan import NEVER
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.triple_buffer import newest
from stemfield.renderer.native.views import floats, words


@njit(**INNER)
def take_targets(table: Words) -> int:
    """Takes the newest plan that control has published, if any, and begins the last of its targets that are due.

    Returns:
        Frames until the next targets are due, at least 1.
    """
    before, plan = table[Word.STEP], newest(table[Word.MIDDLE], table[Word.PLAN])
    if plan != table[Word.PLAN]:
        table[Word.PLAN] = plan
        before = -1
    begins = words(table, Word.TARGET_BEGINS, 3, STEPS)[table[Word.PLAN]]
    step = before
    while step + 1 < STEPS and begins[step + 1] <= table[Shared.POSITION]:
        step += 1
    if step != before:
        table[Word.STEP] = step
        table[Shared.FRONT] = table[Word.PLAN] * STEPS + step
        _begin_ramps(table, table[Shared.FRONT])
    return begins[step + 1] - table[Shared.POSITION] if step + 1 < STEPS else NEVER


@njit(**INNER)
def _begin_ramps(table: Words, front: int) -> None:
    """Begins the ramps of the rows whose targets changed, from wherever they are."""
    rows, columns = table[Shared.ROWS], table[Shared.COLUMNS]
    gains = floats(table, Word.TARGET_GAINS, TARGETS, rows, columns)
    ramps = words(table, Word.TARGET_RAMPS, TARGETS, rows)
    start = floats(table, Shared.START_GAINS, rows, columns)
    goal = floats(table, Shared.GOAL_GAINS, rows, columns)
    done = words(table, Shared.RAMP_DONE, rows)
    total = words(table, Shared.RAMP_TOTAL, rows)
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
