"""The separation dies, hangs, runs out of memory or finds damaged files: the recording plays on, complete."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_models as toys
from analysis import RATE_HZ, first_sound
from fault_table import FaultTable
from rig import BEHIND, MakeRig, Rig, long_tape, ms, seconds

from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT

SECTION = "The separation"


def check_fade(rig: Rig, away: int, back: int) -> None:
    """Check that the vocals faded out behind and came back without a step."""
    behind = rig.client.record[BEHIND, : rig.client.at]
    window = RATE_HZ // 10
    steps = np.abs(np.diff(behind))
    steps = steps[: len(steps) // window * window].reshape(-1, window).max(1)
    seams = {at // window + k for at in (away, back) for k in (-1, 0, 1)}
    others = [step for k, step in enumerate(steps) if k not in seams]
    assert max(steps[k] for k in seams if k < len(steps)) < 2 * max(others)


@pytest.mark.parametrize(
    ("signal_", "fault", "done", "within_s"),
    [
        (signal.SIGKILL, "worker killed", "SIGKILL", 5),
        (signal.SIGSTOP, "worker hangs", "SIGSTOP; replaced after 3 s", 8),
    ],
    ids=["killed", "hung"],
)
def test_a_worker_that_dies_or_hangs_leaves_no_gap_and_comes_back(
    rig: MakeRig, fault_table: FaultTable, signal_: signal.Signals, fault: str, done: str, within_s: float
) -> None:
    one = rig(40.0)
    one.client.roll()
    one.wait_s(2.0)
    victim = one.room.worker()
    os.kill(victim, signal_)
    struck = one.client.at
    one.mark()
    away, back = one.stems_away(struck)
    assert one.room.worker() not in (None, victim)
    check_fade(one, away, back)
    assert back - struck <= within_s * RATE_HZ
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    recovered = seconds(back - struck)
    fault_table.add(SECTION, fault, done, outputs=outputs, gap=ms(0), recovered=recovered, state=state)


def pulse(tape: np.ndarray, at: int) -> np.ndarray:
    """The tape with one sample louder than all others."""
    tape[:, at] = 0.95, 0.0
    return tape


@pytest.mark.long
@pytest.mark.parametrize(
    ("trap", "fault", "done"),
    [
        ("error", "ONNX Runtime raises", "a graph with an index out of range at one loud sample"),
        (
            "hog",
            "worker out of memory",
            "a graph that allocates 8 GB at one loud sample; the worker has RLIMIT_AS",
        ),
    ],
)
def test_what_the_runtime_raises_ends_the_worker_in_one_line_and_not_the_sound(
    rig: MakeRig, fault_table: FaultTable, tmp_path: Any, trap: str, fault: str, done: str
) -> None:
    toys.trap_stream(tmp_path / "models" / "trap", trap)
    one = rig(40.0, tape=pulse(long_tape(40.0), 4 * RATE_HZ), model="trap", model_folders=[str(tmp_path / "models")])
    victim = one.room.worker()
    size = int(Path(f"/proc/{victim}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(victim, resource.RLIMIT_AS, (size + (256 << 20), size + (256 << 20)))
    one.client.roll()
    one.wait_s(6.0)
    one.mark()
    _, back = one.stems_away(4 * RATE_HZ)
    assert one.room.worker() not in (None, victim)
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    assert "separation worker: it ended with status 1: " in one.room.log.read_text()
    fault_table.add(
        SECTION, fault, done, outputs=outputs, gap=ms(0), recovered=seconds(back - 4 * RATE_HZ), state=state
    )


@pytest.mark.long
def test_files_of_the_model_that_vanish_or_become_rubbish_while_it_loads(
    rig: MakeRig, fault_table: FaultTable, tmp_path: Any
) -> None:
    shipped = load_card(DEFAULT).folder
    folder = tmp_path / "models" / shipped.name
    shutil.copytree(shipped, folder)
    graphs = sorted(folder.glob("*.onnx"))
    assert graphs
    one = rig(45.0, model_folders=[str(tmp_path / "models")])
    one.client.roll()
    one.wait_s(2.0)

    def gone() -> None:
        for graph in graphs:
            graph.unlink()

    def rubbish() -> None:
        for graph in graphs:
            fresh = graph.with_suffix(".new")
            fresh.write_bytes(os.urandom(100_000))
            fresh.replace(graph)

    def cut_in_place() -> None:
        for graph in graphs:
            os.truncate(graph, 1000)

    def mend() -> None:
        for graph in graphs:
            fresh = graph.with_suffix(".new")
            shutil.copyfile(shipped / graph.name, fresh)
            fresh.replace(graph)

    cut_in_place()  # the running worker does not read it any more
    one.wait_s(1.0)
    assert one.room.worker() is not None
    mend()
    for harm, after_s in ((gone, 0.0), (rubbish, 0.3), (cut_in_place, 0.6)):
        victim = one.room.wait_for_worker()
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while one.room.worker() in (None, victim):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(after_s)
        harm()
        one.mark()
        time.sleep(0.7)
        mend()
    mended = one.client.at
    one.wait_for_stems()
    one.wait_s(2.0)
    back = first_sound(one.client.record[BEHIND], mended, 1e-7)
    assert back is not None
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "model file missing or damaged while loading",
        "worker killed 3 times; graph deleted, overwritten or truncated 0, 0.3 and 0.6 s after the restart, restored "
        "0.7 s later",
        outputs=outputs,
        gap=ms(0),
        recovered=f"{seconds(back - mended)} after the file was restored",
        state=state,
    )
