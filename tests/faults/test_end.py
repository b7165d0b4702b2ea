"""SIGTERM in every phase of the start: a clean exit, no process left behind, the scene saved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jack
import numpy as np
import pytest
from analysis import RATE_HZ
from fault_table import NOT_RECORDED, FaultTable
from rig import MakeRig, ms

SECTION = "The end"
ENDED_S = 10.0
"""Stop timeout of systemd."""


def compiling(room: Any) -> None:
    room.wait_for("preparing the audio code")
    time.sleep(4.0)


def loading(room: Any) -> None:
    room.wait_for_worker(60)
    time.sleep(0.3)
    assert "stems arrive" not in room.log.read_text()


def connecting(room: Any) -> None:
    room.wait_for("waiting for a JACK server")
    time.sleep(0.3)


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        pytest.param("compiling", compiling, marks=pytest.mark.long),
        ("the worker loads its model", loading),
        pytest.param("waiting for a server", connecting, marks=pytest.mark.long),
    ],
    ids=["compiling", "loading", "connecting"],
)
def test_sigterm_in_a_phase_of_the_start(
    jackd: Any,
    daemon: Any,
    until: Any,
    fault_table: FaultTable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    phase: Callable[[Any], None],
) -> None:
    server = jackd()
    if phase is connecting:
        server.stop()
    if phase is compiling:
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    took_s = []
    for _ in range(1 if phase is loading else 3):
        room = daemon(driver="jack", layout="quad", jack={"server_name": server.name})
        state = room.folder / "state"
        state.mkdir()
        (state / "scene.json").write_text(json.dumps({"format": 1, "object": {"bass": {"priority": 77}}}))
        room.start(ready=False)
        phase(room)
        room.send("/object/drums/priority", 5)
        assert room.ask("/object/drums/priority") == [5]
        worker = room.worker()
        begun_s = time.monotonic()
        assert room.stop() == 0
        took_s.append(time.monotonic() - begun_s)
        assert "Traceback" not in room.log.read_text()
        if worker is not None:
            until(lambda pid=worker: not Path(f"/proc/{pid}").exists(), 3, "the worker is gone")
        kept = json.loads((state / "scene.json").read_text())["object"]
        assert (kept["bass"]["priority"], kept["drums"]["priority"]) == (77, 5)
    if phase is loading:
        with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
            until(lambda: not looker.get_ports("^stemfield:"), 3, "the daemon's ports are gone")
    assert max(took_s) < ENDED_S
    fault_table.add(
        SECTION,
        f"SIGTERM: {name}",
        "a change, then SIGTERM" + ("" if phase is loading else ", 3 times"),
        outputs=NOT_RECORDED,
        gap="-",
        recovered=f"exited with status 0 after {max(took_s):.1f} s",
        state="the previous scene, with the change",
    )


@pytest.mark.long
def test_sigterm_while_it_plays(rig: MakeRig, fault_table: FaultTable) -> None:
    one = rig(8.0)
    one.client.roll()
    one.wait_s(2.0)
    one.mark()
    begun_s = time.monotonic()
    assert one.room.stop() == 0
    took_s = time.monotonic() - begun_s
    one.wait_s(0.5)
    found = one.heard()
    silent = ~one.client.record[:, : one.client.at].any(axis=0)
    assert silent[-RATE_HZ // 4 :].all()
    last = int(np.flatnonzero(~silent)[-1])
    assert [gap for gap in found.gaps if RATE_HZ < sum(gap) <= last] == []
    assert took_s < ENDED_S
    kept = json.loads((one.room.folder / "state" / "scene.json").read_text())
    assert kept["object"]["drums"]["priority"] == one.marked
    one.check_log()
    fault_table.add(
        SECTION,
        "SIGTERM: playing",
        "a change, then SIGTERM",
        outputs="the recording, then silence",
        gap=ms(0),
        recovered=f"exited with status 0 after {took_s:.1f} s",
        state="the scene, with the last change",
    )
