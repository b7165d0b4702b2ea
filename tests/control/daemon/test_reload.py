"""Reloading the configuration: which keys take effect, and how it is requested."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from stemfield.control.command_errors import CommandError
from stemfield.control.config.configuration import Config, parse_config
from stemfield.control.config.network import MirrorConfig
from stemfield.control.daemon.reload import Reloader, compare
from stemfield.control.daemon.services import NetworkServices
from stemfield.control.network.admission import Admission


def config(**keys: object) -> Config:
    return parse_config(keys, "test")


def test_what_can_be_taken_is_and_the_rest_waits() -> None:
    running = config(layout="quad", osc={"port": 5000}, jack={"client_name": "a"})
    new = config(
        layout="5.1",
        osc={"port": 5000, "adm_answer_port": 5001},
        jack={"client_name": "b", "connect_outputs": ["system:*"]},
        hands={"hold_s": 2.0},
        mirror=[{"dialect": "adm", "host": "10.0.0.1"}],
        peer={"bridge_ms": 20.0},
        log_level="debug",
    )
    found, taken, waiting = compare(running, new)
    assert set(taken) == {"jack.connect_outputs", "hands.hold_s", "mirror", "peer.bridge_ms", "log_level"}
    assert set(waiting) == {"layout", "osc.adm_answer_port", "jack.client_name"}
    assert (found.layout, found.jack.client_name) == ("quad", "a")
    assert found.jack.connect_outputs == ("system:*",)
    assert found.hands.hold_s == 2.0
    assert compare(found, new)[1] == ()


def test_a_bad_file_is_logged_and_the_next_good_one_applied(caplog: pytest.LogCaptureFixture) -> None:
    given: list[Config | CommandError] = [
        CommandError(["c.yaml: layot: unknown key", "c.yaml: loop: expected true or false, got 3"]),
        config(model="light"),
        config(model="light"),
    ]
    taken: list[str | None] = []

    def read() -> Config:
        found = given.pop(0)
        if isinstance(found, CommandError):
            raise found
        return found

    async def take(found: Config) -> None:
        taken.append(found.model)

    async def run() -> None:
        reloader = Reloader(Config(), read, take)
        while given:
            left = len(given)
            reloader.request()
            while len(given) == left:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        await reloader.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    assert taken == ["light"]
    told = [record.getMessage() for record in caplog.records if record.name.endswith("reload")]
    assert told == [
        "c.yaml: layot: unknown key",
        "c.yaml: loop: expected true or false, got 3",
        "the configuration stays as it was",
        "configuration reloaded: model",
        "configuration reloaded: no live key has changed",
    ]


def test_a_request_while_it_reads_makes_it_read_again() -> None:
    """What was written after the file was read must not be missed."""
    count = 0

    def read() -> Config:
        nonlocal count
        count += 1
        return Config()

    async def take(_: Config) -> None:
        raise AssertionError

    async def run() -> None:
        reloader = Reloader(Config(), read, take)
        reloader.request()
        await asyncio.sleep(0)  # it has begun
        reloader.request()
        while count < 2:
            await asyncio.sleep(0.01)
        await reloader.close()

    asyncio.run(asyncio.wait_for(run(), 5))
    assert count == 2


def test_what_could_not_be_applied_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[str | None] = []

    async def take(found: Config) -> None:
        tried.append(found.model)
        if len(tried) == 1:
            raise OSError("no way")

    async def run() -> None:
        reloader = Reloader(Config(), lambda: config(model="light"), take)
        for times in (1, 2):
            reloader.request()
            while len(tried) < times:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.01)
        await reloader.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(asyncio.wait_for(run(), 5))
    assert tried == ["light", "light"]
    first, second = (record for record in caplog.records if record.name.endswith("reload"))
    assert first.levelno == logging.ERROR
    assert "no way" in caplog.text
    assert second.getMessage() == "configuration reloaded: model"


def test_rights_that_could_not_be_taken_are_tried_again(control: Any) -> None:
    tokens: list[str | None] = []

    class Server:
        async def reconfigure(self, token: str | None, _names: tuple[str, ...]) -> None:
            tokens.append(token)
            if len(tokens) == 1:
                raise OSError("no way")

    async def run() -> list[str | None]:
        network = NetworkServices(Config(), Admission((), 10), control.hub)
        network.server = Server()  # type: ignore[assignment]
        wanted = config(network={"token": "open-sesame"})
        with pytest.raises(OSError, match="no way"):
            await network.reconfigure(wanted)
        for _ in range(2):
            await network.reconfigure(wanted)
        return tokens

    assert control.on_loop(run()) == ["open-sesame", "open-sesame"]


def test_mirrors_that_are_replaced_leave_what_they_counted_and_nothing_else(control: Any) -> None:
    hub, counters = control.hub, control.hub.context.status.counters
    unreachable = MirrorConfig(dialect="adm", host="255.255.255.255")  # which needs a right that no mirror asks for

    async def run() -> list[int]:
        network = NetworkServices(Config(), Admission((), 10), hub)
        counted = []
        for _ in range(3):
            network.mirror([unreachable])
            counted.append(counters.read("unsent"))
        network.close()
        return [*counted, counters.read("unsent")]

    one, two, three, at_the_end = control.on_loop(run())
    assert 0 < one < two < three <= at_the_end
    assert len(counters._sources["unsent"]) == 1
    assert len(hub._listeners) == 1
