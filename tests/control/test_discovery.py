from __future__ import annotations

import asyncio

from zeroconf import ServiceBrowser, ServiceListener, Zeroconf

from stemfield.control.network.discovery import SERVICE, Advert, Found, browse


class Heard(ServiceListener):
    def __init__(self) -> None:
        self.names: list[str] = []
        self.gone: list[str] = []

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.names.append(name)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        pass

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.gone.append(name)


def advert(name: str, port: int, bind: str = "127.0.0.1") -> Advert:
    return Advert(name, bind, port, layout="22.2", objects=5, version="0.1.0")


async def within(seconds: float, condition: object) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():  # type: ignore[operator]
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


def test_another_zeroconf_sees_it_come_and_go() -> None:
    async def run() -> None:
        heard = Heard()
        with Zeroconf(interfaces=["127.0.0.1"]) as other:
            browser = ServiceBrowser(other, SERVICE, heard)
            ours = advert("Living room", 4001)
            await ours.start()
            await within(5, lambda: f"Living room.{SERVICE}" in heard.names)
            info = await asyncio.to_thread(other.get_service_info, SERVICE, f"Living room.{SERVICE}")
            assert info is not None
            assert (info.port, info.parsed_addresses()) == (4001, ["127.0.0.1"])
            assert info.decoded_properties == {
                "txtvers": "1",
                "app": "stemfield",
                "version": "0.1.0",
                "layout": "22.2",
                "objects": "5",
            }
            await ours.stop()
            await within(5, lambda: f"Living room.{SERVICE}" in heard.gone)
            browser.cancel()

    asyncio.run(run())


def test_browse_finds_two_of_the_same_name_and_nothing_foreign() -> None:
    async def run() -> list[Found]:
        first, second = advert("Room", 4001), advert("Room", 4002)
        await first.start()
        await second.start()
        assert (first.name, second.name) == ("Room", "Room-2")
        found = await asyncio.to_thread(browse, 1.0)
        await first.stop()
        await second.stop()
        return found

    found = asyncio.run(run())
    assert Found("Room", "127.0.0.1", 4001, "22.2", 5, "0.1.0") in found
    assert Found("Room-2", "127.0.0.1", 4002, "22.2", 5, "0.1.0") in found


def test_a_long_name_is_cut_to_what_the_protocol_holds() -> None:
    async def run() -> str:
        ours = advert("ü" * 60, 4003)
        await ours.start()
        name = ours.name
        await ours.stop()
        return name

    assert asyncio.run(run()) == "ü" * 29
