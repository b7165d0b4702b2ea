"""What plays the users' part: a JACK client that plays and records every sample, and a daemon as a process."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jack
import llvmlite.binding
import numpy as np
import yaml
from numba import carray, cfunc, types
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from stemfield.renderer.native.operations import as_pointer as _pointer

llvmlite.binding.load_library_permanently("libjack.so.0")
_ports = itertools.count(20_000 + 200 * (os.getpid() % 60))
_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@cfunc(types.int32(types.uint32, types.voidptr))
def _studio(frames: int, argument: Any) -> int:
    """Copies the tape to the outputs and the inputs to the record, from the moment `at` is 0 until it is `frames`."""
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


class Tape:
    """What a studio plays and records: frame n of both is the same moment.

    Args:
        inputs: how many feeds are recorded.
        outputs: how many are played.
        frames: how many of each.
        memory: gives arrays of zeros.
    """

    def __init__(self, inputs: int, outputs: int, frames: int, memory: Callable[..., np.ndarray] = np.zeros) -> None:
        self.words = memory(6 + 64 + 1, np.intp)
        self.words[0] = -1
        self.tape = memory((outputs, frames), np.float32)
        self.record = memory((inputs, frames), np.float32)
        self.clock = memory((frames + 1, 2), np.intp)
        """Of each frame: when its block was called for, in monotonic nanoseconds, and its place in it."""

    def roll(self) -> None:
        self.words[0] = 0

    @property
    def at(self) -> int:
        return int(self.words[0])

    def wait(self, frame: int, patience_s: float = 60) -> None:
        assert frame <= self.tape.shape[1], f"the tape ends at {self.tape.shape[1]}, before {frame}"
        deadline = time.monotonic() + patience_s
        while self.at < frame:
            assert time.monotonic() < deadline, f"the tape stands at {self.at} of {frame}"
            time.sleep(0.005)

    def wait_end(self) -> None:
        self.wait(self.tape.shape[1] - 8192)

    def changes_s(self, rate_hz: int = 48_000) -> np.ndarray:
        """The monotonic times at which the first record, steady before, begins to change."""
        end = self.at
        moving = np.concatenate([[False], np.abs(np.diff(self.record[0, :end])) > 1e-6])
        steady = np.convolve(moving, np.ones(100))[:end] - moving == 0
        return self.times_s(np.flatnonzero(moving & steady), rate_hz)

    def times_s(self, frames: Iterable[int], rate_hz: int = 48_000) -> np.ndarray:
        """When frames of the tape were played and recorded, monotonic.

        A call may be late where the sound is not: the least late one of a twentieth of a second around is believed.
        """

        def one(at: int) -> float:
            near = np.arange(max(at - rate_hz // 40, 0), min(at + rate_hz // 40, self.at))
            called_ns, places = self.clock[near].T
            return float((1e-9 * called_ns + (places - near + at) / rate_hz).min())

        return np.array([one(at) for at in frames])


class Studio(Tape):
    """Plays a tape into a client and records what it gives, in one callback.

    Args:
        server: JACK server name; libjack knows one in a process, whatever it is asked for.
        inputs: how many feeds to record.
        tape: float32 (outputs, n).
        rolling: whether the tape runs from the first block on.
        name: of the client.
        memory: gives arrays of zeros.
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
        self.client = jack.Client(name, no_start_server=True, servername=server)
        self.client.set_shutdown_callback(lambda *_: None)
        self.ins = [self.client.inports.register(f"in{i}") for i in range(inputs)]
        self.outs = [self.client.outports.register(f"out{i}") for i in range(len(tape))]
        pointers = [int(jack._ffi.cast("uintptr_t", port._ptr)) for port in (*self.ins, *self.outs)]
        head = [0 if rolling else -1, tape.shape[1], inputs, len(tape), self.record.ctypes.data, self.tape.ctypes.data]
        tail = [0] * (64 - len(pointers)) + [self.clock.ctypes.data]
        self.words[:] = head + pointers + tail
        callback = jack._ffi.cast("JackProcessCallback", _studio.address)
        argument = jack._ffi.cast("void *", self.words.ctypes.data)
        jack._lib.jack_set_process_callback(self.client._ptr, callback, argument)
        self.client.activate()

    def connect(self, client: str, inputs: list[str], outputs: list[str]) -> None:
        for port, name in zip(self.outs, inputs, strict=True):
            self.client.connect(port, f"{client}:{name}")
        for name, port in zip(outputs, self.ins, strict=True):
            self.client.connect(f"{client}:{name}", port)

    def close(self) -> None:
        """Leaves the server, which may have gone; once more does nothing."""
        client, self.client = self.client, None
        if client is not None:
            client.deactivate(ignore_errors=True)
            client.close(ignore_errors=True)


class Daemon:
    """`stemfield serve` as a process, with a configuration of its own, and an OSC hand to steer it."""

    def __init__(self, folder: Path, **config: Any) -> None:
        self.port = free_port()
        self.folder = folder
        given = {
            "layout": "22.2",
            "state_folder": str(folder / "state"),
            "osc": {"port": self.port},
            "discovery": {"enabled": False},
            "http": {"enabled": False},
            "s3a": {"enabled": False},
        } | config
        (folder / "config.yaml").write_text(yaml.safe_dump(given))
        self.log = folder / "log.txt"
        self.begins = 0
        """Where in the log the present process begins."""
        self.process: subprocess.Popen[bytes] | None = None
        self.hand = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.hand.settimeout(2)

    def start(self, *, ready: bool = True, through: Sequence[str] = ()) -> None:
        command = [
            *through,
            str(Path(sys.executable).parent / "stemfield"),
            "serve",
            "--config",
            str(self.folder / "config.yaml"),
        ]
        self.begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        if ready:
            self.wait_for("is ready")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log.read_bytes()[self.begins :].decode():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def send(self, address: str, *arguments: Any) -> None:
        self.hand.sendto(build_msg(address, list(arguments)).dgram, ("127.0.0.1", self.port))

    def send_at(self, at_s: float, address: str, *arguments: Any) -> None:
        """In a bundle with this time tag, seconds since the epoch."""
        self.hand.sendto(bundle_at(at_s, address, *arguments), ("127.0.0.1", self.port))

    def ask(self, address: str) -> list[Any]:
        self.send(address)
        return list(OscMessage(self.hand.recv(65_536)).params)

    def settle(self) -> None:
        """Returns when what was sent before has been taken up and its ramps are over."""
        assert self.ask("/master/gain") == [0.0]
        time.sleep(0.4)

    def worker(self) -> int | None:
        """Process id of the separation worker."""
        assert self.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "separation.worker"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        return int(found[0]) if found else None

    def wait_for_worker(self, seconds: float = 20) -> int:
        deadline = time.monotonic() + seconds
        while (pid := self.worker()) is None:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return pid

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.process = None
        return status

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.hand.close()


def bundle_at(at_s: float, address: str, *arguments: Any) -> bytes:
    """A bundle of one message with a time tag, seconds since the epoch."""
    message = build_msg(address, list(arguments)).dgram
    tag = int((at_s + 2_208_988_800) * 2**32)
    return b"#bundle\0" + struct.pack(">Qi", tag, len(message)) + message


def free_port() -> int:
    """A free port out of a range of this process, below those that the system gives to whoever asks for any."""
    for port in _ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError
