"""Shared by all benchmarks: rows of results and a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass


@dataclass
class Row:
    """One row of the benchmark page."""

    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


def give(*rows: Row) -> None:
    """Print the rows for `run.py`."""
    json.dump([asdict(row) for row in rows], sys.stdout)


def realtime() -> bool:
    """Whether this user may run with real-time priority."""
    allowed = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))"
    return subprocess.run([sys.executable, "-c", allowed], stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextmanager
def jackd(rate_hz: int = 48_000, period_frames: int = 64, playback: int = 2) -> Iterator[str]:
    """Run a jackd with the dummy driver and this many playback ports; yield its name."""
    name = f"stemfield-bench-{os.getpid()}"
    server = subprocess.Popen(
        [
            "jackd",
            "-n",
            name,
            "-R" if realtime() else "-r",
            "-d",
            "dummy",
            "-r",
            str(rate_hz),
            "-p",
            str(period_frames),
            "-P",
            str(playback),
        ],
        env=os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        subprocess.run(["jack_wait", "-s", name, "-w", "-t", "10"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        yield name
    finally:
        server.terminate()
        server.wait()
