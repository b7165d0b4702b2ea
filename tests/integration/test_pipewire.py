"""The same daemon on a headless PipeWire, through PipeWire's own libjack."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

PORTS = {f"stemfield:{name}" for name in ("mixture_L", "mixture_R", "M+045", "M-045", "M+135", "M-135")}


class PipeWire:
    """A server and its session manager with a runtime folder of their own; there is no hardware."""

    def __init__(self, folder: Path, tool) -> None:
        folder.mkdir(mode=0o700)
        self.environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        self._programs = [tool("pipewire"), tool("wireplumber")]
        self._pw_jack = tool("pw-jack")
        self._pw_metadata = tool("pw-metadata")
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for program in self._programs:
            self._processes.append(
                subprocess.Popen([program], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            time.sleep(1)

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def set_rate(self, rate_hz: int) -> None:
        command = [self._pw_metadata, "-n", "settings", "0", "clock.force-rate", str(rate_hz)]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def ports(self) -> set[str]:
        found = subprocess.run(
            [self._pw_jack, "jack_lsp"], env=self.environment, capture_output=True, text=True, check=False
        )
        return {line for line in found.stdout.splitlines() if line.startswith("stemfield:")}


@pytest.fixture
def pipewire(tmp_path, tool):
    server = PipeWire(tmp_path / "run", tool)
    server.start()
    yield server
    server.kill()


def test_it_joins_pipewire_follows_its_rate_and_outlives_it(pipewire, daemon, tool, until, monkeypatch):
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire.environment[name])
    room = daemon(driver="jack", layout="quad")
    room.start(through=[tool("pw-jack")])
    room.wait_for("stems arrive")
    assert pipewire.ports() == PORTS
    pipewire.set_rate(44_100)
    room.wait_for("JACK as stemfield (44100 Hz")
    pipewire.kill()
    room.wait_for("waiting for a JACK server")
    pipewire.start()
    until(lambda: pipewire.ports() == PORTS, 20, "the ports are back")
    assert "Traceback" not in room.log.read_text()
