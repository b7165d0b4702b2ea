"""A JACK client that plays and records every sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import jack
import llvmlite.binding
import numpy as np
from numba import carray, cfunc, types

from stemfield.renderer.native.operations import as_pointer as _pointer

llvmlite.binding.load_library_permanently("libjack.so.0")
_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@cfunc(types.int32(types.uint32, types.voidptr))
def _process(frames: int, argument: Any) -> int:
    """Copy the tape to the outputs and the inputs to the record, once `at` is 0 and until the tape ends."""
    words = carray(argument, (6 + 64 + 1,), np.intp)
    at, length, ins, outs = words[0], words[1], words[2], words[3]
    record = carray(_pointer(words[4]), (ins, length), np.float32)
    tape = carray(_pointer(words[5]), (outs, length), np.float32)
    running = at >= 0 and at + frames <= length
    for i in range(outs):
        out = carray(_buffer(_pointer(words[6 + ins + i]), frames), (frames,), np.float32)
        for k in range(frames):
            out[k] = tape[i, at + k] if running else np.float32(0)
    if running:
        for i in range(ins):
            heard = carray(_buffer(_pointer(words[6 + i]), frames), (frames,), np.float32)
            for k in range(frames):
                record[i, at + k] = heard[k]
        clock = carray(_pointer(words[70]), (length + 1, 2), np.intp)
        _clock_gettime(1, _pointer(words[70] + 16 * length))
        for k in range(frames):
            clock[at + k, 0] = 1_000_000_000 * clock[length, 0] + clock[length, 1]
            clock[at + k, 1] = k
        words[0] = at + frames
    return 0


class Recording:
    """What a client plays and records: frame n of both is the same moment.

    Args:
        inputs: number of recorded channels.
        outputs: number of played channels.
        frames: length of both.
        memory: allocates arrays of zeros.
    """

    def __init__(self, inputs: int, outputs: int, frames: int, memory: Callable[..., np.ndarray] = np.zeros) -> None:
        self.words = memory(6 + 64 + 1, np.intp)
        self.words[0] = -1
        self.tape = memory((outputs, frames), np.float32)
        self.record = memory((inputs, frames), np.float32)
        self.clock = memory((frames + 1, 2), np.intp)
        """For each frame: monotonic time of its callback, in nanoseconds, and its position in the block."""

    def roll(self) -> None:
        self.words[0] = 0

    @property
    def at(self) -> int:
        return int(self.words[0])

    def wait(self, frame: int, timeout_s: float = 60) -> None:
        assert frame <= self.tape.shape[1], f"the tape ends at {self.tape.shape[1]}, before {frame}"
        deadline = time.monotonic() + timeout_s
        while self.at < frame:
            assert time.monotonic() < deadline, f"the tape is at {self.at} of {frame}"
            time.sleep(0.005)

    def wait_end(self) -> None:
        self.wait(self.tape.shape[1] - 8192)

    def changes_s(self, rate_hz: int = 48_000) -> np.ndarray:
        """Monotonic times at which the first recorded channel, steady before, starts to change."""
        end = self.at
        moving = np.concatenate([[False], np.abs(np.diff(self.record[0, :end])) > 1e-6])
        steady = np.convolve(moving, np.ones(100))[:end] - moving == 0
        return self.times_s(np.flatnonzero(moving & steady), rate_hz)

    def times_s(self, frames: Iterable[int], rate_hz: int = 48_000) -> np.ndarray:
        """Monotonic times at which frames of the tape were played and recorded.

        A callback may be late although the sound is not, so the earliest estimate within 50 ms counts.
        """

        def one(at: int) -> float:
            near = np.arange(max(at - rate_hz // 40, 0), min(at + rate_hz // 40, self.at))
            called_ns, places = self.clock[near].T
            return float((1e-9 * called_ns + (places - near + at) / rate_hz).min())

        return np.array([one(at) for at in frames])


class JackClient(Recording):
    """A JACK client that plays a tape and records its inputs, in one callback.

    Args:
        server: JACK server name; libjack supports only one server per process.
        inputs: number of channels to record.
        tape: float32 (outputs, n).
        rolling: whether the tape runs from the first block.
        name: client name.
        memory: allocates arrays of zeros.
    """

    def __init__(
        self,
        server: str | None,
        inputs: int,
        tape: np.ndarray,
        *,
        rolling: bool = False,
        name: str = "studio",
        memory: Callable[..., np.ndarray] = np.zeros,
    ) -> None:
        super().__init__(inputs, tape.shape[0], tape.shape[1], memory)
        self.tape[:] = tape
        self.jack = jack.Client(name, no_start_server=True, servername=server)
        self.jack.set_shutdown_callback(lambda *_: None)
        self.ins = [self.jack.inports.register(f"in{i}") for i in range(inputs)]
        self.outs = [self.jack.outports.register(f"out{i}") for i in range(len(tape))]
        pointers = [int(jack._ffi.cast("uintptr_t", port._ptr)) for port in (*self.ins, *self.outs)]
        head = [0 if rolling else -1, tape.shape[1], inputs, len(tape), self.record.ctypes.data, self.tape.ctypes.data]
        tail = [0] * (64 - len(pointers)) + [self.clock.ctypes.data]
        self.words[:] = head + pointers + tail
        callback = jack._ffi.cast("JackProcessCallback", _process.address)
        argument = jack._ffi.cast("void *", self.words.ctypes.data)
        jack._lib.jack_set_process_callback(self.jack._ptr, callback, argument)
        self.jack.activate()

    def connect(self, client: str, inputs: list[str], outputs: list[str]) -> None:
        for port, name in zip(self.outs, inputs, strict=True):
            self.jack.connect(port, f"{client}:{name}")
        for name, port in zip(outputs, self.ins, strict=True):
            self.jack.connect(f"{client}:{name}", port)

    def close(self) -> None:
        """Leave the server, which may have gone; a second call does nothing."""
        client, self.jack = self.jack, None
        if client is not None:
            client.deactivate(ignore_errors=True)
            client.close(ignore_errors=True)
