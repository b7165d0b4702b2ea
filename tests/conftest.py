"""What every test may use: real servers, and the promise that nothing outlives a test."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_names = itertools.count()


@pytest.fixture(autouse=True)
def _nothing_outlives_a_test() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    while left := [t for t in threading.enumerate() if t not in before and not t.name.startswith("asyncio_")]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads outlive the test: {left}")
        time.sleep(0.01)


def need(program: str) -> str:
    """The path of a program that the tests cannot do without."""
    found = shutil.which(program)
    if found is None:
        pytest.fail(f"{program} is not installed: the tests need it (make test installs it where it may)")
    return found


@dataclass
class Jackd:
    """A real jackd with the dummy driver, under a name of its own."""

    rate_hz: int = 48_000
    period_frames: int = 64
    sync: bool = False
    """Wait for every client in every period, however late: no sample is lost on a busy machine."""
    name: str = field(default_factory=lambda: f"stemfield-test-{os.getpid()}-{next(_names)}")
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        arguments = [need("jackd"), "-n", self.name, "-r", *(("-S", "-t", "5000") if self.sync else ())]
        arguments += ["-d", "dummy", "-r", str(self.rate_hz)]
        self.process = subprocess.Popen(
            [*arguments, "-p", str(self.period_frames)],
            env=os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        command = [need("jack_wait"), "-s", self.name, "-w", "-t", "1"]
        while subprocess.run(command, capture_output=True, check=False).returncode != 0:
            assert self.process.poll() is None, "jackd ended"
            assert time.monotonic() < deadline, "jackd does not answer"

    def stop(self, *, kill: bool = False) -> None:
        if self.process is not None:
            (self.process.kill if kill else self.process.terminate)()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def jackd() -> Iterator[Callable[..., Jackd]]:
    """Makes running servers: `jackd(rate_hz=48000, period_frames=64)`."""
    servers: list[Jackd] = []

    def make(**settings: Any) -> Jackd:
        server = Jackd(**settings)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def tool() -> Callable[[str], str]:
    """`tool("oscsend")`: the path of a program, or the test fails."""
    return need


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).parent.parent


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Polls until `true()` holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


@pytest.fixture
def until() -> Callable[[Callable[[], object], float, str], None]:
    """`until(condition, seconds, what)`."""
    return wait_until
