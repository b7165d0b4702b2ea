"""The callbacks for libjack's threads: compiled and registered by address, without the interpreter.

They work with jackd2 and with PipeWire's libjack. Importing this needs a libjack on the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import llvmlite.binding
import numpy as np
from numba import carray, cfunc, types
from numpy.typing import NDArray

from stemfield.renderer.drivers.libjack import LIBJACK
from stemfield.renderer.engine.freewheel import process_patiently
from stemfield.renderer.engine.processor import address_of, compile_ahead
from stemfield.renderer.native.operations import NATIVE, as_address, as_pointer, call_at

llvmlite.binding.load_library_permanently(LIBJACK)

PROCESS, TABLE, INPUTS, OUTPUTS, INPUT_PORTS, OUTPUT_PORTS, INPUT_BUFFERS, OUTPUT_BUFFERS = range(8)
PATIENT, FREEWHEEL, BETWEEN_FRAMES, LATE_FRAMES, SCRATCH, ASKED, CHANGES, WORDS = range(8, 16)
CAPTURE: Final = 0
"""Latency mode from inputs to outputs."""
PLAYBACK: Final = 1
"""Latency mode from outputs to inputs."""

jack_port_get_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_range = types.void(types.voidptr, types.int32, types.voidptr)
jack_port_get_latency_range = types.ExternalFunction("jack_port_get_latency_range", _range)
jack_port_set_latency_range = types.ExternalFunction("jack_port_set_latency_range", _range)
_OPTIONS = {key: value for key, value in NATIVE.items() if key not in ("nogil",)}


def _callback(frames: Any, argument: Any) -> Any:
    block = carray(argument, (WORDS,), np.int64)
    for ports_word, buffers_word, count in (
        (INPUT_PORTS, INPUT_BUFFERS, block[INPUTS]),
        (OUTPUT_PORTS, OUTPUT_BUFFERS, block[OUTPUTS]),
    ):
        ports = carray(as_pointer(block[ports_word]), (count,), np.int64)
        buffers = carray(as_pointer(block[buffers_word]), (count,), np.int64)
        for i in range(count):
            buffers[i] = as_address(jack_port_get_buffer(as_pointer(ports[i]), frames))
            if buffers[i] == 0:  # a port that is going away
                return np.int32(0)
    render = block[PROCESS] if block[FREEWHEEL] == 0 else block[PATIENT]
    call_at(render, block[TABLE], block[INPUT_BUFFERS], block[OUTPUT_BUFFERS], np.int64(frames))
    return np.int32(0)


def _freewheel(starting: Any, argument: Any) -> None:
    carray(argument, (WORDS,), np.int64)[FREEWHEEL] = starting != 0


def _latency(mode: Any, argument: Any) -> None:
    """Propagates the worst latency of one side's ports to the other side's, plus the engine's."""
    block = carray(argument, (WORDS,), np.int64)
    block[CHANGES] += 1
    inputs, outputs = block[INPUTS], block[OUTPUTS]
    into = carray(as_pointer(block[INPUT_PORTS]), (inputs,), np.int64)
    out = carray(as_pointer(block[OUTPUT_PORTS]), (outputs,), np.int64)
    between = carray(as_pointer(block[BETWEEN_FRAMES]), (inputs,), np.int64)
    late = carray(as_pointer(block[LATE_FRAMES]), (outputs,), np.int64)
    told = carray(as_pointer(block[SCRATCH]), (2,), np.uint32)
    least, most = np.int64(0xFFFFFFFF), np.int64(-1)
    if mode == CAPTURE:
        longest = np.int64(0)
        for i in range(inputs):
            longest = max(longest, between[i])
        # the latest inputs count, whatever the latencies before the others
        for i in range(inputs):
            if between[i] == longest:
                jack_port_get_latency_range(as_pointer(into[i]), mode, as_pointer(block[SCRATCH]))
                least, most = min(least, np.int64(told[0])), max(most, np.int64(told[1]))
        for i in range(outputs if most >= 0 else 0):
            told[0], told[1] = least + longest + late[i], most + longest + late[i]
            jack_port_set_latency_range(as_pointer(out[i]), mode, as_pointer(block[SCRATCH]))
    else:
        for i in range(outputs):
            jack_port_get_latency_range(as_pointer(out[i]), mode, as_pointer(block[SCRATCH]))
            least, most = min(least, told[0] + late[i]), max(most, told[1] + late[i])
        for i in range(inputs if most >= 0 else 0):
            told[0], told[1] = least + between[i], most + between[i]
            jack_port_set_latency_range(as_pointer(into[i]), mode, as_pointer(block[SCRATCH]))


def _latency_asked(_: Any, argument: Any) -> None:
    block = carray(argument, (WORDS,), np.int64)
    block[ASKED] += 1
    block[CHANGES] += 1


def _port_registered(_port: Any, _registered: Any, argument: Any) -> None:
    carray(argument, (WORDS,), np.int64)[CHANGES] += 1


def _ports_connected(_a: Any, _b: Any, _connected: Any, argument: Any) -> None:
    carray(argument, (WORDS,), np.int64)[CHANGES] += 1


def _port_renamed(_port: Any, _before: Any, _after: Any, argument: Any) -> None:
    carray(argument, (WORDS,), np.int64)[CHANGES] += 1


class Callbacks(NamedTuple):
    """The compiled callbacks; libjack gets the `address` of each."""

    process: Any
    """`int (uint32 frames, void *block)`."""
    latency: Any
    """`void (int mode, void *block)` that reports latencies."""
    latency_asked: Any
    """`void (int mode, void *block)` that only counts requests for latencies."""
    freewheel: Any
    """`void (int starting, void *block)` that notes freewheel for `process`."""
    registered: Any
    """`void (uint32 port, int registered, void *block)` that counts changes of ports."""
    connected: Any
    """`void (uint32 a, uint32 b, int connected, void *block)` that counts changes of connections."""
    renamed: Any
    """`void (uint32 port, char *before, char *after, void *block)` that counts changes of names."""


@cache
def compile_callbacks() -> Callbacks:
    """Compiles the callbacks, or loads them from the cache."""
    process = cfunc(types.int32(types.uint32, types.voidptr), **_OPTIONS)(_callback)
    notice = cfunc(types.void(types.int32, types.voidptr), **_OPTIONS)
    registered = cfunc(types.void(types.uint32, types.int32, types.voidptr), **_OPTIONS)(_port_registered)
    connected = cfunc(types.void(types.uint32, types.uint32, types.int32, types.voidptr), **_OPTIONS)(_ports_connected)
    renamed = cfunc(types.void(types.uint32, *[types.voidptr] * 3), **_OPTIONS)(_port_renamed)
    latency, asked, freewheel = map(notice, (_latency, _latency_asked, _freewheel))
    return Callbacks(process, latency, asked, freewheel, registered, connected, renamed)


class CallbackBlock:
    """The memory that the callbacks' `void*` points to: processor, engine table, ports, and their latencies.

    Args:
        table_address: address of `Memory.table`.
        inputs: `jack_port_t*` of the input ports, in the processor's order.
        outputs: `jack_port_t*` of the output ports.
        between_frames: delay of the outputs behind each input.
        late_frames: further delay of each output.
    """

    def __init__(
        self,
        table_address: int,
        inputs: Sequence[int],
        outputs: Sequence[int],
        between_frames: Sequence[int],
        late_frames: Sequence[int],
    ) -> None:
        self._arrays: list[NDArray[np.int64]] = []
        self._words = np.zeros(WORDS, np.int64)
        self._words[[PROCESS, PATIENT, TABLE]] = compile_ahead(), address_of(process_patiently), table_address
        self._words[[INPUTS, OUTPUTS]] = len(inputs), len(outputs)
        for word, values in (
            (INPUT_PORTS, inputs),
            (OUTPUT_PORTS, outputs),
            (INPUT_BUFFERS, [0] * len(inputs)),
            (OUTPUT_BUFFERS, [0] * len(outputs)),
            (BETWEEN_FRAMES, between_frames),
            (LATE_FRAMES, late_frames),
            (SCRATCH, [0]),
        ):
            array = np.array(values or [0], np.int64)
            self._arrays.append(array)
            self._words[word] = array.ctypes.data

    @property
    def address(self) -> int:
        """The callbacks' argument."""
        return int(self._words.ctypes.data)

    @property
    def latencies_asked(self) -> int:
        """Number of counted requests for latencies."""
        return int(self._words[ASKED])

    @property
    def changes(self) -> int:
        """Number of counted changes of ports, connections and latencies, of any client."""
        return int(self._words[CHANGES])

    @property
    def freewheeling(self) -> bool:
        """Whether the server is in freewheel and may be kept waiting."""
        return bool(self._words[FREEWHEEL])
