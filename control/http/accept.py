"""Limits on connections, fair among hosts; those not allowed get a few, so that they can be sent the reason."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stemfield.control.network.admission import Admission

MAX_CONNECTIONS = 256
"""Maximum number of connections of allowed hosts, well below the usual 1024 file descriptors of a process."""
MAX_REFUSED_CONNECTIONS = 8
"""Maximum number of connections of hosts that are not allowed."""


class ConnectionQuota:
    """A limited number of connections: at the limit, the host with most connections loses one to another.

    Args:
        limit: maximum number of connections of all hosts together.
        is_idle: whether a connection may be closed for a newer one of the same host.
    """

    def __init__(self, limit: int, is_idle: Callable[[asyncio.Transport], bool] = lambda _: False) -> None:
        self._limit = limit
        self._is_idle = is_idle
        self._hosts: dict[asyncio.Transport, str] = {}

    def take(self, transport: asyncio.Transport, host: str) -> bool:
        """Count a new connection of a host; False if the limit is reached.

        At the limit, the newest connection of a host that has two more is closed for it, or else the host's own oldest
        idle one.
        """
        # A connection whose peer does not read its last bytes stays in closing, and keeps its descriptor.
        self._hosts = {t: of for t, of in self._hosts.items() if not t.is_closing() or t.get_write_buffer_size()}
        if len(self._hosts) >= self._limit:
            counts = Counter(self._hosts.values())
            largest, most = counts.most_common(1)[0]
            if most < counts[host] + 2:
                closed = next((one for one, of in self._hosts.items() if of == host and self._is_idle(one)), None)
            else:
                closed = next(one for one, of in reversed(self._hosts.items()) if of == largest)
            if closed is None:
                return False
            del self._hosts[closed]
            closed.abort()
        self._hosts[transport] = host
        return True


class Acceptor:
    """Accepts the connections of one server, on all its addresses together.

    Args:
        admission: rights of each host; counts refused connections.
        serve: makes the protocol of a connection.
    """

    def __init__(self, admission: Admission, serve: Callable[[], asyncio.Protocol]) -> None:
        self._admission = admission
        self._serve = serve
        self._busy: set[asyncio.Transport | None] = set()
        self._quota = {
            True: ConnectionQuota(MAX_REFUSED_CONNECTIONS, self._is_idle),
            False: ConnectionQuota(MAX_CONNECTIONS, self._is_idle),
        }
        """By whether the host is refused."""

    @contextmanager
    def busy(self, transport: asyncio.Transport | None) -> Iterator[None]:
        """Mark a connection as busy while a request or a WebSocket is served."""
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
