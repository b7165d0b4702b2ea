"""Fixtures for JACK clients and daemons that end with the test."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import Daemon
from jack_client import JackClient


@pytest.fixture
def jack_client() -> Iterator[Any]:
    made: list[JackClient] = []

    def make(*arguments: Any, **options: Any) -> JackClient:
        made.append(JackClient(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Any]:
    """`daemon(driver="jack", ...)` makes a daemon that is not started yet."""
    made: list[Daemon] = []

    def make(**config: Any) -> Daemon:
        folder = tmp_path / f"daemon{len(made)}"
        folder.mkdir()
        made.append(Daemon(folder, **config))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stemfield() -> Any:
    """`stemfield("upmix", ...)` runs the command and returns its standard output."""

    def run(*arguments: Any) -> str:
        command = [str(Path(sys.executable).parent / "stemfield"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@functools.cache
def compile_audio_code() -> None:
    """Compile all of it, unless it is cached."""
    ahead = (
        "from stemfield.renderer.engine.processor import address_of, compile_ahead\n"
        "from stemfield.renderer.drivers.jack_callback import compile_callbacks\n"
        "from stemfield.renderer.engine.freewheel import process_patiently\n"
        "compile_ahead(), address_of(process_patiently), compile_callbacks()\n"
    )
    subprocess.run([sys.executable, "-c", ahead], check=True)


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile the audio code once; pytest calls this again in each folder that imports it."""
    compile_audio_code()


@pytest.fixture(autouse=True)
def _quiet_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))
