"""A daemon started as by a user, controlled on all of its ports at once."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

from daemon_process import free_port

QUIET = {"driver": "clock", "layout": "7.1.4", "separation": {"enabled": False}}


def test_every_door_leads_to_the_same_scene(daemon: Any, stemfield: Any) -> None:
    ports = {name: free_port() for name in ("http", "s3a", "listener", "spatgris")}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inbox:
        inbox.bind(("127.0.0.1", 0))
        inbox.settimeout(5)
        one = daemon(
            **QUIET,
            osc={"port": (port := free_port()), "adm_answer_port": inbox.getsockname()[1]},
            http={"port": ports["http"]},
            s3a={"port": ports["s3a"], "listener_port": ports["listener"]},
            spatgris={"enabled": True, "port": ports["spatgris"]},
            discovery={"name": f"Room {port}"},
        )
        one.start()
        log = one.log.read_text()

        def send(*words: object) -> str:
            return stemfield("send", *words, "--port", port)

        send("/object/vocals/aed", 90, 0, 1)
        send("/scene/load", "Band around me", 0.1)
        assert send("/object/drums/azimuth") == "/object/drums/azimuth 180\n"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            scene = {"objects": [{"id": "1", "type": "point", "position": {"az": "-45", "el": 0}}]}
            sender.sendto(json.dumps(scene).encode(), ("127.0.0.1", ports["s3a"]))
            sender.sendto(b'{"x": 0.25, "y": 0, "z": 0}', ("127.0.0.1", ports["listener"]))
            spat = (
                b"/spat/serv\0\0,sifffff\0\0\0\0deg\0" + (4).to_bytes(4) + b"\x42\x34\0\0" + bytes(4) + b"\x3f\x80\0\0"
            )
            sender.sendto(spat + bytes(8), ("127.0.0.1", ports["spatgris"]))
            sender.sendto(b"/adm/obj/4/azim\0,\0\0\0", ("127.0.0.1", port))
        assert inbox.recv(100).startswith(b"/adm/obj/4/azim\0,f\0\0")
        assert send("/object/other/azimuth") == "/object/other/azimuth -45\n"
        assert send("/listener/position") == "/listener/position 0.25 0 0\n"
        assert send("/status/problems") == "/status/problems 0\n"
        root = f"http://127.0.0.1:{ports['http']}"
        with urllib.request.urlopen(f"{root}/object/bass/azimuth?VALUE", timeout=5) as answer:
            (azimuth,) = json.load(answer)["VALUE"]
        assert abs(azimuth + 45.0) < 1e-6
        (found,) = [d for d in json.loads(stemfield("browse", "--json")) if d["name"] == f"Room {port}"]
        assert (found["port"], found["http_port"], found["layout"], found["objects"]) == (
            port,
            ports["http"],
            "7.1.4",
            5,
        )
        assert stemfield("send", "/scene/amount", "--daemon", f"Room {port}") == "/scene/amount 1\n"
        one.stop()
    assert "WARNING" not in log


def test_a_second_daemon_does_without_the_ports_of_the_first(daemon: Any, stemfield: Any) -> None:
    shared = {"http": {"port": free_port()}, "s3a": {"port": free_port(), "listener_port": free_port()}}
    first, second = daemon(**QUIET, **shared), daemon(**QUIET, **shared)
    first.start()
    second.start()
    log = second.log.read_text()
    for name in ("http.port", "s3a.port", "s3a.listener_port"):
        assert f"is used by another program: set another {name}" in log
    assert stemfield("send", "/scene/amount", "--port", second.port) == "/scene/amount 1\n"


def test_what_was_changed_a_second_ago_survives_a_kill(daemon: Any) -> None:
    one = daemon(**QUIET)
    one.start()
    for step in range(40):
        one.send("/object/bass/level", step / 100)
        time.sleep(0.02)
    one.send("/object/bass/level", 0.75)
    assert one.ask("/object/bass/level") == [0.75]
    time.sleep(1.0)
    one.send("/object/drums/level", 0.5)
    one.process.kill()
    one.process.wait()
    one.start()
    assert one.ask("/object/bass/level") == [0.75]
    assert "renamed to" not in one.log.read_text()


def test_a_second_daemon_on_one_state_folder_says_who_has_it(daemon: Any, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    first, second = (daemon(**QUIET | {"state_folder": shared}) for _ in range(2))
    first.start()
    second.start(ready=False)
    assert second.process.wait(30) == 1
    second.process = None
    (line,) = [line for line in second.log.read_text().splitlines() if "error" in line]
    assert f"{shared} is the state folder of another daemon (process {first.process.pid} on " in line
    first.send("/master/gain", -6.0)
    assert first.ask("/master/gain") == [-6.0]
