"""The recipes of CONTRIBUTING.md: each is carried out in a copy of the source, in no more files than it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("control", "layouts", "renderer", "separation", "systemd")


class Source:
    """A copy of the packages that a recipe may change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.touched: set[str] = set()
        unwanted = shutil.ignore_patterns("__pycache__", "node_modules", "web", "static", "models", "*.flac", "*.nb?")
        for package in PACKAGES:
            shutil.copytree(ROOT / package, folder / "stemfield" / package, ignore=unwanted)

    def change(self, file: str, before: str, after: str) -> None:
        """Replaces the only place where `before` stands."""
        path = self.folder / "stemfield" / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{file}: {before!r}"
        path.write_text(text.replace(before, after), encoding="utf-8")
        self.touched.add(file)

    def add(self, file: str, text: str) -> None:
        path = self.folder / "stemfield" / file
        assert not path.exists()
        path.write_text(text, encoding="utf-8")
        self.touched.add(file)

    def run(self, *arguments: str) -> str:
        """The output of Python with the changed packages."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | {"PYTHONPATH": str(self.folder)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def test_an_osc_value(source: Source) -> None:
    source.change(
        "renderer/scene/scene.py",
        "    diffuseness: float = 0.0\n",
        "    diffuseness: float = 0.0\n    shine: float = 0.0\n",
    )
    source.change(
        "control/parameters/object_rows.py",
        "OBJECT_ROWS: tuple[Parameter, ...] = (\n",
        "OBJECT_ROWS: tuple[Parameter, ...] = (\n"
        '    object_field("shine", Argument("f", "shine", "", 0.0, 1.0), "How it shines.", recall="gains"),\n',
    )
    code = """
from stemfield.control.parameters.table import TABLE
from stemfield.renderer.scene.scene import default_scene
(row,) = [row for row in TABLE if row.address == "/object/{o}/shine"]
scene = row.write(default_scene(), 0, (0.25,), None)
print(*row.read(scene, 0), row.stored)
"""
    assert source.run("-c", code).split() == ["0.25", "True"]
    assert len(source.touched) <= 2


HUB = """
import asyncio
from pythonosc.osc_message_builder import OscMessageBuilder
from stemfield.control.hub.build import build_hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.context import Context
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import default_scene
scene = default_scene()
hub = build_hub(scene, Context((), scene, status=idle_status()))
def send(address, *values):
    message = OscMessageBuilder(address)
    for value in values:
        message.add_arg(value)
    async def submit():
        sum(hub.work(message.build().dgram, Peer("127.0.0.1", 9000, print)))
    asyncio.run(submit())
"""


def test_a_command(source: Source) -> None:
    source.change(
        "control/parameters/actions.py",
        "SCENE_ACTIONS: Final = (\n",
        "@dataclass(frozen=True, slots=True)\n"
        "class Greet(Action):\n"
        "    name: str\n\n\n"
        "SCENE_ACTIONS: Final = (\n"
        '    _action("/scene/greet", Greet, (_NAME,), "Greet somebody."),\n',
    )
    source.change(
        "control/hub/scene_commands.py",
        "        hub.on(Redo, self._redo)\n",
        "        hub.on(Redo, self._redo)\n"
        "        from stemfield.control.parameters.actions import Greet\n"
        '        hub.on(Greet, lambda command, peer: print("hello", command.name))\n',
    )
    assert source.run("-c", HUB + "send('/scene/greet', 'room')").strip() == "hello room"
    assert len(source.touched) <= 2


def test_a_dialect(source: Source) -> None:
    source.add(
        "control/dialects/compass.py",
        "from stemfield.control.parameters.commands import SetParameter\n\n\n"
        "def commands(message):\n"
        '    turn = {"north": 0.0, "west": 90.0, "south": 180.0, "east": -90.0}\n'
        "    azimuth = (turn[message.address[9:]],)\n"
        '    return (SetParameter(f"/object/{message.arguments[0]}/azimuth", azimuth, "compass"),)\n',
    )
    source.change(
        "control/dialects/registry.py",
        "DIALECTS: Final = (\n",
        "from stemfield.control.dialects import compass\n\n"
        "DIALECTS: Final = (\n"
        '    Dialect("compass", prefix="/compass/", commands=compass.commands),\n',
    )
    code = HUB + "send('/compass/west', 'vocals'); print([round(x, 3) + 0.0 for x in hub.scene.find(0).position])"
    assert source.run("-c", code).strip() == "[0.0, 1.0, 0.0]"
    assert len(source.touched) <= 2


def test_a_configuration_key(source: Source) -> None:
    source.change(
        "control/config/configuration.py",
        '    log_level: Literal["debug"',
        '    shine_db: float = Field(0.0, ge=-6.0, le=6.0, json_schema_extra=LIVE, description="How it shines.")\n'
        '    log_level: Literal["debug"',
    )
    code = """
from stemfield.control.config.configuration import Config, parse_config
from stemfield.control.daemon.reload import compare
print(parse_config({"shine_db": 3}, "x").shine_db, compare(Config(), Config(shine_db=1.0))[1])
"""
    assert source.run("-c", code).strip() == "3.0 ('shine_db',)"
    assert len(source.touched) == 1


def test_a_command_of_the_command_line(source: Source) -> None:
    source.add(
        "control/cli/hello.py",
        "def hello(options):\n    print('hello', options.name)\n    return 0\n",
    )
    source.change(
        "control/options/commands.py",
        "def _playing(commands: Parser) -> None:\n",
        "def _playing(commands: Parser) -> None:\n"
        '    commands.command("hello", "say hello", "hello.hello").add_argument("name")\n',
    )
    code = "from stemfield.control.cli.main import main; main(['hello', 'room'])"
    assert source.run("-c", code).strip() == "hello room"
    assert len(source.touched) <= 2


def test_a_layout(source: Source) -> None:
    text = (ROOT / "layouts" / "data" / "quad.yaml").read_text(encoding="utf-8")
    source.add("layouts/data/kitchen.yaml", text.replace("name: quad", "name: kitchen"))
    code = "from stemfield.layouts.loader import load_layout; print(load_layout('kitchen').name)"
    assert source.run("-c", code).strip() == "kitchen"
    assert len(source.touched) == 1
