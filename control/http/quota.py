"""A bounded number of connections, shared fairly: where all are taken, the host with most gives one to another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable


class ConnectionQuota:
    """So many connections and no more.

    Args:
        most: of all hosts together.
        is_idle: whether a connection may be ended in favour of a newer one of the same host.
    """

    def __init__(self, most: int, is_idle: Callable[[asyncio.Transport], bool] = lambda _: False) -> None:
        self._most = most
        self._is_idle = is_idle
        self._taken: dict[asyncio.Transport, str] = {}

    def take(self, transport: asyncio.Transport, host: str) -> bool:
        """Whether there is a seat for a host's connection.

        The newest one of a host that has two more makes room, or else the host's own that is idle for longest.
        """
        # One whose last words nobody reads is closing for ever, and keeps its descriptor.
        self._taken = {t: of for t, of in self._taken.items() if not t.is_closing() or t.get_write_buffer_size()}
        if len(self._taken) >= self._most:
            held = Counter(self._taken.values())
            greediest, most = held.most_common(1)[0]
            if most < held[host] + 2:
                leaves = next((one for one, of in self._taken.items() if of == host and self._is_idle(one)), None)
            else:
                leaves = next(one for one, of in reversed(self._taken.items()) if of == greediest)
            if leaves is None:
                return False
            del self._taken[leaves]
            leaves.abort()
        self._taken[transport] = host
        return True
