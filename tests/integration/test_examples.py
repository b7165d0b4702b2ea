"""The examples of the manual, run against a daemon as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import Daemon, free_port
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from stemfield.control.offline.demo import demo_mixture_file

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def python(name: str, *arguments: Any) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def finish(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A daemon that plays the demo song, without separation, to start faster."""
    folder = tmp_path_factory.mktemp("examples")
    http = free_port()
    music = str(demo_mixture_file(folder))
    one = Daemon(folder, driver="clock", http={"port": http}, separation={"enabled": False}, input=music)
    one.root = f"http://127.0.0.1:{http}/"
    one.start()
    yield one
    one.close()


def addresses(root: str) -> dict[str, dict[str, Any]]:
    """All nodes of the OSCQuery tree, by address."""

    def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for below in node.get("CONTENTS", {}).values():
            yield from walk(below)

    with urllib.request.urlopen(root, timeout=5) as answer:
        return {node["FULL_PATH"]: node for node in walk(json.load(answer))}


def test_python_walks_an_object_round_and_shows_levels(playing: Any) -> None:
    walk = subprocess.Popen(python("circle.py", "--port", playing.port, "--object", "bass", "--seconds", 1.5))
    shown = finish(python("levels.py", "--port", playing.port, "--seconds", 1.2))
    azimuth, elevation, distance = playing.ask("/object/bass/aed")
    assert (elevation, distance) == (0.0, 2.0)
    assert walk.wait(20) == 0
    assert abs(azimuth) > 1.0  # it was under way
    assert playing.ask("/object/bass/aed") == pytest.approx([0.0, 0.0, 2.0], abs=1e-3)
    bars = [line.split() for line in shown.splitlines()]
    assert {bar[0] for bar in bars} >= {"residual"}  # what plays while nothing is separated
    assert all(-120.0 <= float(bar[-2]) <= 6.0 for bar in bars)


def test_the_surface_is_that_of_the_daemon_and_all_its_addresses_are_there(playing: Any) -> None:
    made = json.loads(finish(python("open_stage_control.py", "--root", playing.root)))
    shipped = json.loads((EXAMPLES / "open-stage-control.json").read_text())
    assert made == shipped, "python docs/examples/open_stage_control.py > docs/examples/open-stage-control.json"
    nodes = addresses(playing.root)

    def walk(widget: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield widget
        for below in widget.get("widgets", ()):
            yield from walk(below)

    widgets = [widget for widget in walk(shipped["content"]) if "address" in widget]
    assert len(widgets) == 5 * 6 + 5
    assert len({widget["id"] for widget in walk(shipped["content"])}) == len(list(walk(shipped["content"])))
    for widget in widgets:
        node = nodes[widget["address"]]
        assert node["ACCESS"] == 3
        for address in re.findall(r"send\('([^']+)'", widget.get("onValue", "")):
            assert nodes[address]["ACCESS"] & 2
        if "range" in widget:
            (allowed,) = node["RANGE"]
            assert allowed["MIN"] <= widget["range"]["min"] < widget["range"]["max"] <= allowed["MAX"]


def test_the_module_of_the_surface_hears_what_others_move(playing: Any, tool: Any, tmp_path: Path) -> None:
    """Run by Node.js, with stand-ins for what Open Stage Control gives to modules."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as surface:
        surface.bind(("127.0.0.1", 0))
        surface.settimeout(5)
        own = surface.getsockname()[1]
        stand = tmp_path / "stand.js"
        stand.write_text(f"""
            const sent = [];
            global.settings = {{ read: (name) => ({{ "osc-port": {own} }})[name] }};
            global.send = (host, port, address, ...args) => sent.push([address, args.map((each) => each.value)]);
            const module_ = require({json.dumps(str(EXAMPLES / "open-stage-control.js"))});
            module_.init();
            module_.stop();
            const args = [1, 2, 0.5].map((value) => ({{ type: "f", value }}));
            const shown = module_.oscInFilter({{ address: "/object/vocals/position", args }});
            console.log(JSON.stringify({{ sent, shown: shown.args.map((each) => each.value) }}));
        """)
        told = json.loads(finish([tool("node"), str(stand)]))
        assert told["shown"] == [-2, 1]  # 2 m to the left is at the left of the pad, 1 m forwards is upwards
        assert told["sent"]
        for address, values in told["sent"]:
            playing.send(address, *values)
        playing.send("/object/drums/gain", -7.0)
        wanted = {}
        while wanted.get("/object/drums/gain") != [-7.0]:
            packet = surface.recv(65_536)
            parts = OscBundle(packet) if OscBundle.dgram_is_bundle(packet) else [OscMessage(packet)]
            wanted |= {part.address: list(part.params) for part in parts}


def test_reaper_moves_objects_by_adm_osc(playing: Any, until: Any) -> None:
    """A stand-in for REAPER sends what its Default.ReaperOSC describes."""
    listen = free_port()
    bridge = subprocess.Popen(python("reaper_adm.py", "--listen", listen, "--port", playing.port))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reaper:

            def send(address: str, *values: Any) -> None:
                reaper.sendto(build_msg(address, list(values)).dgram, ("127.0.0.1", listen))

            def arrived() -> bool:
                send("/time", 1.5)  # one of the many things that are not wanted
                send("/track/2/volume/db", -6.0)
                return playing.ask("/object/bass/gain") == pytest.approx([-6.0], abs=0.01)

            until(arrived, 10, "a volume of -6 dB")
            send("/track/1/fx/1/fxparam/1/value", 0.75)
            send("/track/1/fx/1/fxparam/2/value", 0.75)
            send("/track/1/fx/1/fxparam/3/value", 0.5)
            send("/track/1/fx/1/fxparam/4/value", 0.5)  # the effect's own bypass
            send("/track/3/mute", 1.0)
            until(lambda: playing.ask("/object/drums/mute") == [True], 5, "the mute")
            assert playing.ask("/object/vocals/aed") == pytest.approx([90.0, 45.0, 0.5], abs=0.01)
    finally:
        bridge.send_signal(signal.SIGINT)
        assert bridge.wait(10) == 0


def test_supercollider_steers_and_hears(playing: Any, tool: Any, tmp_path: Path) -> None:
    """The interpreter evaluates block by block, as a user would."""
    text = (EXAMPLES / "stemfield.scd").read_text().replace("4001", str(playing.port))
    blocks = text.split("\n\n")[1:]
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.scd").write_text(block)
    steps = " ".join(
        f'File.readAllString("{tmp_path}/{n}.scd").interpret; "done {n}".postln; 0.8.wait;' for n in range(len(blocks))
    )
    (tmp_path / "all.scd").write_text(f"fork {{ {steps} 0.exit }}")
    (tmp_path / "run").mkdir(mode=0o700)
    # there is no screen, and a browser in it that would not run as root
    without = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "HOME": str(tmp_path)}
    log = tmp_path / "log.txt"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [tool("sclang"), str(tmp_path / "all.scd")],
            env=os.environ | without | {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    seen = []
    while process.poll() is None:
        seen.append((*playing.ask("/object/vocals/aed"), *playing.ask("/object/drums/gain")))
        time.sleep(0.05)
    told = log.read_text()
    assert "ERROR" not in told, told
    assert f"done {len(blocks) - 1}" in told
    assert (110.0, 0.0, 2.0, -6.0) in [tuple(round(value, 3) for value in state) for state in seen]
    assert "[ /object/vocals/aed, 0.0, 0.0, 2.0 ]" in told  # subscribed to, after the bundle
    assert playing.ask("/object/vocals/aed") == pytest.approx([0.0, 0.0, 1.0])
