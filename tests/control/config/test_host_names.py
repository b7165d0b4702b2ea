"""The names under which the daemon may be reached, and which pages may talk to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from stemfield.control.config.host_names import HostNames, check_name
from stemfield.control.network.discovery import OSC, ServiceAnnouncer

OWN = socket.gethostname()


def announced(port: int) -> str:
    """The name that DNS-SD announces."""
    info = ServiceAnnouncer("x", ["127.0.0.1"], {OSC: port}, "", 0)._info(OSC, "x")
    return str(info.server)


@pytest.mark.parametrize(
    "header",
    [
        "127.0.0.1",
        "192.168.1.5:8010",
        "[::1]:8010",
        "localhost",
        "LOCALHOST.:8010",
        OWN,
        f"{OWN}.",
        f"{OWN.partition('.')[0]}.local:8010",
        announced(4001).removesuffix("."),
        f"{announced(4001)}:8010",
        "studio.lan",
        "Studio.LAN.:8010",
    ],
)
def test_own_names(header: str) -> None:
    assert HostNames(4001, ["studio.lan"]).is_own(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ".",
        "example.org",
        "studio.lan",
        "studio.lan.",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[bad",
        "[::1].evil.com",
        "[::1]evil.com",
        "[::1]:80:80",
        "[127.0.0.1]",
        "[evil.com]",
        "evil.com@127.0.0.1",
        "127.0.0.1/evil.com",
        "127.0.0.1 evil.com",
        "127.1",
        announced(4002),
        f"evil-{announced(4001)}",
    ],
)
def test_names_of_others(header: str) -> None:
    assert not HostNames(4001).is_own(header)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://127.0.0.1:8010", "127.0.0.1:8010", True),
        ("http://Studio.local.:8010", "studio.local:8010", True),
        ("http://studio.lan", "studio.lan:80", True),
        ("https://studio.lan", "studio.lan", True),
        ("http://studio.lan", "127.0.0.1:8010", True),
        ("https://studio.lan", "127.0.0.1:8010", True),
        ("http://studio.lan:8010", "127.0.0.1:8010", True),
        ("http://studio.lan:3000", "127.0.0.1:8010", False),
        ("https://mix.example:8443", "127.0.0.1:8010", True),
        ("https://mix.example", "127.0.0.1:8010", False),
        ("http://127.0.0.1:9999", "127.0.0.1:8010", False),
        ("http://127.0.0.1:8010.evil.com", "127.0.0.1:8010", False),
        ("http://evil.example", "127.0.0.1:8010", False),
        ("http://[::1].evil.com", "[::1]", False),
        ("null", "127.0.0.1:8010", False),
        ("", "", False),
        ("file://", "", False),
    ],
)
def test_pages_that_may_talk_to_it(origin: str, host: str, allowed: bool) -> None:
    assert HostNames(4001, ["studio.lan", "mix.example:8443"]).may_ask(origin, host) is allowed


@pytest.mark.parametrize(
    "name", ["", "http://studio.lan", "a b", "*.lan", "-x.lan", "x..y", "x:99999", "x" * 254, "ü.lan"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"such as studio\.lan"):
        check_name(name)


def test_a_page_behind_a_proxy_gets_the_reason_and_is_accepted_by_its_name(
    control: Any, serve: Callable[..., Any]
) -> None:
    behind = {"Host": "127.0.0.1:8010", "Origin": "http://studio.lan"}

    async def visit(root: str) -> tuple[int, int, str, int]:
        async with aiohttp.ClientSession(root) as session:
            async with session.get("/panner/", headers=behind) as page:
                files = page.status
            async with session.post("/panner/access", headers=behind) as access:
                status, text = access.status, await access.text()
            try:
                async with session.ws_connect("/panner/socket", headers=behind):
                    return files, status, text, 101
            except aiohttp.WSServerHandshakeError as error:
                return files, status, text, error.status

    files, access, text, page_socket = asyncio.run(visit(serve().root))
    assert (files, access, page_socket) == (200, 403, 403)
    assert "'http://studio.lan' (network.names)" in text
    assert asyncio.run(visit(serve(names=["studio.lan"]).root)) == (200, 204, "", 101)


@pytest.mark.parametrize("given", ["bearer open-sesame", "BEARER  open-sesame", "Bearer open-sesame"])
def test_the_word_bearer_in_any_case(serve: Callable[..., Any], given: str) -> None:
    web = serve(token="open-sesame")
    assert web.get("/scene/amount", Authorization=given)[0] == 200
    assert web.get("/scene/amount?token=open-sesame", Authorization="Basic eDp5")[0] == 200
    for wrong in ("open-sesame", "Basic open-sesame", "bearer", given + "x"):
        assert web.get("/scene/amount", Authorization=wrong)[0] == 401


def test_a_client_without_host_is_no_browser(serve: Callable[..., Any]) -> None:
    """HTTP/1.0 needs none, and no browser leaves it out."""
    web = serve()
    with socket.create_connection(("127.0.0.1", web.server.port), 5) as client:
        client.sendall(b"GET /scene/amount?VALUE HTTP/1.0\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.0 200")
