"""The one signal path, compiled: a block of inputs becomes a block of loudspeaker feeds.

JACK's callback, the clock and the file renderer call the same `process`. It takes addresses only, allocates nothing,
takes no lock and cannot raise. A result depends on positions in time, never on how time was cut into blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.inputs import take_direct, take_mixture, take_stems
from stemfield.renderer.engine.loudspeakers import feed_loudspeakers, join_buses
from stemfield.renderer.engine.mixing import mix
from stemfield.renderer.engine.monitor import feed_ears, tap_monitor
from stemfield.renderer.engine.outputs import give, limit, rise
from stemfield.renderer.engine.targets import take_targets
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, NATIVE, as_pointer, store_release, swap_float_mode

MONOTONIC = 1

clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@njit(**NATIVE)
def process(table_address: int, inputs_address: int, outputs_address: int, frames: int) -> None:
    """Renders one block.

    Args:
        table_address: of `Memory.table`.
        inputs_address: of int64 addresses of float32[frames] buffers: the mixture's channels, then the direct inputs.
        outputs_address: of int64 addresses of float32[frames] buffers, one a loudspeaker, in layout order, and two
            more for the ears if there is a binaural monitor.
        frames: block length, 1 and more.
    """
    table = carray(as_pointer(table_address), (m.TABLE_WORDS,), np.int64)
    inputs = carray(as_pointer(inputs_address), (table[m.INPUTS] + table[m.DIRECT],), np.int64)
    outputs = carray(as_pointer(outputs_address), (table[c.OUTPUTS],), np.int64)
    mode = swap_float_mode(-1)
    began = now_ns(table)
    starts = carray(as_pointer(table[m.CALL_STARTS]), (m.STARTS, 2), np.int64)[table[m.CALLS] & (m.STARTS - 1)]
    starts[0], starts[1] = table[m.POSITION], began
    at: Any = np.int64(0)  # not a plain 0, for whose literal type all that it is given to would be compiled once more
    while at < frames:
        count = min(m.CHUNK_FRAMES, frames - at, take_targets(table))
        take_mixture(table, inputs, at, count)
        take_stems(table, count)
        take_direct(table, inputs, at, count)
        mix(table, count)
        join_buses(table, count)
        tap_monitor(table, count)
        feed_loudspeakers(table, count)
        feed_ears(table, count)
        limit(table, count)
        rise(table, count)
        give(table, outputs, at, count)
        table[m.POSITION] += count
        at += count
    times = carray(as_pointer(table[m.CALL_TIMES]), (m.TIMES,), np.int64)
    times[table[m.CALLS] & (m.TIMES - 1)] = now_ns(table) - began
    store_release(table_address + 8 * m.CALLS, table[m.CALLS] + 1)
    swap_float_mode(mode)


@njit(**INNER)
def now_ns(table: Words) -> int:
    """The monotonic clock."""
    clock_gettime(MONOTONIC, as_pointer(table[m.CLOCK]))
    clock = carray(as_pointer(table[m.CLOCK]), (2,), np.int64)
    return clock[0] * 1_000_000_000 + clock[1]


def compile_ahead() -> int:
    """Compiles the processor, or loads it from the cache: not in the first block.

    Returns:
        The address of `process` as a C function, for other compiled code that need not be one with it.
    """
    return address_of(process)


def address_of(function: Any) -> int:
    """The address as a C function of one that takes what `process` takes; compiled, or loaded from the cache."""
    kinds = (types.int64,) * 4
    function.compile(kinds)
    compiled = function.overloads[kinds]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name))
