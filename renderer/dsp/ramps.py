"""Gain ramps, and the stage of the loudspeakers' own gains: trim, mute and master."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from stemfield.renderer.dsp.shared import ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.views import floats, words
from stemfield.renderer.simd.arithmetic import counting, fused, pick, spread
from stemfield.renderer.simd.load_store import load, store
from stemfield.renderer.simd.vectors import FLOATS

ONE = np.float32(1.0)


@njit(**INNER)
def run(engine: Words, _own: Words, count: int) -> None:
    """Multiplies the feeds by the loudspeakers' own gains."""
    out = floats(engine, Shared.SPEAKER_BUS, engine[Shared.SPEAKERS], ROW_FRAMES)
    scale_rows(engine, out, engine[Shared.SOURCES], count)


@njit(**INNER)
def scale_rows(engine: Words, feeds: Floats, row: int, count: int) -> None:
    """Multiplies feeds, shape (loudspeakers, ROW_FRAMES), by a row of the gains, and advances its ramp."""
    speakers, rows, columns = engine[Shared.SPEAKERS], engine[Shared.ROWS], engine[Shared.COLUMNS]
    start = floats(engine, Shared.START_GAINS, rows, columns)[row]
    goal = floats(engine, Shared.GOAL_GAINS, rows, columns)[row]
    done = words(engine, Shared.RAMP_DONE, rows)
    total = words(engine, Shared.RAMP_TOTAL, rows)
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
        store(feed, i, load(feed, i) * ramp(start, goal, total, steps, ramping - i))


@njit(**INNER)
def ramp(start: np.float32, goal: np.float32, total: int, steps: Any, ramping: int) -> Any:
    """A vector of the gains after `steps` frames of a ramp; the goal from the end of the ramp on."""
    slope = spread((goal - start) / np.float32(total))
    return pick(ramping, fused(slope, steps, spread(start)), spread(goal))
