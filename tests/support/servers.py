"""Real sound servers, and programs that the tests need."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import ClassVar

import pytest

_names = itertools.count()


def need(program: str) -> str:
    """Path of a program that the tests need."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is not installed: the tests need it (make test installs it if it can)")
    return found


def may_hurry() -> bool:
    """Whether this user may run with real-time priority."""
    allowed = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))"
    return subprocess.run([sys.executable, "-c", allowed], stderr=subprocess.DEVNULL, check=False).returncode == 0


@dataclass
class Jackd:
    """A real jackd with the dummy driver and a unique name."""

    rate_hz: int = 48_000
    period_frames: int = 64
    sync: bool = False
    """Wait for every client in every period: no sample is lost on a busy machine."""
    prompt: bool = False
    """Use real-time priority if allowed, so that periods are on time on a busy machine."""
    most_ports: int | None = None
    """Maximum number of ports, over all clients."""
    through: tuple[str, ...] = ()
    """Command prefix that starts it."""
    name: str = field(default_factory=lambda: f"stemfield-test-{os.getpid()}-{next(_names)}")
    process: subprocess.Popen[bytes] | None = None
    killed: bool = False
    """Whether the last process ended by SIGKILL, by `stop` or by a test."""
    playback: ClassVar = ("system:playback_1", "system:playback_2")
    capture: ClassVar = ("system:capture_1", "system:capture_2")
    trace: ClassVar = "/dev/shm/jack"
    """Text found in the system call trace of a client of this server."""

    def start(self) -> None:
        self.launch()
        deadline = time.monotonic() + 60
        command = [need("jack_wait"), "-s", self.name, "-c"]  # -w polls only once a second
        while subprocess.run(command, capture_output=True, check=False).stdout != b"running\n":
            assert self.process is not None
            assert self.process.poll() is None, "jackd ended"
            assert time.monotonic() < deadline, "no answer from jackd"
            time.sleep(0.02)

    def launch(self) -> None:
        """Start without waiting."""
        priority = "-R" if self.prompt and may_hurry() else "-r"
        arguments = [*self.through, need("jackd"), "-n", self.name, priority]
        arguments += ["-S", "-t", "5000"] if self.sync else []
        arguments += ["-p", str(self.most_ports)] if self.most_ports is not None else []
        arguments += ["-d", "dummy", "-r", str(self.rate_hz)]
        self.process = subprocess.Popen(
            [*arguments, "-p", str(self.period_frames)],
            env=os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.killed = self.process.wait(10) == -signal.SIGKILL
            self.process = None

    def close(self) -> None:
        """Stop it and free its slot: the machine has eight slots for servers, and a killed server keeps its own."""
        self.stop()
        if self.killed:
            self.start()
            self.stop()
