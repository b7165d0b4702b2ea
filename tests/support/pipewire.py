"""A private headless PipeWire, and one that replaces `servers.Jackd`."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from servers import need

_names = itertools.count()

CONFIG = """
context.properties = {{
  default.clock.rate = {rate_hz}
  default.clock.allowed-rates = [ {rate_hz} ]
  default.clock.quantum = {period_frames}
  default.clock.min-quantum = 16
  default.clock.max-quantum = 8192
  # no longer periods on virtual machines
  vm.overrides = {{ }}
}}
context.objects = [ {{
  factory = adapter
  args = {{
    factory.name = support.null-audio-sink
    node.name = card
    media.class = Audio/Duplex
    audio.position = [ FL FR ]
  }}
}} ]
"""

CARD = """
import signal, sys, jack

client = jack.Client(sys.argv[1], no_start_server=True)
for port in sys.argv[2:]:
    client.inports.register(port, is_terminal=True, is_physical=True)
client.activate()
signal.pause()
"""


class PipeWire:
    """The installed server with its own runtime folder; no hardware, no bus, and so no session manager.

    Args:
        folder: runtime folder; made if missing.
        name: server name.
    """

    def __init__(self, folder: Path, name: str = "pipewire-0") -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.name = name
        self.environment = os.environ | {
            "XDG_RUNTIME_DIR": str(folder),
            "PIPEWIRE_CORE": name,
            "PIPEWIRE_REMOTE": name,
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        return self._processes[0]

    def start(self) -> None:
        """Start, and wait until clients can connect."""
        self.run("pipewire")
        self._await(lambda: (self.folder / self.name).exists())

    def run(self, program: str, *arguments: str) -> None:
        """Start a program that ends, with its children, when the server is stopped."""
        self._processes.append(
            subprocess.Popen(
                [need(program), *arguments],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def _await(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert all(process.poll() is None for process in self._processes), "PipeWire or its session manager ended"
            assert time.monotonic() < deadline, "no answer from PipeWire"
            time.sleep(0.05)

    def add_card(self, name: str, channels: Sequence[str]) -> None:
        """Add a fake sound card with a playback port for each channel, in this order.

        It is a client, because sinks without a card have no physical ports since PipeWire 1.0.
        """
        self.run("pw-jack", sys.executable, "-c", CARD, name, *(f"playback_{channel}" for channel in channels))
        self._await(lambda: f"{name}:playback_{channels[-1]}" in self._tool("pw-jack", "jack_lsp"))

    def wires(self, card: str) -> dict[str, str]:
        """Connections to a card, by short names of the daemon's ports."""
        found, port = {}, ""
        for line in self._tool("pw-jack", "jack_lsp", "-c").splitlines():
            if not line.startswith(" "):
                port = line
            elif port.startswith("stemfield:") and line.strip().startswith(f"{card}:"):
                found[port.partition(":")[2]] = line.strip()
        return found

    def _tool(self, *words: str) -> str:
        command = [need(words[0]), *words[1:]]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False).stdout

    def stop(self, *, kill: bool = False) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):  # ended by itself
                os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        for process in self._processes:
            process.wait(10)
        self._processes.clear()
        (self.folder / self.name).unlink(missing_ok=True)  # left behind by a killed server

    close = stop

    def force(self, setting: str, value: int) -> None:
        """Force a rate in Hz, or a quantum in frames, for all clients."""
        command = [need("pw-metadata"), "-n", "settings", "0", f"clock.force-{setting}", str(value)]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def ports(self) -> set[str]:
        command = [need("pw-jack"), "jack_lsp"]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return {line for line in found.stdout.splitlines() if line.startswith("stemfield:")}


class StepError(AssertionError):
    """A step in the sound, as when PipeWire skips a period."""


def check_sound(heard: np.ndarray, wanted: np.ndarray, period_frames: int, tolerance: float) -> None:
    """Compare sample by sample; raise `StepError` if periods were skipped and nothing else is wrong.

    A skipped period is silent, and everything after it is late by exactly one period, until the next silence.
    """
    off = np.abs(heard - wanted) >= tolerance
    if off.any():
        later = [np.abs(heard - np.roll(wanted, n * period_frames)) < tolerance for n in (1, 2, 3)]
        assert np.any([heard == 0.0, *later], axis=0)[off].all(), f"{np.abs(heard - wanted).max()} at most"
        raise StepError(f"{off.sum()} samples are whole periods late")


class PipeWireAsJackd(PipeWire):
    """PipeWire with its session manager and a fake card, with the interface of `servers.Jackd`.

    Clients find it by its name in PIPEWIRE_RUNTIME_DIR, which has to be its folder.

    Args:
        folder: runtime folder; may be shared with other servers.
        rate_hz: rate of the graph, from the next start.
        period_frames: quantum.
        sync: ignored, because PipeWire cannot wait for late clients.
        prompt: ignored, because it has real-time priority wherever that is allowed.
    """

    playback = ("card:playback_FL", "card:playback_FR")
    capture = ("card:capture_FL", "card:capture_FR")

    def __init__(
        self,
        folder: Path,
        *,
        rate_hz: int = 48_000,
        period_frames: int = 64,
        sync: bool = False,
        prompt: bool = False,
    ) -> None:
        super().__init__(folder, f"pw-{next(_names)}")
        self.rate_hz = rate_hz
        self.period_frames = period_frames
        self._settings = folder / f"{self.name}.config"
        # the bus of dbus-run-session
        self.environment |= {
            "XDG_CONFIG_HOME": str(self._settings),
            "PIPEWIRE_RUNTIME_DIR": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"],
        }

    def start(self) -> None:
        """Start, and wait until the session manager is ready too."""
        parts = self._settings / "pipewire" / "pipewire.conf.d"
        parts.mkdir(parents=True, exist_ok=True)
        (parts / "test.conf").write_text(CONFIG.format(rate_hz=self.rate_hz, period_frames=self.period_frames))
        super().start()
        self.run("wireplumber")
        self._await(self._is_managed)

    def _is_managed(self) -> bool:
        command = [need("pw-metadata"), "-n", "default"]
        found = subprocess.run(command, env=self.environment, capture_output=True, check=False, timeout=10)
        return b"Found" in found.stdout

    @property
    def trace(self) -> str:
        """Text found in the system call trace of a client of this server."""
        return str(self.folder / self.name)
