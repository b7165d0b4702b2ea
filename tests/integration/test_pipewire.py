"""The daemon on a headless PipeWire, with PipeWire's libjack."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from pipewire import PipeWire

PORTS = {f"stemfield:{name}" for name in ("mixture_L", "mixture_R", "M+045", "M-045", "M+135", "M-135")}

MANUAL = Path(__file__).parents[2] / "docs" / "desktop.md"


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


CARD = """
context.objects = [ {
  factory = adapter
  args = {
    factory.name = support.null-audio-sink
    node.name = alsa_output.pci-0000_00_1f.3.analog-surround-51
    node.description = "Built-in Audio Analog Surround 5.1"
    media.class = Audio/Sink
    audio.position = [ FL FR RL RR FC LFE ]
  }
} ]
"""
"""Ports of a sound card, named and numbered as by PipeWire."""
PLACES = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}


def test_all_sound_of_a_desktop_plays_as_the_manual_says(pipewire, daemon, tool, until, monkeypatch, tmp_path):
    text = MANUAL.read_text()
    (sink,) = re.findall(r"^```\n(context\.objects.*?)^```", text, re.MULTILINE | re.DOTALL)
    (config,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"^Built-in Audio Analog Surround 5\.1:playback_\w+$", text, re.MULTILINE)
    parts = tmp_path / "xdg-config" / "pipewire" / "pipewire.conf.d"
    parts.mkdir(parents=True)
    (parts / "card.conf").write_text(CARD)
    (parts / "stemfield.conf").write_text(sink)
    pipewire.stop()
    pipewire.environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg-config")
    pipewire.start()
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire.environment[name])

    # the session manager, as the machine's unit starts it, gives the cards their ports
    unit = (MANUAL.parents[1] / "systemd" / "stemfield-wireplumber.service").read_text()
    pipewire.run(*re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split())

    def told(program, *words):
        command = [tool("pw-jack"), program, *words]
        return subprocess.run(command, env=pipewire.environment, capture_output=True, text=True, check=False).stdout

    def card():
        return [port for port in told("jack_lsp").splitlines() if re.match("Built-in.*:playback_", port)]

    until(lambda: len(card()) == len(listed), 20, "the card has its ports")
    assert card() == listed

    settings = yaml.safe_load(config)
    room = daemon(**settings)
    room.start(through=[tool("pw-jack")])
    card_ports = {label: f"Built-in Audio Analog Surround 5.1:playback_{name}" for label, name in PLACES.items()}
    music = {f"mixture_{side}": f"stemfield music:monitor_F{side}" for side in "LR"}
    wanted = {f"stemfield:{own}": {port} for own, port in (card_ports | music).items()}

    def found():
        blocks = re.findall(r"^(stemfield:.*)\n((?:   .*\n)*)", told("jack_lsp", "-c", "stemfield:"), re.MULTILINE)
        return {port: {peer.strip() for peer in peers.splitlines()} for port, peers in blocks}

    until(lambda: found() == wanted, 20, "every loudspeaker has its port, and the music comes from the sink")
