"""A headless PipeWire of one's own, and one that takes the place of `servers.Jackd`."""

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
  # longer periods, which a virtual machine gets otherwise
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
    """A server with a runtime folder of its own, as it is installed; no hardware, no bus, and so no session manager.

    Args:
        folder: for it; made where it is missing.
        name: of the server.
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
        """The server itself, which runs."""
        return self._processes[0]

    def start(self) -> None:
        """Returns when it takes clients."""
        self.run("pipewire")
        self._await(lambda: (self.folder / self.name).exists())

    def run(self, program: str, *arguments: str) -> None:
        """Starts a program beside the server, with which it and what it starts end."""
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
            assert time.monotonic() < deadline, "PipeWire does not answer"
            time.sleep(0.05)

    def add_card(self, name: str, channels: Sequence[str]) -> None:
        """A sound card that is none, with a playback port for each channel, in this order.

        A client, for a sink without a card has no physical ports since PipeWire 1.0.
        """
        self.run("pw-jack", sys.executable, "-c", CARD, name, *(f"playback_{channel}" for channel in channels))
        self._await(lambda: f"{name}:playback_{channels[-1]}" in self._tool("pw-jack", "jack_lsp"))

    def wires(self, card: str) -> dict[str, str]:
        """Which port of a card each of our ports plays to, by short names of ours."""
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
            with suppress(ProcessLookupError):  # one that has ended by itself
                os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        for process in self._processes:
            process.wait(10)
        self._processes.clear()
        (self.folder / self.name).unlink(missing_ok=True)  # which a killed one leaves behind

    def force(self, setting: str, value: int) -> None:
        """For all clients: rate, in Hz, or quantum, in frames."""
        command = [need("pw-metadata"), "-n", "settings", "0", f"clock.force-{setting}", str(value)]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def ports(self) -> set[str]:
        command = [need("pw-jack"), "jack_lsp"]
        found = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return {line for line in found.stdout.splitlines() if line.startswith("stemfield:")}


class StepError(AssertionError):
    """A step in the sound, as where PipeWire leaves out a period."""


def check_sound(heard: np.ndarray, wanted: np.ndarray, period_frames: int, tolerance: float) -> None:
    """Sample by sample; a `StepError` where periods were left out and nothing else is wrong.

    Such a period is silent, and what follows comes exactly so much later until the silence that went in comes out.
    """
    off = np.abs(heard - wanted) >= tolerance
    if off.any():
        later = [np.abs(heard - np.roll(wanted, n * period_frames)) < tolerance for n in (1, 2, 3)]
        assert np.any([heard == 0.0, *later], axis=0)[off].all(), f"{np.abs(heard - wanted).max()} at most"
        raise StepError(f"{off.sum()} samples are whole periods late")


class InPlaceOfJackd(PipeWire):
    """A PipeWire with its session manager that is used as `servers.Jackd` is, with a card that is none.

    Clients find it by its name in PIPEWIRE_RUNTIME_DIR, which has to be its folder.

    Args:
        folder: for it; other ones may live in it too.
        rate_hz: of the graph, as of the next start.
        period_frames: PipeWire says quantum.
        sync: PipeWire cannot wait for clients that are late.
        prompt: it has real-time priority wherever that is allowed.
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
        """Returns when the session manager is at work too."""
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
        """What a client's trace of system calls holds."""
        return str(self.folder / self.name)
