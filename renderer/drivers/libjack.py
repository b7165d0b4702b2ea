"""Functions of libjack that JACK-Client lacks, without Python functions in libjack's threads.

libjack calls back from its own threads, and cancels them when a server dies or hangs. A thread that is cancelled while
it runs Python keeps the interpreter lock, and the process never runs Python again. So callbacks are either compiled
(`jack_callback.py`) or functions of the C library, and Python polls the results.

Importing this needs a libjack on the machine, and nothing that is slow to import.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

from stemfield.renderer.drivers.pipewire_library import chosen_library

with chosen_library():
    import jack as jack

LIBJACK: Final = "libjack.so.0"
_SEMAPHORE_BYTES: Final = 64
"""Larger than `sem_t` on any platform."""
_CAPTURE: Final = 0
IS_PIPEWIRE: Final = "PipeWire" in jack.version_string()
"""Whether this libjack is PipeWire's."""

library = ctypes.CDLL(LIBJACK)
"""Registers callbacks by the addresses of their code and of their argument."""
_c = ctypes.CDLL(None, use_errno=True)
_POINTERS: Final = {
    "jack_set_error_function": 1,
    "jack_set_info_function": 1,
    "jack_on_shutdown": 3,
    "jack_set_process_callback": 3,
    "jack_set_xrun_callback": 3,
    "jack_set_latency_callback": 3,
    "jack_set_freewheel_callback": 3,
    "jack_set_port_registration_callback": 3,
    "jack_set_port_connect_callback": 3,
    "jack_set_port_rename_callback": 3,
    "jack_recompute_total_latencies": 1,
}
for _name, _count in _POINTERS.items():
    getattr(library, _name).argtypes = [ctypes.c_void_p] * _count


class _LatencyRange(ctypes.Structure):
    _fields_ = (("minimum", ctypes.c_uint32), ("maximum", ctypes.c_uint32))


for _name in ("jack_port_get_latency_range", "jack_port_set_latency_range"):
    getattr(library, _name).argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_LatencyRange)]


def _function(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def address(thing: Any) -> int:
    """The C pointer of JACK-Client's client or port."""
    return int(jack._ffi.cast("uintptr_t", thing._ptr))  # noqa: SLF001 (the one place that needs the C pointers)


class Tally:
    """Counts the calls of a callback: a POSIX semaphore, posted by the C library's `int sem_post(sem_t *)`.

    It may be called from any thread and from a signal handler; it neither waits nor allocates.
    """

    def __init__(self) -> None:
        self._semaphore = ctypes.create_string_buffer(_SEMAPHORE_BYTES)
        _c.sem_init(self._semaphore, 0, 0)

    @property
    def argument(self) -> int:
        """Argument to register the callback with."""
        return ctypes.addressof(self._semaphore)

    @property
    def count(self) -> int:
        """Number of calls."""
        value = ctypes.c_int()
        _c.sem_getvalue(self._semaphore, ctypes.byref(value))
        return value.value


def say_nothing(*, but_errors: bool = False) -> None:
    """Keeps libjack from writing to the standard streams.

    Args:
        but_errors: whether it may write errors to standard error.
    """
    # `size_t strlen(const char *)` takes the text and ignores it
    ignore = _function(_c.strlen)
    library.jack_set_error_function(None if but_errors else ignore)
    library.jack_set_info_function(ignore)


def count_xruns(client: int, tally: Tally) -> None:
    """Counts every xrun of a `jack_client_t*`; PipeWire reports them from its audio thread."""
    library.jack_set_xrun_callback(client, _function(_c.sem_post), tally.argument)


def count_shutdowns(client: int, tally: Tally) -> None:
    """Counts the server's shutdown of a client, which happens once."""
    library.jack_on_shutdown(client, _function(_c.sem_post), tally.argument)


def capture_latency_frames(port: int) -> int:
    """Maximum capture latency of a `jack_port_t*`."""
    found = _LatencyRange()
    library.jack_port_get_latency_range(port, _CAPTURE, ctypes.byref(found))
    return int(found.maximum)


def fix_latencies(client: int) -> None:
    """Leaves the latencies of a client's ports as they are set; libjack would set those of outputs to 0."""
    # `int abs(int)` takes the latency mode and does nothing
    library.jack_set_latency_callback(client, _function(_c.abs), None)


def set_capture_latency(port: int, frames: int) -> None:
    """Sets the capture latency of an output `jack_port_t*` of an active client with fixed latencies."""
    library.jack_port_set_latency_range(port, _CAPTURE, ctypes.byref(_LatencyRange(frames, frames)))
