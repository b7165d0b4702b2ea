"""Limits on TCP connections: hosts that are not allowed get a few, so that they can be sent the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stemfield.control.http.quota import ConnectionQuota
from stemfield.control.network.admission import Admission

MAX_CONNECTIONS = 256
"""Maximum number of connections of allowed hosts, well below the usual 1024 file descriptors of a process."""
MAX_REFUSED_CONNECTIONS = 8
"""Maximum number of connections of hosts that are not allowed."""


class Acceptor:
    """Accepts the connections of one server, on all its addresses together.

    Args:
        admission: rights of each host; counts refused connections.
        serve: makes the protocol of a connection.
    """

    def __init__(self, admission: Admission, serve: Callable[[], asyncio.Protocol]) -> None:
        self._admission = admission
        self._serve = serve
        self._busy: set[asyncio.Transport] = set()
        self._quota = {
            True: ConnectionQuota(MAX_REFUSED_CONNECTIONS, self._is_idle),
            False: ConnectionQuota(MAX_CONNECTIONS, self._is_idle),
        }
        """By whether the host is refused."""

    @contextmanager
    def busy(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """Mark a connection as busy while a request or a WebSocket is served."""
        if transport is None:
            yield
            return
        self._busy.add(transport)
        try:
            yield
        finally:
            self._busy.discard(transport)

    def _is_idle(self, transport: asyncio.Transport) -> bool:
        return transport not in self._busy

    def protocol(self) -> asyncio.Protocol:
        """Make the protocol of a connection whose remote address is not known yet."""
        return _NewConnection(self)

    def accept(self, transport: asyncio.Transport) -> None:
        """Serve a connection, or abort it."""
        name = transport.get_extra_info("peername")
        host = str(name[0]) if name else ""
        refused = not host or self._admission.rights(host) == "none"
        if not self._quota[refused].take(transport, host):
            sender = f"{host}:{name[1]}" if name else "unknown"
            self._admission.refuse("not_allowed" if refused else "limited", sender, "a connection")
            transport.abort()
            return
        served = self._serve()
        transport.set_protocol(served)
        served.connection_made(transport)


class _NewConnection(asyncio.Protocol):
    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._acceptor.accept(transport)
