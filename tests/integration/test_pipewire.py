"""The same daemon on a headless PipeWire, through PipeWire's own libjack."""

from __future__ import annotations

import time

import pytest
from pipewire import PipeWire

PORTS = {f"stemfield:{name}" for name in ("mixture_L", "mixture_R", "M+045", "M-045", "M+135", "M-135")}


@pytest.fixture
def pipewire(tmp_path):
    server = PipeWire(tmp_path / "run")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_it_joins_pipewire_follows_its_rate_and_outlives_it(pipewire, daemon, tool, until, monkeypatch):
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire.environment[name])
    room = daemon(driver="jack", layout="quad")
    room.start(through=[tool("pw-jack")])
    room.wait_for("stems arrive")
    assert pipewire.ports() == PORTS
    pipewire.force("rate", 44_100)
    room.wait_for("JACK as stemfield (44100 Hz")
    pipewire.force("quantum", 4096)
    room.wait_for("JACK as stemfield (44100 Hz, period 4096 frames")
    time.sleep(3)
    assert room.log.read_text().count("the JACK server now runs at") <= 2, "joined anew once each"
    pipewire.stop(kill=True)
    room.wait_for("waiting for a JACK server")
    pipewire.start()
    until(lambda: pipewire.ports() == PORTS, 20, "the ports are back")
    assert "Traceback" not in room.log.read_text()
