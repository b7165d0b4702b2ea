"""A stage for every fault, and the page of what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from distant import Distant
from ledger import Ledger
from live_fixtures import _compiled, _quiet_home, daemon, stemfield, studio
from stage import WIRES, Desk, Make, Spaces, Stage, long_tape

__all__ = ["_compiled", "_quiet_home", "daemon", "stemfield", "studio"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--page", action="store_true", help="write docs/reliability.md")


@pytest.fixture(scope="session")
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Takes a row a fault."""
    made = Ledger()
    yield made
    if request.config.getoption("--page", default=False):
        made.write()


@pytest.fixture
def distant() -> Iterator[Any]:
    """`distant(server, inputs, tape)`: a studio on a server that is not the one of this process."""
    with ExitStack() as made:

        def make(*arguments: Any, **options: Any) -> Distant:
            one = Distant(*arguments, **options)
            made.callback(one.close)
            return one

        yield make


@pytest.fixture
def spaces() -> Iterator[Any]:
    """`spaces("mount", "net")`: namespaces that end with the test."""
    made: list[Spaces] = []

    def make(*kinds: str) -> Spaces:
        made.append(Spaces(*kinds))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stage(jackd: Any, daemon: Any, studio: Any) -> Make:
    """`stage(14.0, model=..., ...)`: a room that is ready to play so many seconds, with stems."""

    def make(
        seconds: float,
        *,
        server: dict[str, Any] | None = None,
        tape: Any = None,
        space: Spaces | None = None,
        through: Any = (),
        stems: bool = True,
        **config: Any,
    ) -> Stage:
        running = jackd(**{"period_frames": 256, "sync": True} | (server or {}))
        given = {"separation": {"margin_ms": 150}} | config
        room = daemon(driver="jack", layout="quad", jack={"server_name": running.name} | WIRES, **given)
        desk = Desk(studio, running.name, long_tape(seconds) if tape is None else tape, rolling=False)
        if space is not None:
            room.hand.close()
            room.hand = space.socket()
            room.hand.settimeout(2)
        room.start(through=through or (space.through if space is not None else ()))
        made = Stage(running, room, desk)
        if stems:
            room.wait_for("stems arrive")
        made.set_scene()
        return made

    return make
