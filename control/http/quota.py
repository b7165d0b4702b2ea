"""Connection limits that are fair among hosts: at the limit, the host with most connections loses one to another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable


class ConnectionQuota:
    """A limited number of connections.

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
