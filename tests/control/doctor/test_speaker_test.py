"""Who ends the speaker test, and whom it hushes; how it sounds is among the live tests."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemfield.control.config.network import NetworkConfig
from stemfield.control.doctor.speaker_test import SpeakerTest
from stemfield.control.network.listeners import nearest_address
from stemfield.layouts.loader import load_layout

PERSON = """
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever started the tests, as nohup
from stemfield.control.cli import main as cli
from stemfield.control.doctor import speaker_test

class Silent:
    def __init__(self, *_): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def play(self, port): print("plays", port, flush=True)

speaker_test.SpeakerTest = Silent
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_daemon_sounds_again_however_the_test_is_ended(
    number: signal.Signals, status: int, control: Any, peer: Any, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"osc: {{port: {control.server.port}}}\n")
    words = ["connect", "--config", str(config), "--port", "system:playback_1"]
    command = [sys.executable, "-c", PERSON, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as person:
        assert person.stdout is not None
        while not person.stdout.readline().startswith(b"plays"):
            assert person.poll() is None
        assert peer.ask("/master/mute") == [True]
        person.send_signal(number)
        assert person.wait(20) == status
    assert peer.ask("/master/mute") == [False]


FINALISER = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from stemfield.control.cli import main as cli, connect as cli_connect

class Dying:
    def __del__(self): os.kill(os.getpid(), int(sys.argv.pop()))

def connect_by_ear(*_, **__):
    Dying()
    input()

cli_connect.connect_by_ear = connect_by_ear
sys.exit(cli.main(sys.argv[1:-1]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_what_is_asked_for_while_an_object_dies_is_not_forgotten(number: signal.Signals, status: int) -> None:
    """Nothing can be raised there."""
    command = [sys.executable, "-c", FINALISER, "connect", str(int(number))]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as person:
        assert person.wait(60) == status


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ({}, "127.0.0.1"),
        ({"bind": "192.168.7.5", "allow": ["192.168.7.0/24"]}, "192.168.7.5"),
        ({"bind": "0.0.0.0", "allow": ["192.168.7.0/24"]}, "127.0.0.1"),
        ({"bind": "::", "allow": ["fd00::/8"]}, "::1"),
        ({"interfaces": ["lan7"], "allow": ["192.168.7.0/24"]}, "127.0.0.1"),
    ],
)
def test_a_daemon_is_asked_where_it_listens(network: dict[str, Any], address: str) -> None:
    assert nearest_address(NetworkConfig.model_validate(network, strict=False)) == address


def test_an_interrupt_while_it_starts_leaves_nobody_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    daemons: list[Any] = []

    def interrupt(test: Any) -> bool:
        daemons.append(test._daemon)
        raise KeyboardInterrupt

    monkeypatch.setattr(SpeakerTest, "_is_ready", interrupt)
    with pytest.raises(KeyboardInterrupt), SpeakerTest(load_layout("quad"), "quad", (), None):
        pass
    (daemon,) = daemons
    assert daemon.poll() is not None


def test_it_exits_if_its_parent_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    command = [sys.executable, "-P", "-m", "stemfield.control.doctor.speaker_test_daemon", str(gone.pid)]
    done = subprocess.run([*command, "quad", "", "30003", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the parent process has ended" in done.stderr
