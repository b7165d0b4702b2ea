"""The daemon in its environment: servers that come and go, clean stops, invalid input, saved state."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import jack
import numpy as np
import pytest

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture

LABELS_QUAD = ["M+045", "M-045", "M+135", "M-135"]


def test_sigterm_ends_it_in_order_and_leaves_nobody_behind(daemon, until):
    room = daemon(driver="clock")
    room.start()
    worker = room.wait_for_worker()
    assert room.stop() == 0
    until(lambda: not Path(f"/proc/{worker}").exists(), 3, "the worker is gone")
    assert "Traceback" not in room.log.read_text()


def test_the_scene_is_remembered(daemon):
    room = daemon(driver="clock")
    room.start()
    room.send("/object/vocals/aed", 90.0, 10.0, 2.0)
    room.send("/master/gain", -6.0)
    assert room.ask("/object/vocals/aed") == pytest.approx([90, 10, 2], abs=1e-3)
    room.stop()
    room.start()
    assert room.ask("/object/vocals/aed") == pytest.approx([90, 10, 2], abs=1e-3)
    assert room.ask("/master/gain") == pytest.approx([-6])


def test_a_killed_daemon_loses_at_most_the_last_second(daemon):
    room = daemon(driver="clock")
    room.start()
    room.send("/object/bass/azimuth", 45.0)
    assert room.ask("/object/bass/azimuth") == pytest.approx([45], abs=1e-3)
    time.sleep(1.6)
    room.process.kill()
    room.process.wait()
    kept = json.loads((room.folder / "state" / "scene.json").read_text())
    assert "bass" in json.dumps(kept)
    room.start()
    assert room.ask("/object/bass/azimuth") == pytest.approx([45], abs=1e-3)


def test_rubbish_on_the_wire_changes_nothing(daemon):
    room = daemon(driver="clock")
    room.start()
    before = room.ask("/object/vocals/aed")
    random = np.random.default_rng(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for size in random.integers(0, 2000, 500):
            peer.sendto(random.bytes(int(size)), ("127.0.0.1", room.port))
        peer.sendto(b"#bundle\0" + b"\xff" * 100, ("127.0.0.1", room.port))
        peer.sendto(b"/object/vocals/aed\0\0,fff\0\0\0\0" + b"\x7f\xc0\0\0" * 3, ("127.0.0.1", room.port))  # NaN
    assert room.ask("/object/vocals/aed") == before
    assert room.process.poll() is None
    assert "Traceback" not in room.log.read_text()


def test_a_server_that_restarts_finds_the_room_again_with_its_connections(jackd, daemon, until):
    server = jackd(period_frames=256)
    room = daemon(
        driver="jack",
        layout="quad",
        jack={"server_name": server.name, "connect_outputs": list(server.playback)},
    )
    room.start()

    def connections():
        try:
            with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
                return {
                    (port.shortname, peer.name)
                    for port in looker.get_ports("^stemfield:")
                    for peer in looker.get_all_connections(port)
                }
        except jack.JackOpenError:
            return set()

    configured = set(zip(LABELS_QUAD, server.playback, strict=False))
    until(lambda: connections() == configured, 5, "configured connections")
    by_hand = ("mixture_L", server.capture[1])
    with jack.Client("hand", no_start_server=True, servername=server.name) as hand:
        hand.connect(server.capture[1], "stemfield:mixture_L")
    until(lambda: connections() == configured | {by_hand}, 5, "a connection by hand")
    time.sleep(1.2)  # noticed
    for kill in (True, False):
        server.stop(kill=kill)
        until(lambda: not connections(), 5, "the server is gone")
        server.start()
        until(lambda: connections() == configured | {by_hand}, 10, "all connections again")
    server.stop()
    server.rate_hz = 44_100
    server.start()
    until(lambda: connections() == configured | {by_hand}, 15, "and at another rate")
    assert room.process.poll() is None
    assert "Traceback" not in room.log.read_text()


def test_without_a_server_it_waits_and_can_be_steered(daemon, jackd):
    server = jackd()
    server.stop()
    room = daemon(driver="jack", jack={"server_name": server.name})
    room.start(ready=False)
    room.wait_for("waiting for a JACK server")
    room.send("/object/vocals/azimuth", 30.0)
    assert room.ask("/object/vocals/azimuth") == pytest.approx([30], abs=1e-3)
    server.start()
    room.wait_for("is ready")


def test_a_missing_model_leaves_the_music(jackd, daemon, jack_client):
    tape = demo_mixture()[:, : 4 * DEMO_RATE_HZ]
    server = jackd(period_frames=256, sync=True)
    room = daemon(driver="jack", layout="quad", model="stduio", jack={"server_name": server.name})
    room.start()
    text = room.log.read_text()
    assert "stduio" in text
    assert "did you mean studio" in text
    client = jack_client(server.name, 4, tape)
    client.connect("stemfield", ["mixture_L", "mixture_R"], LABELS_QUAD)
    client.roll()
    client.wait_end()
    assert np.square(client.record).mean() > 1e-4


def test_a_taken_port_is_one_clear_line(daemon):
    first, second = daemon(driver="clock"), daemon(driver="clock")
    first.start()
    config = (second.folder / "config.yaml").read_text().replace(str(second.port), str(first.port))
    (second.folder / "config.yaml").write_text(config)
    second.start(ready=False)
    status = second.process.wait(20)
    second.process = None
    text = second.log.read_text()
    assert status == 1
    assert f"port {first.port} is used by another program" in text
    assert "Traceback" not in text


def test_more_objects_come_from_other_clients(jackd, daemon, jack_client):
    server = jackd(period_frames=256, sync=True)
    guest = {"name": "guest", "channels": 1, "aed": [135.0, 0.0, 1.0]}
    room = daemon(driver="jack", layout="quad", jack={"server_name": server.name}, inputs=[guest])
    room.start()
    tape = (0.1 * np.random.default_rng(0).standard_normal((1, 2 * DEMO_RATE_HZ))).astype(np.float32)
    client = jack_client(server.name, 4, tape)
    client.connect("stemfield", ["guest"], LABELS_QUAD)
    client.roll()
    client.wait_end()
    power = np.square(client.record).sum(1)
    assert power[2] > 0.99 * power.sum()
    room.send("/object/guest/azimuth", -45.0)
    assert room.ask("/object/guest/azimuth") == pytest.approx([-45], abs=1e-3)


def test_systemd_hears_of_readiness_status_and_life(daemon, tmp_path, monkeypatch, until):
    """A real datagram socket in place of systemd."""
    path, heard = str(tmp_path / "notify"), []
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)

        def listen():
            while (text := manager.recv(4096).decode()) != "END":
                heard.append(text)

        listener = threading.Thread(target=listen)
        listener.start()
        room = daemon(driver="clock")
        room.start()
        ready = len(heard)
        until(lambda: sum("WATCHDOG=1" in text for text in heard[ready:]) >= 2, 20, "signs of life")
        assert any("READY=1" in text for text in heard)
        assert any(text.startswith("STATUS=") for text in heard)
        room.stop()
        manager.sendto(b"END", path)
        listener.join()
    assert any("STOPPING=1" in text for text in heard)


@pytest.mark.parametrize("driver", ["jack", "clock"])
def test_systemd_waits_as_long_as_the_first_start_takes(daemon, tmp_path, monkeypatch, driver):
    """systemd would end a start after TimeoutStartSec, and a ready daemon that stops sending keep-alives."""
    path, heard = str(tmp_path / "notify"), []
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    (tmp_path / "sitecustomize.py").write_text(
        "import time\n"
        "from stemfield.renderer.engine import processor\n"
        "compile_ahead, slow = processor.compile_ahead, [2.5]\n"
        "processor.compile_ahead = lambda: slow and time.sleep(slow.pop()) or compile_ahead()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(60)
        room = daemon(driver=driver, jack={"server_name": "nobody"})
        room.start(ready=False)
        while not heard or heard[-1] != "READY=1":
            heard.append(manager.recv(4096).decode())
        room.stop()
    extended = [text for text in heard if text.startswith("EXTEND_TIMEOUT_USEC=")]
    assert len(extended) >= 2
    assert int(extended[0].partition("=")[2]) >= 30e6


def test_a_server_that_gets_no_blocks_ends_the_signs_of_life(jackd, daemon, tmp_path, monkeypatch, until):
    """The daemon joins a real server but never plays, as if its callback had stopped."""
    path, heard = str(tmp_path / "notify"), []
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    (tmp_path / "sitecustomize.py").write_text(
        "import pathlib, jack\n"
        "activate = jack.Client.activate\n"
        f"jack.Client.activate = lambda self: pathlib.Path({str(tmp_path / 'mute')!r}).exists() or activate(self)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = jackd()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(0.05)

        def signs(seconds):
            """Number of keep-alive messages in this many seconds."""
            count, ends_s = 0, time.monotonic() + seconds
            while time.monotonic() < ends_s:
                with suppress(TimeoutError):
                    heard.append(manager.recv(4096).decode())
                    count += heard[-1] == "WATCHDOG=1"
            return count

        room = daemon(driver="jack", layout="quad", separation={"enabled": False}, jack={"server_name": server.name})
        room.start(ready=False)
        until(lambda: signs(0.5) and "is ready" in room.log.read_text(), 60, "it plays")
        server.stop()
        room.wait_for("waiting for a JACK server")
        assert signs(4.0) >= 4, "there is no server: nothing is wrong with the daemon"
        (tmp_path / "mute").touch()
        before = room.log.read_text().count("requested no block")  # PipeWire does not say that it ends
        server.start()
        until(lambda: room.log.read_text().count("requested no block") > before, 10, "the server gets no blocks")
        signs(0.5)
        assert signs(3.0) == 0, "joining it again and again is no sign of life"
        (tmp_path / "mute").unlink()
        until(lambda: signs(0.5), 10, "blocks again")
        room.stop()


def test_the_daemon_is_found_on_the_network(daemon, stemfield):
    room = daemon(driver="clock", discovery={"enabled": True, "name": "listening room seven"})
    room.start()
    time.sleep(1.5)
    found = json.loads(stemfield("browse", "--json"))
    entry = next(item for item in found if item["name"].startswith("listening room seven"))
    assert entry["port"] == room.port
    assert entry["layout"] == "22.2"


@pytest.mark.parametrize("after_s", [0.2, 0.5, 0.8, 1.1, 1.5])
def test_sigterm_at_any_moment_of_the_start_ends_it(jackd, daemon, after_s, until):
    server = jackd()
    room = daemon(driver="jack", jack={"server_name": server.name})
    room.start(ready=False)
    time.sleep(after_s)
    status = room.stop()
    assert status in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert "Traceback" not in room.log.read_text()
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        until(lambda: not looker.get_ports("^stemfield:"), 3, "our ports are gone")


def test_a_server_that_hangs_is_left_and_does_not_keep_us(jackd, daemon):
    server = jackd()
    room = daemon(driver="jack", jack={"server_name": server.name})
    room.start()
    server.process.send_signal(signal.SIGSTOP)
    try:
        room.wait_for("requested no block")
        assert room.ask("/object/vocals/gain") == [0.0]  # the loop is alive
        began = time.monotonic()
        assert room.stop() == 0
        assert time.monotonic() - began < 10
    finally:
        server.process.send_signal(signal.SIGCONT)


def test_a_period_that_needs_more_latency_gets_it_while_playing(jackd, daemon, until):
    server = jackd(period_frames=256)
    room = daemon(driver="jack", jack={"server_name": server.name})
    room.start()

    def latencies():
        return [int(n) for n in re.findall(r"INFO JACK as .* latency (\d+) frames", room.log.read_text())]

    with jack.Client("changer", no_start_server=True, servername=server.name) as changer:
        changer.blocksize = 4096
        room.wait_for("the JACK server now runs at 48000 Hz, period 4096 frames")
        until(lambda: len(latencies()) > 1, 10, "it has joined anew")
        first, later = latencies()
        assert later - first == 4096 - 0.015 * 48_000  # the worker may be a period late
        changer.blocksize = 256
    time.sleep(1)
    assert room.log.read_text().count("JACK as stemfield (") == 3  # twice in the log, once in the welcome
    assert room.process.poll() is None


def test_waiting_for_a_server_costs_no_memory(jackd, daemon):
    server = jackd()
    server.stop()
    room = daemon(driver="jack", jack={"server_name": server.name})
    room.start(ready=False)
    room.wait_for("waiting for a JACK server")

    def resident_kb():
        status = Path(f"/proc/{room.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    time.sleep(3)
    before = resident_kb()
    time.sleep(12)
    assert resident_kb() - before < 1500  # two dozen attempts; the allocator takes a megabyte now and then
