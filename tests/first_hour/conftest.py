"""Fixtures for a new user, and for the doctor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from daemon_process import free_port
from live_fixtures import _compiled, _quiet_home, daemon, jack_client
from pipewire import PipeWire
from servers import Jackd, may_hurry, need

from stemfield.control.doctor.diagnosis import diagnose
from stemfield.control.doctor.evidence import collect
from stemfield.control.doctor.finding import Finding

__all__ = ["_compiled", "_quiet_home", "daemon", "jack_client"]


@dataclass
class Card(Jackd):
    """A server with this many playback ports."""

    playback: int = 2

    def launch(self) -> None:
        priority = "-R" if self.prompt and may_hurry() else "-r"
        command = [*self.through, need("jackd"), "-n", self.name, priority, *(("-S",) if self.sync else ())]
        card = ["-d", "dummy", "-r", str(self.rate_hz), "-p", str(self.period_frames), "-P", str(self.playback)]
        environment = os.environ | {"JACK_NO_AUDIO_RESERVATION": "1"}
        self.process = subprocess.Popen([*command, *card], env=environment, stdout=-3, stderr=-3)


@pytest.fixture
def card() -> Iterator[Callable[..., Card]]:
    """`card(playback=12)` makes a running server."""
    made: list[Card] = []

    def make(**settings: Any) -> Card:
        made.append(Card(period_frames=1024, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close()


def may_lock() -> bool:
    tried = "import mmap, ctypes; m = mmap.mmap(-1, 64 << 20); a = ctypes.addressof(ctypes.c_char.from_buffer(m));"
    tried += "raise SystemExit(ctypes.CDLL(None).mlock(ctypes.c_void_p(a), ctypes.c_size_t(64 << 20)))"
    return subprocess.run([sys.executable, "-c", tried], stderr=subprocess.DEVNULL, check=False).returncode == 0


@pytest.fixture(scope="session")
def unavoidable() -> set[str]:
    """Findings on every machine where the tests lack these rights."""
    refused = {"realtime-refused": may_hurry(), "memory-lock-refused": may_lock()}
    return {name for name, allowed in refused.items() if not allowed}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A system without services, limits files and sound cards."""
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """`file(jack={...})` writes a configuration with its own ports."""

    def write(**config: Any) -> Path:
        given = {"osc": {"port": free_port()}, "http": {"enabled": False}, "state_folder": str(tmp_path / "state")}
        path = tmp_path / "doctor.yaml"
        path.write_text(yaml.safe_dump(given | config))
        return path

    return write


@pytest.fixture
def findings(bare: Path, unavoidable: set[str]) -> Callable[..., dict[str, Finding]]:
    """Findings with a configuration, by name, without those that every test machine has.

    A busy machine has xruns without a cause: tests that expect none look again.
    """

    def found(config: Path, watch_s: float = 0.5, root: Path = bare, *, xruns: bool = False) -> dict[str, Finding]:
        for _ in range(20):
            found = {f.id: f for f in diagnose(collect(config, watch_s, root)) if f.id not in unavoidable}
            if xruns or "xruns-server" not in found:
                break
        return found

    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Card]:
    """A server with real-time priority, if allowed."""
    running = Card(rate_hz=192_000, period_frames=2048, prompt=True)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def pipewire(tmp_path: Path) -> Iterator[PipeWire]:
    running = PipeWire(tmp_path / "run")
    running.start()
    yield running
    running.stop(kill=True)
