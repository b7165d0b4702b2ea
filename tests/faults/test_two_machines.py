"""Both roles with a network between them, and rooms that follow one scene: each side recovers by itself."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from analysis import RATE_HZ, repeats, runs
from fault_table import FaultTable
from rig import BEHIND, LABELS, ms, seconds
from two_machines import PIECE, SkewedClock, TwoMachines, kill

SECTION = "Two machines"
FAST_PPM = 500.0
"""Speed of the room's clock: several times the difference between any two sound cards."""
STEADY_S = 40.0
PERIOD = 1024
BRIDGE_MS = 30.0
"""Delay that results from the manual's `--buff`."""
RESTART_S = 1.0
"""As in the manual's units; earlier, the server may still hold the name of the killed client."""
BACK_S = 12.0
"""Maximum time to sound after any of the four programs died."""
MOST_DB = 0.5
MOMENTS = 40
AHEAD_MS = 200.0
MOST_APART_MS = 5.0


@pytest.fixture
def skewed_clock() -> Iterator[SkewedClock]:
    made = SkewedClock(FAST_PPM)
    yield made
    made.close()


@pytest.fixture
def machines(
    skewed_clock: SkewedClock, jackd: Any, daemon: Any, jack_client: Any, remote_client: Any
) -> Iterator[TwoMachines]:
    made = TwoMachines(jackd, daemon, jack_client, remote_client, skewed_clock, 300.0, (PERIOD, PERIOD), BRIDGE_MS)
    yield made
    made.close()


def silences(record: np.ndarray) -> list[tuple[int, int]]:
    """Start and length, in frames, of silence in all given channels."""
    return list(runs(~record.any(axis=0), least=8))


def directions_db(machines: TwoMachines, begin: int) -> list[float]:
    """Maximum deviation of any loudspeaker from the stems that belong there, for each half second.

    A misplaced or missing stem gives many dB.
    """
    off_db = []
    for at in range(begin, machines.recorder.at - RATE_HZ, RATE_HZ // 2):
        heard, meant = machines.energies(at, RATE_HZ // 2)
        loud = meant > 1e-3 * meant.max()
        off_db.append(float(np.abs(10 * np.log10(np.maximum(heard[loud] / meant[loud], 1e-9))).max()))
    return off_db


def play_steadily(machines: TwoMachines, until: Callable[..., None]) -> int:
    """Play for a while without xruns, which a busy machine may have; return the first frame of that."""
    for _ in range(4):
        until(lambda: whole(machines), 40, "sound")
        xruns = machines.xruns()
        begin = machines.wait_s(STEADY_S)
        if machines.xruns() == xruns:
            return begin
    raise AssertionError(f"no {STEADY_S:.0f} s without an xrun: {machines.xruns()}")


def whole(machines: TwoMachines) -> bool:
    """Whether the last seconds were complete, with every stem in its place."""
    begin = machines.wait_s(0.3) - RATE_HZ * 3 // 2
    if silences(machines.recorder.record[:, begin : machines.recorder.at]):
        return False
    try:
        return max(directions_db(machines, begin)) < MOST_DB
    except AssertionError:  # not the recording yet
        return False


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_machines_play_one_room_over_a_network_and_each_side_comes_back(
    machines: TwoMachines, until: Callable[..., None], fault_table: FaultTable
) -> None:
    machines.start()
    machines.wait_s(12.0)  # the bridge finds the clock of the other side
    (told_ms,) = machines.room.ask("/status/latency")
    begin = play_steadily(machines, until)
    end = machines.recorder.at
    record = machines.recorder.record[:, begin:end]
    assert silences(record) == []
    assert repeats(record) == 0
    assert np.isfinite(record).all()
    assert np.abs(record).max() <= 1.0
    delays_ms = [1e3 * machines.delay_s(at) for at in range(begin, end - 2 * PIECE, RATE_HZ // 4)]
    assert np.abs(np.array(delays_ms) - told_ms).max() < 2.0
    begun_s, ended_s = machines.recorder.times_s([begin, end - 1])
    drifted_ms = 1e3 * ((end - 1 - begin) / RATE_HZ - (ended_s - begun_s))
    assert drifted_ms == pytest.approx(1e-3 * FAST_PPM * STEADY_S, rel=0.1)
    off_db = max(directions_db(machines, begin))
    assert off_db < MOST_DB
    fault_table.add(
        SECTION,
        "stems over a network, separate clocks",
        f"{STEADY_S:.0f} s with each role on its own server ({PERIOD} frames), zita-njbridge between them, one clock "
        f"{FAST_PPM:.0f} ppm faster: {drifted_ms:.1f} ms apart at the end",
        outputs=f"the resampled recording, every loudspeaker within {off_db:.2f} dB; {min(delays_ms):.1f} to "
        f"{max(delays_ms):.1f} ms after the music (/status/latency: {told_ms:.1f} ms)",
        gap="0 samples",
        recovered="-",
        state="-",
    )
    sides = {
        "renderer": machines.room,
        "separation": machines.separation,
        "zita-j2n": machines.sender,
        "zita-n2j": machines.receiver,
    }
    for name, one in sides.items():
        kill(one)
        struck = machines.recorder.at
        time.sleep(RESTART_S)
        one.start()
        if one is machines.separation:
            machines.watch()
        until(lambda: whole(machines), BACK_S, f"{name} comes back")
        record = machines.recorder.record[:, struck : machines.recorder.at]
        begun, length = silences(record)[-1]
        assert begun + length - silences(record)[0][0] <= BACK_S * RATE_HZ
        vocals = sum(silences(record[BEHIND : BEHIND + 1])[-1])
        assert np.isfinite(record).all()
        assert np.abs(record).max() <= 1.0
        delay_ms = 1e3 * machines.delay_s(machines.recorder.at - RATE_HZ)
        assert delay_ms == pytest.approx(told_ms, abs=2.0)
        fault_table.add(
            SECTION,
            f"{name} killed (stems over a network)",
            f"SIGKILL, restarted {RESTART_S:g} s later",
            outputs=f"silence; then every stem in its place, {delay_ms:.1f} ms after the music",
            gap=ms(begun + length - silences(record)[0][0]),
            recovered=seconds(vocals),
            state="the scene, loaded by the next start" if one is machines.room else "-",
        )


@pytest.mark.long
@pytest.mark.parametrize("period", [64, 256])
def test_rooms_that_follow_one_scene_change_together(
    jackd: Any, daemon: Any, remote_client: Any, tool: Any, fault_table: FaultTable, period: int
) -> None:
    """Two rooms on separate servers: the first mirrors its scene to the second with time tags."""
    rooms, watches = [], []
    for mirror in ([], None):
        server = jackd(period_frames=period, prompt=True)
        given = {"inputs": [{"name": "mic"}], "separation": {"enabled": False}, "layout": "quad"}
        if mirror is None:
            to = {"dialect": "adm", "host": "127.0.0.1", "port": rooms[0].port, "rate_hz": 50.0, "ahead_ms": AHEAD_MS}
            given["mirror"] = [to]
        rooms.append(daemon(driver="jack", jack={"server_name": server.name}, **given))
        rooms[-1].start()
        watch = remote_client(server.name, 1, np.full((1, 45 * RATE_HZ), 0.5, np.float32))
        # In this order: the server delays what closes a loop by a period, and here that may be the constant.
        for ports in ((f"stemfield:{LABELS[0]}", "studio:in0"), ("studio:out0", "stemfield:mic")):
            subprocess.run([tool("jack_connect"), "-s", server.name, *ports], check=True)
        watches.append(watch)
    leader = rooms[1]
    leader.send("/object/mic/aed", 45.0, 0.0, 1.0)
    for room, watch in zip(rooms, watches, strict=True):
        room.settle()
        watch.roll()
    time.sleep(3.0)
    for _ in range(4):
        xruns = [room.ask("/status/xruns") for room in rooms]
        begun_s = time.monotonic()
        for n in range(MOMENTS):
            leader.send("/object/mic/level", 0.25 + 0.5 * (n % 2))
            time.sleep(0.1537)
        time.sleep(0.5)
        if [room.ask("/status/xruns") for room in rooms] == xruns:
            break  # no server missed a period, as one of a busy machine may
    else:
        raise AssertionError(f"not a minute without an xrun: {xruns}")
    heard_s = [watch.changes_s() for watch in watches]
    heard_s = [found[found > begun_s] for found in heard_s]
    assert [len(found) for found in heard_s] == [MOMENTS, MOMENTS]
    apart_ms = 1e3 * np.abs(heard_s[0] - heard_s[1])
    most_ms = np.percentile(apart_ms, 90)
    assert most_ms < 0.5
    assert apart_ms.max() < MOST_APART_MS
    fault_table.add(
        SECTION,
        f"two rooms with one scene, {period} frames",
        f"{MOMENTS} changes, mirrored with time tags {AHEAD_MS:.0f} ms ahead",
        outputs=f"every change in both rooms; difference: median {np.median(apart_ms):.2f} ms, 90th percentile "
        f"{most_ms:.2f} ms, maximum {apart_ms.max():.2f} ms",
        gap="-",
        recovered="-",
        state="-",
    )
