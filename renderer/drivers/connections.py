"""Keeps the connections of the driver's ports across restarts of the server and of other clients."""

from __future__ import annotations

from collections.abc import Callable, Collection

Connection = tuple[str, str]
"""Short name of a port of the driver, and full name of the port it is connected to."""


def heard_sinks(sources: Collection[str]) -> frozenset[str]:
    """Full names of the sink ports whose monitors are among some sources, channel by channel, as in PipeWire.

    Sound to such a sink comes back from its monitor.
    """
    parts = [name.rpartition(":monitor_") for name in sources]
    return frozenset(f"{client}:playback_{channel}" for client, mark, channel in parts if mark)


class ConnectionKeeper:
    """Remembers the wanted connections, and says which to make and which of its own to remove.

    A connection that is missing in two checks while its peer's port exists was removed by the user, and is forgotten.
    One whose peer is gone is made again when the peer returns; a client that leaves gives up its connections before its
    ports, so a single check may see what no user did.
    """

    def __init__(self) -> None:
        self.wanted: set[Connection] = set()
        self._offered: set[Connection] = set()
        self._surplus: set[Connection] = set()
        self._seen: set[Connection] = set()
        self._doubtful: set[Connection] = set()

    def want(self, connections: set[Connection]) -> None:
        """Replaces the connections that the configuration asks for.

        Each is made once, and from then on kept like any other; one that is no longer asked for is removed.
        """
        self._surplus = (self._surplus | (self._offered - connections)) - connections
        self.wanted = (self.wanted - self._surplus) | (connections - self._offered)
        self._offered = set(connections)

    def surplus(self, current: set[Connection]) -> set[Connection]:
        """Present connections that the configuration no longer asks for; each is reported once."""
        found, self._surplus = self._surplus & current, set()
        self._seen -= found
        self._doubtful -= found
        return found

    def rename(self, own: str, before: str, after: str) -> None:
        """Notes that a connected port of another client was renamed."""
        for connections in (self.wanted, self._offered, self._surplus, self._seen, self._doubtful):
            if (own, before) in connections:
                connections.remove((own, before))
                connections.add((own, after))

    def new_server(self) -> None:
        """Notes that nothing is connected yet, which is not the user's doing."""
        self._seen.clear()
        self._doubtful.clear()

    def missing(self, current: set[Connection], exists: Callable[[str], bool]) -> set[Connection]:
        """Notes the current connections and returns those to make now."""
        doubtful = {c for c in (self._seen | self._doubtful) - current if exists(c[1])}
        forgotten = doubtful & self._doubtful
        self.wanted = (self.wanted - forgotten) | current
        self._seen, self._doubtful = set(current), doubtful - forgotten
        return {c for c in self.wanted - current - doubtful if exists(c[1])}
