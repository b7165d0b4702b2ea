"""What plays the users' part: a JACK client that plays and records every sample, and a daemon as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jack
import llvmlite.binding
import numpy as np
import yaml
from numba import carray, cfunc, types
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from stemfield.renderer.native import as_pointer as _pointer

llvmlite.binding.load_library_permanently("libjack.so.0")
_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))


@cfunc(types.int32(types.uint32, types.voidptr))
def _studio(frames, argument):
    """Copies the tape to the outputs and the inputs to the record, from the moment `at` is 0 until it is `frames`."""
    words = carray(argument, (6 + 64,), np.intp)
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
        words[0] = at + frames
    return 0


class Studio:
    """Plays a tape into a client and records what it gives, in one callback: frame n of both is the same moment.

    Args:
        server: JACK server name.
        inputs: how many feeds to record.
        tape: float32 (outputs, n).
    """

    def __init__(self, server: str, inputs: int, tape: np.ndarray) -> None:
        self.client = jack.Client("studio", no_start_server=True, servername=server)
        self.ins = [self.client.inports.register(f"in{i}") for i in range(inputs)]
        self.outs = [self.client.outports.register(f"out{i}") for i in range(len(tape))]
        self.tape = np.ascontiguousarray(tape, np.float32)
        self.record = np.zeros((inputs, tape.shape[1]), np.float32)
        pointers = [int(jack._ffi.cast("uintptr_t", port._ptr)) for port in (*self.ins, *self.outs)]
        head = [-1, tape.shape[1], inputs, len(tape), self.record.ctypes.data, self.tape.ctypes.data]
        self.words = np.array(head + pointers + [0] * (70 - 6 - len(pointers)), np.intp)
        callback = jack._ffi.cast("JackProcessCallback", _studio.address)
        argument = jack._ffi.cast("void *", self.words.ctypes.data)
        jack._lib.jack_set_process_callback(self.client._ptr, callback, argument)
        self.client.activate()

    def connect(self, client: str, inputs: list[str], outputs: list[str]) -> None:
        for port, name in zip(self.outs, inputs, strict=True):
            self.client.connect(port, f"{client}:{name}")
        for name, port in zip(outputs, self.ins, strict=True):
            self.client.connect(f"{client}:{name}", port)

    def roll(self) -> None:
        self.words[0] = 0

    @property
    def at(self) -> int:
        return int(self.words[0])

    def wait(self, frame: int, patience_s: float = 60) -> None:
        deadline = time.monotonic() + patience_s
        while self.at < frame:
            assert time.monotonic() < deadline, f"the tape stands at {self.at} of {frame}"
            time.sleep(0.005)

    def wait_end(self) -> None:
        self.wait(self.tape.shape[1] - 8192)

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


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
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def send(self, address: str, *arguments: Any) -> None:
        self.hand.sendto(build_msg(address, list(arguments)).dgram, ("127.0.0.1", self.port))

    def ask(self, address: str) -> list[Any]:
        self.send(address)
        return list(OscMessage(self.hand.recv(65_536)).params)

    def settle(self) -> None:
        """Returns when what was sent before has been taken up and its ramps are over."""
        assert self.ask("/master/gain") == [0.0]
        time.sleep(0.4)

    def worker(self) -> int | None:
        """Process id of the separation worker."""
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


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
