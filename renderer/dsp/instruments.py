"""Makes up the loudness that separated instruments lose when they play from different places.

What instruments have in common adds up by amplitude at one place and by power from several (`dsp.leakage`,
`scene.loudness`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.leakage import KINDS
from stemfield.renderer.dsp.ramps import ramp
from stemfield.renderer.dsp.shared import ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.views import floats, words
from stemfield.renderer.simd.arithmetic import counting, fused, root, spread
from stemfield.renderer.simd.load_store import load, store
from stemfield.renderer.simd.vectors import FLOATS

ONE = np.float32(1.0)


@njit(**INNER)
def run(engine: Words, _own: Words, count: int) -> None:
    """Raises each source by its shares in the last columns of the gains; the mixer advances their ramps."""
    sources, rows, columns = engine[Shared.SOURCES], engine[Shared.ROWS], engine[Shared.COLUMNS]
    bus, leakage = (
        floats(engine, Shared.SOURCE_BUS, sources, ROW_FRAMES),
        floats(engine, Shared.LEAKAGE, KINDS, ROW_FRAMES),
    )
    start = floats(engine, Shared.START_GAINS, rows, columns)
    goal = floats(engine, Shared.GOAL_GAINS, rows, columns)
    done, total = words(engine, Shared.RAMP_DONE, rows), words(engine, Shared.RAMP_TOTAL, rows)
    first = columns - KINDS
    for row in range(sources):
        _raise(leakage, bus[row], start[row, first:], goal[row, first:], done[row], total[row], count)


@njit(**INNER)
def _raise(leakage: Floats, source: Floats, start: Floats, goal: Floats, done: int, total: int, count: int) -> None:
    """Raises a source whose shares that are heard together ramp from `start` to `goal`."""
    ramping = min(count, max(total - done, 0))
    if goal[0] == ONE and goal[1] == ONE and (ramping == 0 or (start[0] == ONE and start[1] == ONE)):
        return
    for i in range(0, count, FLOATS):
        steps = counting() + spread(np.float32(done + i + 1))
        alike, opposite = load(leakage[0], i), load(leakage[1], i)
        kept = fused(alike, ramp(start[0], goal[0], total, steps, ramping - i), spread(ONE))
        kept = fused(opposite, ramp(start[1], goal[1], total, steps, ramping - i), kept)
        store(source, i, load(source, i) * root((spread(ONE) + alike + opposite) / kept))
