"""What the link makes of a server that dies without a word, as PipeWire does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from stemfield.control.audio.driver_link import RECHECK_S, SETTLE_S, STALL_S, DriverLink
from stemfield.control.config.configuration import Config
from stemfield.layouts.loader import load_layout
from stemfield.renderer.engine.engine import Engine

WISH = ("M+030", "player:in0")


class Server:
    """libjack as it looks to a client: the ports of a dead server are still listed, its connections are not."""

    sample_rate_hz, period_frames, client_name = 48_000, 256, "stemfield"
    lost = freewheeling = False
    renamed = ()
    changes = looks = 0

    def __init__(self) -> None:
        self.connected: set[tuple[str, str]] = set()

    def is_free(self, _: str) -> bool:
        return False

    def start(self, *_: Any) -> None:
        self.connected.clear()

    def close(self) -> None:
        pass

    def wanted_connections(self, _: Any) -> set[tuple[str, str]]:
        return {WISH}

    def connections(self) -> set[tuple[str, str]]:
        self.looks += 1
        return set(self.connected)

    def exists(self, _: str) -> bool:
        return True

    def connect(self, connection: tuple[str, str]) -> bool:
        self.connected.add(connection)
        return True

    def disconnect(self, connection: tuple[str, str]) -> bool:
        self.connected.discard(connection)
        return True

    def sources(self) -> tuple[str, ...]:
        return ()

    sinks = sources

    def tell_latencies(self) -> None:
        pass

    def capture_latency_frames(self, _: Any) -> int:
        return 0


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(48_000, 2, 0, 2, 4, 2304)
    yield engine
    engine.timeline.close()


@pytest.mark.parametrize("once_more", [False, True])
def test_a_server_that_dies_finds_its_connections_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, once_more: bool
) -> None:
    """Whether or not it requested a block after the last check."""
    server = Server()
    link = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(link, "_open", lambda: server)

    def asks() -> None:
        engine.process(np.zeros((2, 256), np.float32), np.zeros((2, 256), np.float32))

    assert link.join(lambda *_: engine, 0.0)
    for now_s in (0.5, 1.0):
        asks()
        assert link.tend(lambda *_: True, now_s)
    assert server.connected == {WISH}
    if once_more:
        asks()
    server.connected.clear()
    looks = [link.tend(lambda *_: True, 1.0 + 0.5 * look) for look in range(1, 8)]
    assert looks[-1] is False, f"a server that requests nothing is left after {STALL_S} s"
    assert link.join(lambda *_: engine, 5.0)
    assert server.connected == {WISH}


def test_what_a_user_disconnects_stays_disconnected(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    link = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(link, "_open", lambda: server)
    assert link.join(lambda *_: engine, 0.0)
    for look in range(1, 8):
        engine.process(np.zeros((2, 256), np.float32), np.zeros((2, 256), np.float32))
        assert link.tend(lambda *_: True, 0.5 * look)
        if look == 2:
            server.connected.clear()
    assert link.join(lambda *_: engine, 5.0)
    assert server.connected == set()


def test_ports_are_looked_at_after_a_change_and_now_and_then(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    link = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(link, "_open", lambda: server)
    assert link.join(lambda *_: engine, 0.0)

    def looks(from_s: float, to_s: float) -> int:
        before = server.looks
        for now_s in np.arange(from_s, to_s, 0.5):
            engine.process(np.zeros((2, 256), np.float32), np.zeros((2, 256), np.float32))
            assert link.tend(lambda *_: True, float(now_s))
        return server.looks - before

    assert looks(0.5, SETTLE_S) == 2 * SETTLE_S - 1
    assert looks(SETTLE_S, SETTLE_S + 4 * RECHECK_S) == 4
    server.changes += 1
    server.connected.clear()
    assert looks(30.0, 31.0) == 2, "soon after the change, and again"
    assert server.connected == set(), "a user has disconnected it"


class Fast(Server):
    """A PipeWire with a longer period than it tells a newcomer, which does not let a client go."""

    def close(self) -> None:
        raise TimeoutError


def test_the_link_after_one_that_hangs_knows_the_period_for_which_that_was_left(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, asked = Fast(), []
    first = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(first, "_open", lambda: server)
    assert first.join(lambda *_: engine, 0.0)
    server.period_frames = 4096
    with pytest.raises(TimeoutError):
        first.tend(lambda _, period_frames: period_frames <= 256, 0.5)

    second = first.successor(Config())
    monkeypatch.setattr(second, "_open", lambda: Server())

    def engine_for(*wanted: int) -> Engine:
        asked.append(wanted)
        return engine

    assert second.join(engine_for, 9.0)
    assert asked == [(48_000, 4096)]


class Crowded(Server):
    """A server that still knows the client which a stall has made us leave."""

    def __init__(self, name: str, *, ghost: bool = True) -> None:
        super().__init__()
        self.client_name = name
        self.ghost = ghost

    def is_free(self, name: str) -> bool:
        return name == "stemfield" and not self.ghost


def test_the_name_from_before_a_stall_is_taken_again_when_it_is_free(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(first, "_open", lambda: Server())
    assert first.join(lambda *_: engine, 0.0)

    link, numbered = first.successor(Config()), Crowded("stemfield-01")
    monkeypatch.setattr(link, "_open", lambda: numbered)
    assert link.join(lambda *_: engine, 10.0)

    def look(now_s: float) -> bool:
        engine.process(np.zeros((2, 256), np.float32), np.zeros((2, 256), np.float32))
        return link.tend(lambda *_: True, now_s)

    assert look(10.5)
    assert look(11.0)
    numbered.ghost = False
    assert not look(11.5), "it joins anew"
    assert link.join(lambda *_: engine, 12.0)
    assert look(12.5), "called otherwise once more: that is not tried twice a second"
    assert not look(45.0)


def test_a_second_daemon_does_not_take_the_name_of_the_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    second = DriverLink(Config(), load_layout("stereo"))
    monkeypatch.setattr(second, "_open", lambda: Crowded("stemfield-01", ghost=False))
    assert second.join(lambda *_: engine, 0.0)
    engine.process(np.zeros((2, 256), np.float32), np.zeros((2, 256), np.float32))
    assert second.tend(lambda *_: True, 0.5)
