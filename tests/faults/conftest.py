"""Fixtures for the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fault_table import FaultTable
from live_fixtures import _compiled, _quiet_home, daemon, jack_client, stemfield
from remote_client import RemoteClient
from rig import WIRES, ClientPair, MakeRig, Namespaces, Rig, long_tape

__all__ = ["_compiled", "_quiet_home", "daemon", "jack_client", "stemfield"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", action="store_true", help="write docs/reliability.md")


@pytest.fixture(scope="session")
def fault_table(request: pytest.FixtureRequest) -> Iterator[FaultTable]:
    """Collects a row per fault, and writes the page with `--page`."""
    made = FaultTable()
    yield made
    if request.config.getoption("--page", default=False):
        made.write()


@pytest.fixture
def remote_client() -> Iterator[Any]:
    """`remote_client(server, inputs, tape)`: a JACK client on another server than that of this process."""
    with ExitStack() as made:

        def make(*arguments: Any, **options: Any) -> RemoteClient:
            one = RemoteClient(*arguments, **options)
            made.callback(one.close)
            return one

        yield make


@pytest.fixture
def namespaces() -> Iterator[Any]:
    """`namespaces("mount", "net")`: namespaces that end with the test."""
    made: list[Namespaces] = []

    def make(*kinds: str) -> Namespaces:
        made.append(Namespaces(*kinds))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def rig(jackd: Any, daemon: Any, jack_client: Any) -> MakeRig:
    """`rig(14.0, model=..., ...)`: a daemon ready to play this many seconds, with stems."""

    def make(
        seconds: float,
        *,
        server: dict[str, Any] | None = None,
        tape: Any = None,
        space: Namespaces | None = None,
        through: Any = (),
        stems: bool = True,
        **config: Any,
    ) -> Rig:
        running = jackd(**{"period_frames": 256, "sync": True} | (server or {}))
        given = {"separation": {"margin_ms": 150}} | config
        room = daemon(driver="jack", layout="quad", jack={"server_name": running.name} | WIRES, **given)
        client = ClientPair(jack_client, running.name, long_tape(seconds) if tape is None else tape, rolling=False)
        if space is not None:
            room.osc.close()
            room.osc = space.socket()
            room.osc.settimeout(10)
        room.start(through=through or (space.through if space is not None else ()))
        made = Rig(running, room, client)
        if stems:
            room.wait_for("stems arrive")
        made.set_scene()
        return made

    return make
