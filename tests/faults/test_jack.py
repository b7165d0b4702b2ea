"""The server dies, comes back with other settings, changes its period, or drops the daemon: sound returns soon."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import jack
import pytest
from analysis import RATE_HZ, Analysis
from fault_table import FaultTable
from jack_client import JackClient
from rig import EDGE_FRAMES, FADE_FRAMES, ClientPair, MakeRig, Rig, ms

SECTION = "The JACK server"
BACK_S = 2.0
"""Maximum time from server start to sound."""
REJOINED_S = 1.5
"""Maximum silence when the daemon has to rejoin a running server."""


def come_up(rig: Rig, jack_client: Callable[..., JackClient]) -> None:
    """Start the server, and record with new clients from the beginning."""
    rig.server.launch()
    deadline = time.monotonic() + 10
    while True:
        try:
            rig.client = ClientPair(jack_client, rig.server.name, rig.client.tape, rolling=True)
        except jack.JackOpenError:
            assert time.monotonic() < deadline, "jackd does not answer"
            time.sleep(0.02)
        else:
            return


def restart(rig: Rig, jack_client: Callable[..., JackClient], *, kill: bool = True, **settings: Any) -> Analysis:
    """Restart the server, perhaps with other settings; return the analysis of the sound from then on."""
    rig.server.stop(kill=kill)
    rig.client.close()
    rig.mark()
    for name, value in settings.items():
        setattr(rig.server, name, value)
    come_up(rig, jack_client)
    deadline = time.monotonic() + 15
    while not rig.client.record[:, : rig.client.at].any():
        assert time.monotonic() < deadline, rig.room.log.read_text()
        time.sleep(0.02)
    rig.client.wait(rig.client.at + RATE_HZ)
    found = rig.heard()
    assert found.fading <= FADE_FRAMES + EDGE_FRAMES
    assert found.begins <= BACK_S * rig.server.rate_hz
    return found


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])
def test_a_server_that_is_killed_and_comes_back_is_played_to_at_once(
    rig: MakeRig, jack_client: Any, fault_table: FaultTable, times: int
) -> None:
    one = rig(12.0)
    one.client.roll()
    one.wait_s(1.0)
    begins = []
    for time_ in range(times):
        found = restart(one, jack_client, kill=time_ % 2 == 0)
        begins.append(found.begins / RATE_HZ)
    state = one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "jackd killed and restarted",
        f"{times} times, alternating SIGKILL and SIGTERM",
        outputs="the recording, faded in",
        gap="while there is no server",
        recovered=f"sound at most {max(begins):.1f} s after the server is up, on average {sum(begins) / times:.1f} s",
        state=state,
    )


@pytest.mark.parametrize(
    ("fault", "done", "settings"),
    [
        ("jackd returns at another rate", "killed at 48 kHz, restarted at 44.1 kHz", {"rate_hz": 44_100}),
        pytest.param(
            "jackd returns with another period",
            "killed at 256 frames, restarted at 4096",
            {"period_frames": 4096},
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_server_that_comes_back_as_another_one(
    rig: MakeRig, jack_client: Any, fault_table: FaultTable, fault: str, done: str, settings: dict[str, int]
) -> None:
    one = rig(16.0)
    one.client.roll()
    one.wait_s(1.0)
    found = restart(one, jack_client, **settings)
    one.wait_for_stems()
    rate_hz = one.server.rate_hz
    state = one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        fault,
        done,
        outputs="the recording from a new engine, faded in",
        gap="while there is no server",
        recovered=f"sound {found.begins / rate_hz:.1f} s after the server is up",
        state=state,
    )


@pytest.mark.long
def test_a_server_with_too_few_ports_is_asked_again_and_told_of_once(
    rig: MakeRig, jack_client: Any, fault_table: FaultTable
) -> None:
    one = rig(12.0)
    one.client.roll()
    one.wait_s(1.0)
    one.server.stop(kill=True)
    one.client.close()
    one.server.most_ports = 8
    one.server.start()
    time.sleep(4.0)
    assert one.room.process.poll() is None
    text = one.room.log.read_text()
    assert text.count("port registration failed") == 1, text
    assert one.room.ask("/object/vocals/gain") == [0.0]
    found = restart(one, jack_client, most_ports=None)
    state = one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "jackd returns with too few ports",
        "killed, restarted with 8 ports for 10, killed, restarted with enough",
        outputs="silence, one line in the log; then the recording",
        gap="while there are too few",
        recovered=f"sound {found.begins / RATE_HZ:.1f} s after the server with enough ports is up",
        state=state,
    )


@pytest.mark.long
def test_the_period_changes_while_it_plays(rig: MakeRig, fault_table: FaultTable) -> None:
    """Only the first longer period needs more latency, so that the daemon has to rejoin."""
    one = rig(40.0, separation={"margin_ms": 15})
    one.client.roll()
    one.wait_s(2.0)
    with jack.Client("changer", no_start_server=True, servername=one.server.name) as changer:
        for period in (16, 2048, 16, 2048, 16, 2048):
            changer.blocksize = period
            one.mark()
            one.wait_s(3.0)
    found = one.heard(delays=2)
    silences = [gap for gap in found.gaps if gap[0] > 0]
    assert len(silences) == 1
    assert found.longest_gap <= REJOINED_S * RATE_HZ
    assert found.fading <= len(silences) * FADE_FRAMES + EDGE_FRAMES
    one.wait_for_stems()
    state = one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "period changes while playing",
        "alternating 16 and 2048 frames, 6 times",
        outputs="the recording, faded in once",
        gap=f"{ms(sum(n for _, n in silences))} at the first 2048, which needs more latency; then 0 samples",
        recovered="with the sound",
        state=state,
    )


@pytest.mark.long
def test_a_client_that_does_not_answer_for_a_while_plays_on(rig: MakeRig, fault_table: FaultTable) -> None:
    """The daemon is stopped; the server, which does not wait, continues without it."""
    one = rig(40.0, server={"sync": False})
    one.client.roll()
    one.wait_s(2.0)
    one.room.process.send_signal(signal.SIGSTOP)
    time.sleep(6.0)
    one.room.process.send_signal(signal.SIGCONT)
    begin = one.client.at
    one.mark()
    one.wait_s(6.0)
    silent = ~one.client.record[:, begin : one.client.at].any(axis=0)
    assert not silent[-RATE_HZ:].all(), one.room.log.read_text()
    sounds = len(silent) - int(silent[::-1].argmax()) if silent.any() else 0
    state = one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "daemon stopped",
        "SIGSTOP for 6 s, then SIGCONT; jackd2 keeps such a client",
        outputs="whatever the server plays meanwhile; then the recording",
        gap="while stopped",
        recovered=f"{sounds / RATE_HZ:.1f} s after SIGCONT",
        state=state,
    )
