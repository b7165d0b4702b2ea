"""Rendering that waits for the separation: for a driver that is in no hurry, such as a JACK server in freewheel.

A program that exports asks for blocks as fast as it gets them, many times faster than a model separates. The next piece
is rendered as soon as its stems are there. After a timeout (the worker died, or hangs) a block waits no longer than its
own duration, until stems come again.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import carray, njit, types

from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.processor import address_of, now_ns, process
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, NATIVE, as_pointer, load_acquire

PIECE_FRAMES: Final = 64
"""Never more than the margin by which the worker may be late, or both would wait for each other."""
PATIENCE_NS: Final = 4_000_000_000
"""Timeout for stems of a worker that has kept up until now. jackd removes a client after 10 s, and systemd is told that
the daemon hangs when it renders nothing for 5 s."""
POLL_US: Final = 200
_METER_PERIOD_NS: Final = round(1e9 * m.METER_PERIOD_S)

usleep = types.ExternalFunction("usleep", types.int32(types.uint32))


@njit(**NATIVE)
def process_patiently(table_address: int, inputs_address: int, outputs_address: int, frames: int) -> None:
    """Renders one block as `processor.process` does, when its stems are there; moves the buffers' addresses on."""
    table = carray(as_pointer(table_address), (m.TABLE_WORDS,), np.int64)
    inputs = carray(as_pointer(inputs_address), (table[m.INPUTS] + table[m.DIRECT],), np.int64)
    outputs = carray(as_pointer(outputs_address), (table[c.OUTPUTS],), np.int64)
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
    """Waits until a piece can be rendered with all of its stems, where a worker has ever written any."""
    if load_acquire(table[m.OWNER]) == 0 or table[m.BYPASS] != 0:
        return
    needed = table[m.POSITION] - table[m.LATENCY] + count + table[m.FADE]
    began = now_ns(table)
    limit = PATIENCE_NS if table[m.KEPT_UP] != 0 else count * _METER_PERIOD_NS // table[m.METER_FRAMES]
    while load_acquire(table[m.STEMS_END]) < needed:
        if now_ns(table) - began > limit:
            table[m.KEPT_UP] = 0
            return
        usleep(POLL_US)
    table[m.KEPT_UP] = 1


def compile_patient() -> int:
    """Compiles `process_patiently`, or loads it from the cache; returns its address as a C function."""
    return address_of(process_patiently)
