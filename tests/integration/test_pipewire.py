"""The daemon on a headless PipeWire, with PipeWire's libjack."""

from __future__ import annotations

import subprocess
import sys
import threading
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


JOINS = """
import select, sys, time, jack
from stemfield.renderer.drivers.jack import JackDriver
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.engine.engine import Engine

labels = tuple(f"M+{number:03d}" for number in range(24))
changer = jack.Client("changer", no_start_server=True)
for turn in range(20):
    driver = JackDriver(JackSettings())
    engine = Engine(driver.sample_rate_hz, 2, 0, 24, 4, 2304)
    engine.timeline.close()
    changer.blocksize = 1024 if turn % 2 else 64
    driver.start(engine, JackPorts(("mixture_L", "mixture_R"), 2, labels, tuple(range(1, 25))))
    while not engine.counters().calls:
        time.sleep(0.005)
    if turn == 19:
        print("joined", flush=True)
        while not select.select([sys.stdin], [], [], 0.05)[0]:
            driver.tell_latencies()
    driver.close()
"""


def test_a_newcomer_is_called_while_the_period_changes_and_tells_its_latency(pipewire, tool, monkeypatch, until):
    """PipeWire 0.3.65 changes the period while latencies are reported: it must not deadlock."""
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire.environment[name])
    command = [tool("pw-jack"), sys.executable, "-c", JOINS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as joining:
        watch = threading.Timer(60, joining.kill)
        watch.start()
        try:
            assert joining.stdout.readline() == "joined\n", "it was not called, or could not leave"
            looks = [tool("pw-jack"), "jack_lsp", "-l", "stemfield:M+000"]

            def told():
                return subprocess.run(looks, capture_output=True, text=True, check=True).stdout

            until(lambda: "port capture latency = [ 2304 2304 ] frames" in told(), 10, "its latency")
            joining.communicate("\n")
        finally:
            watch.cancel()
    assert joining.returncode == 0
