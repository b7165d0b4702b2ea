"""Rendering that waits for the separation: for a driver that is not real-time, such as a JACK server in freewheel.

A program that exports requests blocks many times faster than a model separates. Each piece is rendered as soon as its
stems are there. After a timeout (the worker died or hangs) a block waits no longer than its own duration, until stems
arrive again.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import carray, njit, types

from stemfield.renderer.dsp.shared import Shared
from stemfield.renderer.engine.memory import METER_PERIOD_S, TABLE_WORDS, Word
from stemfield.renderer.engine.processor import now_ns, process
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, NATIVE, as_pointer, load_acquire

PIECE_FRAMES: Final = 64
"""At most the margin by which the worker may be late, or both would wait for each other."""
PATIENCE_NS: Final = 4_000_000_000
"""Timeout for stems of a worker that has kept up until now: less than the 10 s after which jackd removes a client, and
less than the 5 s without a block after which the watchdog takes the daemon for hanging."""
POLL_US: Final = 200
_METER_PERIOD_NS: Final = round(1e9 * METER_PERIOD_S)

usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(**NATIVE)
def process_patiently(table_address: int, inputs_address: int, outputs_address: int, frames: int) -> None:
    """Renders one block as `processor.process` does, when its stems are there; advances the buffers' addresses."""
    table = carray(as_pointer(table_address), (TABLE_WORDS,), np.int64)
    inputs = carray(as_pointer(inputs_address), (table[Word.INPUTS] + table[Word.DIRECT],), np.int64)
    outputs = carray(as_pointer(outputs_address), (table[Shared.OUTPUTS],), np.int64)
    at: Any = np.int64(0)
    while at < frames:
        count = min(PIECE_FRAMES, frames - at)
        _await_stems(table, count)
        process(table_address, inputs_address, outputs_address, count)
        for i in range(len(inputs)):
            inputs[i] += 4 * count
        for i in range(len(outputs)):
            outputs[i] += 4 * count
        at += count


@njit(**INNER)
def _await_stems(table: Words, count: int) -> None:
    """Waits until a piece can be rendered with all of its stems, if a worker has ever written any."""
    if load_acquire(table[Word.OWNER]) == 0 or table[Word.BYPASS] != 0:
        return
    needed = table[Shared.POSITION] - table[Word.LATENCY] + count + table[Word.FADE]
    began = now_ns(table)
    limit = PATIENCE_NS if table[Word.KEPT_UP] != 0 else count * _METER_PERIOD_NS // table[Word.METER_FRAMES]
    while load_acquire(table[Word.STEMS_END]) < needed:
        if now_ns(table) - began > limit:
            table[Word.KEPT_UP] = 0
            return
        usleep(POLL_US)
    table[Word.KEPT_UP] = 1
