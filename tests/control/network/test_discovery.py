from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf
from zeroconf.asyncio import AsyncZeroconf

from stemfield.control.network.discovery import OSC, OSCJSON, FoundDaemon, ServiceAnnouncer, browse

HERE = ["127.0.0.1"]


class Heard(ServiceListener):
    """What another program's browser is told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.updated: list[str] = []
        self.gone: list[str] = []

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.names.append(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.updated.append(name)

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.gone.append(name)


def announcer(name: str, port: int) -> ServiceAnnouncer:
    return ServiceAnnouncer(name, HERE, {OSC: port, OSCJSON: port + 1000}, "22.2", 5)


async def within(seconds: float, condition: Callable[[], Any]) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(("service", "port"), [(OSC, 4001), (OSCJSON, 5001)])
def test_another_zeroconf_sees_it_come_change_and_go(service: str, port: int) -> None:
    full = f"Living room.{service}"

    async def run() -> None:
        heard = Heard()
        with Zeroconf(interfaces=HERE) as other:
            browser = ServiceBrowser(other, service, heard)
            ours = announcer("Living room", 4001)
            await ours.start()
            await within(5, lambda: full in heard.names)
            info = await asyncio.to_thread(other.get_service_info, service, full)
            assert info is not None
            assert (info.port, info.parsed_addresses()) == (port, HERE)
            assert info.decoded_properties == {
                "txtvers": "1",
                "app": "stemfield",
                "version": version("stemfield"),
                "layout": "22.2",
                "objects": "5",
            }
            await ours.update(6)
            await within(5, lambda: full in heard.updated)
            info = await asyncio.to_thread(other.get_service_info, service, full)
            assert info is not None
            assert (info.decoded_properties or {})["objects"] == "6"
            await ours.stop()
            await within(5, lambda: full in heard.gone)
            browser.cancel()

    asyncio.run(run())


def test_browse_finds_two_of_the_same_name_and_nothing_foreign() -> None:
    async def run() -> list[FoundDaemon]:
        first, second = announcer("Room", 4001), announcer("Room", 4002)
        try:
            await first.start()
            await second.start()
            assert (first.name, second.name) == ("Room", "Room-2")
            return await asyncio.to_thread(browse, 2.0)
        finally:
            await first.stop()
            await second.stop()

    found = asyncio.run(run())
    assert FoundDaemon("Room", "127.0.0.1", 4001, 5001, "22.2", 5, version("stemfield")) in found
    assert FoundDaemon("Room-2", "127.0.0.1", 4002, 5002, "22.2", 5, version("stemfield")) in found


def test_two_that_come_at_the_same_time_find_different_names() -> None:
    async def run() -> set[str]:
        both = [announcer("Twin", 4001), announcer("Twin", 4002)]
        try:
            await asyncio.gather(*(one.start() for one in both))
            await within(5, lambda: len({one.name for one in both}) == 2)
            return {one.name for one in both}
        finally:
            for one in both:
                await one.stop()

    assert asyncio.run(run()) == {"Twin", "Twin-2"}


def test_a_service_that_keeps_the_name_gets_it() -> None:
    async def run() -> str:
        ours = announcer("Stage", 4001)
        await ours.start()
        async with AsyncZeroconf(interfaces=HERE) as other:
            theirs = ServiceInfo(OSC, f"Stage.{OSC}", port=9, server="mixer.local.", parsed_addresses=HERE)
            await (await other.async_register_service(theirs, cooperating_responders=True))
            await within(5, lambda: ours.name != "Stage")
        name = ours.name
        await ours.stop()
        return name

    assert asyncio.run(run()) == "Stage-2"


def test_loopback_is_not_announced_beside_others() -> None:
    both = ServiceAnnouncer("x", ["127.0.0.1", "192.0.2.7"], {OSC: 4001}, "22.2", 5)
    assert both._info(OSC, "x").parsed_addresses() == ["192.0.2.7"]
    assert announcer("x", 4001)._info(OSC, "x").parsed_addresses() == HERE


def test_a_long_name_is_cut_to_what_the_protocol_holds() -> None:
    async def run() -> str:
        ours = announcer("ü" * 60, 4003)
        await ours.start()
        name = ours.name
        await ours.stop()
        return name

    assert asyncio.run(run()) == "ü" * 29
