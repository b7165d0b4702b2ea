"""The doctor's findings, provoked for real: servers that are killed, stopped, slow or wrong; missing rights.

Only sound cards are faked, as the files that the kernel would show.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jack
import pytest
import yaml
from daemon_process import Daemon, free_port
from servers import Jackd

from stemfield.control.doctor.finding import Finding

WATCH_S = 0.5
PERIOD = 2048
STEMFIELD = str(Path(sys.executable).parent / "stemfield")


@pytest.fixture(scope="module")
def room(server: Jackd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A playing daemon in a large room, with everything connected."""
    wires = {"connect_inputs": ["system:capture_*"], "connect_outputs": ["system:playback_*"]}
    running = Daemon(
        tmp_path_factory.mktemp("room"),
        driver="jack",
        jack={"server_name": server.name} | wires,
        http={"port": free_port()},
        separation={"enabled": False},
        inputs=[{"name": f"guest{i}"} for i in range(123)],
    )
    running.start()
    yield running
    running.close()


def cured(finding: Finding) -> None:
    """Run the doctor's command."""
    subprocess.run(finding.cure, shell=True, check=True, capture_output=True)


def connected(server: Jackd, ours: str) -> set[str]:
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        return {peer.name for peer in looker.get_all_connections(f"stemfield:{ours}")}


def test_a_healthy_system_has_nothing(room, server, findings, unavoidable, until):
    until(lambda: connected(server, "M+060") == {"system:playback_1"}, 10, "connections")
    assert findings(room.folder / "config.yaml", 1.0) == {}
    command = [STEMFIELD, "doctor", "--json", "--config", str(room.folder / "config.yaml"), "--watch", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    found = {finding["id"] for finding in told["findings"]}
    assert found - {"xruns-server"} == unavoidable, done.stdout  # which a busy machine may have at any time
    assert done.returncode == bool(found)
    assert told["unseen"] == []
    assert told["urls"] == [f"http://127.0.0.1:{config_of(room)['http']['port']}/"]


def config_of(room: Daemon) -> dict[str, Any]:
    return yaml.safe_load((room.folder / "config.yaml").read_text())


def test_the_first_broken_link_and_the_connection_that_mends_it(room, server, findings):
    config = room.folder / "config.yaml"
    with jack.Client("hand", no_start_server=True, servername=server.name) as hand:
        for label, port in (("M+060", 1), ("M-060", 2)):
            hand.disconnect(f"stemfield:{label}", f"system:playback_{port}")
        for port in (1, 2):
            hand.disconnect(f"system:capture_{port}", f"stemfield:mixture_{'LR'[port - 1]}")
        time.sleep(1.2)  # it is noticed that a person did that
        first = findings(config)
        assert set(first) == {"nothing-connected"}
        assert "stemfield:mixture_L" in first["nothing-connected"].cause
        cured(first["nothing-connected"])
        second = findings(config)
        assert set(second) == {"nothing-connected"}
        assert "stemfield:M+060" in second["nothing-connected"].cause
        cured(second["nothing-connected"])
        assert findings(config) == {}
        for source, target in (("system:capture_2", "stemfield:mixture_R"), ("stemfield:M-060", "system:playback_2")):
            hand.connect(source, target)


def test_a_message_that_is_refused(room, findings):
    room.send("/object/vocal/gain", -6.0)
    assert "did you mean" in str(room.osc.recv(1024))
    found = findings(room.folder / "config.yaml")
    assert set(found) == {"osc-ignored"}
    assert "/object/vocal/gain" in found["osc-ignored"].cause
    assert "did you mean vocals?" in found["osc-ignored"].cause


SLOW = """
import jack, sys, time
client = jack.Client("slow", no_start_server=True, servername=sys.argv[1])
client.set_process_callback(lambda frames: time.sleep(1.5 * frames / client.samplerate))
client.activate()
print("ready", flush=True)
time.sleep(60)
"""


def test_xruns_of_another_client(room, server, findings):
    config = room.folder / "config.yaml"
    with subprocess.Popen([sys.executable, "-c", SLOW, server.name], stdout=subprocess.PIPE) as slow:
        try:
            assert slow.stdout.readline() == b"ready\n"
            found = findings(config, xruns=True)
        finally:
            slow.kill()
    assert set(found) - {"osc-ignored"} == {"xruns-server"}
    assert re.search(r"\d+ xruns in 0.5 s", found["xruns-server"].cause)


def test_xruns_of_ours(room, server, findings):
    """A daemon that is sometimes stopped for a millisecond, with a high load in short periods."""
    config = room.folder / "config.yaml"
    room.send("/object/*/width", 360.0)
    room.send("/object/*/eq", *[value for hz in range(200, 3400, 400) for value in ("peak", float(hz), 2.0, -3.0)])
    room.settle()
    done = threading.Event()

    def halt() -> None:
        while not done.wait(0.01):
            room.process.send_signal(signal.SIGSTOP)
            time.sleep(0.001)
            room.process.send_signal(signal.SIGCONT)

    with jack.Client("changer", no_start_server=True, servername=server.name) as changer:
        changer.blocksize = 16
        halting = threading.Thread(target=halt)
        halting.start()
        try:
            time.sleep(2.2)  # the blocks that are looked at
            found = findings(config, 1.0, xruns=True)
        finally:
            done.set()
            halting.join()
            changer.blocksize = PERIOD
    assert set(found) - {"osc-ignored"} == {"xruns-ours"}, found
    assert found["xruns-ours"].cure == f"JACK_DEFAULT_SERVER={server.name} jack_bufsize 32"
    time.sleep(2.2)


def test_a_clock_that_does_not_run_as_the_server_says(card, file, findings, tool, until):
    """The server's clock is slowed down: it reports 48 kHz and runs at 44.1."""
    speed = "+0 x0.91875"
    library = subprocess.run([tool("faketime"), "-f", speed, "printenv", "LD_PRELOAD"], capture_output=True, text=True)
    slow = card(prompt=True, through=("env", f"LD_PRELOAD={library.stdout.strip()}", f"FAKETIME={speed}"))
    config, found = file(jack={"server_name": slow.name}), {}
    # a busy machine leaves periods out, and then nothing is told of the clock
    until(lambda: found.update(findings(config, 1.0)) or found, 5, "a finding")
    assert set(found) == {"sample-rate-mismatch"}
    measured = re.search(r"reports 48000 Hz and requests (\d+) frames", found["sample-rate-mismatch"].cause)
    assert int(measured[1]) == pytest.approx(44_100, rel=0.02)
    assert "-r 44100" in found["sample-rate-mismatch"].cure


def test_pipewire_with_the_other_libjack_and_a_forced_period(pipewire, room, file, findings, monkeypatch, tool):
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, pipewire.environment[name])
    config = file(jack={"server_name": f"stemfield-test-none-{os.getpid()}"})
    found = findings(config)
    assert set(found) == {"jack-library-wrong"}
    assert found["jack-library-wrong"].cure == "pw-jack stemfield serve"
    path = subprocess.run([tool("pw-jack"), "printenv", "LD_LIBRARY_PATH"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", path.stdout.strip())
    config = file()
    assert set(findings(config)) <= {"jack-servers-several"}  # of other tests
    subprocess.run([tool("pw-metadata"), "-n", "settings", "0", "clock.force-quantum", "2048"], check=True, stdout=-3)
    found = findings(config)
    assert "2048 frames by the setting" in found["pipewire-forced"].cause
    cured(found["pipewire-forced"])
    assert "pipewire-forced" not in findings(config)
    # a daemon with the other library, in the same shell
    copy = file(**config_of(room) | {"jack": {}})
    assert f"the daemon (process {room.process.pid}) has loaded" in findings(copy)["jack-library-wrong"].cause
