"""The compiled block processor: from a block of inputs to a block of loudspeaker feeds.

JACK's callback, the clock and the file renderer call the same `process`. It takes only addresses, allocates nothing,
takes no lock and cannot raise. Results depend on positions in time, never on the division into blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types

from stemfield.renderer.dsp.shared import CHUNK_FRAMES, Shared
from stemfield.renderer.engine.inputs import take_direct, take_mixture, take_stems
from stemfield.renderer.engine.memory import STARTS, TABLE_WORDS, TIMES, Word
from stemfield.renderer.engine.outputs import write_outputs
from stemfield.renderer.engine.stages import run_stages
from stemfield.renderer.engine.targets import take_targets
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, NATIVE, as_pointer, store_release, swap_float_mode

MONOTONIC = 1

clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@njit(**NATIVE)
def process(table_address: int, inputs_address: int, outputs_address: int, frames: int) -> None:
    """Renders one block.

    Args:
        table_address: address of `Memory.table`.
        inputs_address: address of int64 addresses of float32[frames] buffers: the mixture's channels, then the direct
            inputs.
        outputs_address: address of int64 addresses of float32[frames] buffers: the loudspeakers, in layout order, then
            two for the ears if there is a binaural monitor.
        frames: block length, at least 1.
    """
    table = carray(as_pointer(table_address), (TABLE_WORDS,), np.int64)
    inputs = carray(as_pointer(inputs_address), (table[Word.INPUTS] + table[Word.DIRECT],), np.int64)
    outputs = carray(as_pointer(outputs_address), (table[Shared.OUTPUTS],), np.int64)
    mode = swap_float_mode(-1)
    began = now_ns(table)
    starts = carray(as_pointer(table[Word.CALL_STARTS]), (STARTS, 2), np.int64)[table[Word.CALLS] & (STARTS - 1)]
    starts[0], starts[1] = table[Shared.POSITION], began
    at: Any = np.int64(0)  # a plain 0 has a literal type, for which Numba would compile everything once more
    while at < frames:
        count = min(CHUNK_FRAMES, frames - at, take_targets(table))
        take_mixture(table, inputs, at, count)
        take_stems(table, count)
        take_direct(table, inputs, at, count)
        run_stages(table, count)
        write_outputs(table, outputs, at, count)
        table[Shared.POSITION] += count
        at += count
    times = carray(as_pointer(table[Word.CALL_TIMES]), (TIMES,), np.int64)
    times[table[Word.CALLS] & (TIMES - 1)] = now_ns(table) - began
    store_release(table_address + 8 * Word.CALLS, table[Word.CALLS] + 1)
    swap_float_mode(mode)


@njit(**INNER)
def now_ns(table: Words) -> int:
    """The monotonic clock."""
    clock_gettime(MONOTONIC, as_pointer(table[Word.CLOCK]))
    clock = carray(as_pointer(table[Word.CLOCK]), (2,), np.int64)
    return clock[0] * 1_000_000_000 + clock[1]


def compile_ahead() -> int:
    """Compiles the processor, or loads it from the cache, ahead of the first block.

    Returns:
        The address of `process` as a C function.
    """
    return address_of(process)


def address_of(function: Any) -> int:
    """Compiles a function with the arguments of `process`, or loads it; returns its address as a C function."""
    kinds = (types.int64,) * 4
    function.compile(kinds)
    compiled = function.overloads[kinds]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name))
