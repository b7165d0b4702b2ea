"""PipeWire is killed and restarted, with every sample before and after recorded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analysis import RATE_HZ, Analysis, analyse
from fault_table import FaultTable
from pipewire import PipeWire
from rig import EDGE_FRAMES, FADE_FRAMES, WIRES, check, long_tape, place_objects

BACK_S = 20.0
"""Maximum time to sound: PipeWire's session manager is slow."""
SOUNDS_S = 1.0
"""Minimum length of sound after that."""


@contextmanager
def client(folder: Path, tool: Any) -> Iterator[None]:
    """Play and record in another process while this lasts."""
    command = [tool("pw-jack"), sys.executable, str(Path(__file__).parent / "client_program.py"), str(folder)]
    here = Path(__file__).parent
    path = os.pathsep.join(map(str, (here, here.parent / "support")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
        process.terminate()
        assert process.wait(20) == 0


def heard(folder: Path, tape: np.ndarray) -> Analysis:
    """Analysis of the recording, in which sound does not end once it has started."""
    found = check(analyse(np.load(folder / "record.npy"), tape))
    assert found.begins <= found.frames - SOUNDS_S * RATE_HZ
    return found


@pytest.mark.long
def test_pipewire_killed_and_started_again(
    tmp_path: Path, tool: Any, daemon: Any, fault_table: FaultTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PipeWire(tmp_path / "run")
    server.start()
    try:
        for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
            monkeypatch.setenv(name, server.environment[name])
        tape = long_tape(30.0)
        np.save(tmp_path / "tape.npy", tape)
        room = daemon(driver="jack", layout="quad", jack=WIRES, separation={"margin_ms": 150})
        room.start(through=[tool("pw-jack")])
        room.wait_for("stems arrive")
        place_objects(room)
        room.settle()
        with client(tmp_path, tool):
            time.sleep(4.0)
        first = heard(tmp_path, tape)
        assert len(first.gaps) <= 1
        server.stop(kill=True)
        room.wait_for("waiting for a JACK server")
        room.send("/object/drums/priority", 7)
        server.start()
        with client(tmp_path, tool):
            time.sleep(BACK_S)
        again = heard(tmp_path, tape)
        assert again.fading <= FADE_FRAMES + EDGE_FRAMES
        back_s = again.begins / RATE_HZ
        assert room.ask("/object/drums/priority") == [7]
        assert '"priority": 7' in (room.folder / "state" / "scene.json").read_text()
        assert "Traceback" not in room.log.read_text()
    finally:
        server.stop(kill=True)
    fault_table.add(
        "The JACK server",
        "PipeWire restarted",
        "killed and restarted; the daemon uses PipeWire's libjack",
        outputs="the recording",
        gap="while there is no server",
        recovered=f"sound {back_s:.1f} s after the recording client has joined",
        state="the scene, with the last change",
    )
