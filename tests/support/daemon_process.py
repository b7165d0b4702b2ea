"""A daemon as a process, and a socket to control it by OSC."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

_ports = itertools.count(20_000 + 200 * (os.getpid() % 60))


class Daemon:
    """`stemfield serve` as a process with its own configuration, and a socket to control it by OSC."""

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
        """Where the log of the present process starts."""
        self.process: subprocess.Popen[bytes] | None = None
        self.osc = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.osc.settimeout(10)

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
        self.osc.sendto(build_msg(address, list(arguments)).dgram, ("127.0.0.1", self.port))

    def send_at(self, at_s: float, address: str, *arguments: Any) -> None:
        """Send a bundle with this time tag, in seconds since the epoch."""
        self.osc.sendto(bundle_at(at_s, address, *arguments), ("127.0.0.1", self.port))

    def ask(self, address: str) -> list[Any]:
        self.send(address)
        return list(OscMessage(self.osc.recv(65_536)).params)

    def settle(self) -> None:
        """Wait until everything sent so far is applied and its ramps are over."""
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
            self.osc.close()


def bundle_at(at_s: float, address: str, *arguments: Any) -> bytes:
    """A bundle of one message with a time tag, seconds since the epoch."""
    message = build_msg(address, list(arguments)).dgram
    tag = int((at_s + 2_208_988_800) * 2**32)
    return b"#bundle\0" + struct.pack(">Qi", tag, len(message)) + message


def free_port() -> int:
    """A free port from a range of this process, below the system's ephemeral ports."""
    for port in _ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError
