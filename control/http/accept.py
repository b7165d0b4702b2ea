"""Connections are taken from anybody, so that strangers can be told why they may not come in, but never too many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stemfield.control.http.quota import ConnectionQuota
from stemfield.control.network.admission import Admission

MAX_CONNECTIONS = 256
"""Files, sockets and the worker's pipes share the descriptors of a process, of which there are often 1024."""
MAX_STRANGERS = 8


class Acceptor:
    """Those of one server, all ports together.

    Args:
        admission: says who is a stranger, and counts those that were turned away.
        serve: makes the protocol of one connection.
    """

    def __init__(self, admission: Admission, serve: Callable[[], asyncio.Protocol]) -> None:
        self._admission = admission
        self._serve = serve
        self._asking: set[asyncio.Transport] = set()
        self._quota = {
            True: ConnectionQuota(MAX_STRANGERS, self._is_idle),
            False: ConnectionQuota(MAX_CONNECTIONS, self._is_idle),
        }
        """By whether it is a stranger's."""

    @contextmanager
    def asking(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """While a request is served, or a WebSocket."""
        if transport is None:
            yield
            return
        self._asking.add(transport)
        try:
            yield
        finally:
            self._asking.discard(transport)

    def _is_idle(self, transport: asyncio.Transport) -> bool:
        return transport not in self._asking

    def protocol(self) -> asyncio.Protocol:
        """For a connection whose other end is not known yet."""
        return _Arrival(self)

    def take(self, transport: asyncio.Transport) -> None:
        """Have a connection served, or end it."""
        name = transport.get_extra_info("peername")
        host = str(name[0]) if name else ""
        stranger = not host or self._admission.rights(host) == "none"
        if not self._quota[stranger].take(transport, host):
            sender = f"{host}:{name[1]}" if name else "nobody"
            self._admission.refuse("not_allowed" if stranger else "limited", sender, "a connection")
            transport.abort()
            return
        served = self._serve()
        transport.set_protocol(served)
        served.connection_made(transport)


class _Arrival(asyncio.Protocol):
    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._acceptor.take(transport)
