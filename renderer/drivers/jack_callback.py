"""The process callback that libjack's own thread calls: compiled, registered by address, no interpreter involved.

Works with jackd2 and with PipeWire's libjack. Importing it needs a libjack on the machine.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import llvmlite.binding
import numpy as np
from numba import carray, cfunc, types
from numpy.typing import NDArray

from stemfield.renderer.native import NATIVE, as_address, as_pointer, call_at
from stemfield.renderer.processor import compile_ahead

LIBJACK: Final = "libjack.so.0"
llvmlite.binding.load_library_permanently(LIBJACK)

PROCESS, TABLE, INPUTS, OUTPUTS, INPUT_PORTS, OUTPUT_PORTS, INPUT_BUFFERS, OUTPUT_BUFFERS, WORDS = range(9)

jack_port_get_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_CALLBACK_OPTIONS = {key: value for key, value in NATIVE.items() if key not in ("nogil",)}


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
    call_at(block[PROCESS], block[TABLE], block[INPUT_BUFFERS], block[OUTPUT_BUFFERS], np.int64(frames))
    return np.int32(0)


@cache
def compile_callback() -> Any:
    """The compiled callback, `int (uint32 frames, void *block)`; its `address` goes to `jack_set_process_callback`."""
    return cfunc(types.int32(types.uint32, types.voidptr), **_CALLBACK_OPTIONS)(_callback)


def _count(argument: Any) -> Any:
    carray(argument, (1,), np.int64)[0] += 1
    return np.int32(0)


@cache
def compile_counter() -> Any:
    """A compiled `int (int64 *count)` that adds one: PipeWire reports xruns from its audio thread."""
    return cfunc(types.int32(types.voidptr), **_CALLBACK_OPTIONS)(_count)


class CallbackBlock:
    """What the callback's `void*` points at: the block processor, the engine's table and the ports.

    Args:
        table_address: of `Memory.table`.
        inputs: `jack_port_t*` of the input ports, in the processor's order.
        outputs: `jack_port_t*` of the output ports.
    """

    def __init__(self, table_address: int, inputs: list[int], outputs: list[int]) -> None:
        self._arrays: list[NDArray[np.int64]] = []
        self._words = np.zeros(WORDS, np.int64)
        self._words[[PROCESS, TABLE]] = compile_ahead(), table_address
        self._words[[INPUTS, OUTPUTS]] = len(inputs), len(outputs)
        for word, values in (
            (INPUT_PORTS, inputs),
            (OUTPUT_PORTS, outputs),
            (INPUT_BUFFERS, [0] * len(inputs)),
            (OUTPUT_BUFFERS, [0] * len(outputs)),
        ):
            array = np.array(values or [0], np.int64)
            self._arrays.append(array)
            self._words[word] = array.ctypes.data

    @property
    def address(self) -> int:
        """The callback's argument."""
        return int(self._words.ctypes.data)


class _LatencyRange(ctypes.Structure):
    _fields_ = (("minimum", ctypes.c_uint32), ("maximum", ctypes.c_uint32))


_LatencyCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
_CAPTURE = 0


class Libjack:
    """The calls that JACK-Client does not offer, by `jack_client_t*` and `jack_port_t*` address."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(LIBJACK)
        self._library.jack_set_process_callback.argtypes = [ctypes.c_void_p] * 3
        self._library.jack_set_xrun_callback.argtypes = [ctypes.c_void_p] * 3
        self._library.jack_set_latency_callback.argtypes = [ctypes.c_void_p, _LatencyCallback, ctypes.c_void_p]
        for name in ("jack_port_get_latency_range", "jack_port_set_latency_range"):
            getattr(self._library, name).argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_LatencyRange)]
        self._library.jack_recompute_total_latencies.argtypes = [ctypes.c_void_p]

    def set_process_callback(self, client: int, callback_address: int, block_address: int) -> int:
        """Registers the compiled callback; 0 on success."""
        return int(self._library.jack_set_process_callback(client, callback_address, block_address))

    def count_xruns(self, client: int, count: NDArray[np.int64]) -> int:
        """Has every xrun counted in `count`, one int64; 0 on success."""
        return int(self._library.jack_set_xrun_callback(client, compile_counter().address, count.ctypes.data))

    def declare_latency(
        self,
        client: int,
        delayed: list[int],
        direct: list[int],
        outputs: list[int],
        frames: int,
        direct_frames: int,
        late_frames: Sequence[int],
    ) -> Any:
        """Reports that `delayed` inputs reach `outputs` after `frames`, `direct` inputs after `direct_frames`.

        Each output is later than that by its own `late_frames`.

        Returns:
            An object to keep for as long as the client is active.
        """
        late = dict(zip(outputs, late_frames, strict=True))

        def worst(ports: list[int], mode: int) -> _LatencyRange | None:
            ranges = []
            for port in ports:
                found = _LatencyRange()
                self._library.jack_port_get_latency_range(port, mode, ctypes.byref(found))
                more = late.get(port, 0)
                ranges.append(_LatencyRange(found.minimum + more, found.maximum + more))
            if not ranges:
                return None
            return _LatencyRange(min(r.minimum for r in ranges), max(r.maximum for r in ranges))

        def tell(ports: list[int], mode: int, found: _LatencyRange | None, extra: int) -> None:
            if found is not None:
                for port in ports:
                    more = extra + late.get(port, 0)
                    told = _LatencyRange(found.minimum + more, found.maximum + more)
                    self._library.jack_port_set_latency_range(port, mode, ctypes.byref(told))

        @_LatencyCallback
        def on_latency(mode: int, _argument: int | None) -> None:
            if mode == _CAPTURE:
                found = worst(delayed, mode)
                found = worst(direct, mode) if found is None else found
                tell(outputs, mode, found, frames if delayed else direct_frames)
            else:
                tell(delayed, mode, worst(outputs, mode), frames)
                tell(direct, mode, worst(outputs, mode), direct_frames)

        self._library.jack_set_latency_callback(client, on_latency, None)
        return on_latency

    def capture_latency_frames(self, port: int) -> int:
        """How long at most what comes into a port has been on its way through the server."""
        found = _LatencyRange()
        self._library.jack_port_get_latency_range(port, _CAPTURE, ctypes.byref(found))
        return int(found.maximum)

    def recompute_latencies(self, client: int) -> None:
        """Asks the server to walk the graph again."""
        self._library.jack_recompute_total_latencies(client)
