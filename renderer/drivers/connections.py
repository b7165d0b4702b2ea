"""Which connections of our ports to mend: the wishes of the user, kept over a restart of server or peers."""

from __future__ import annotations

from collections.abc import Callable, Collection

Connection = tuple[str, str]
"""The short name of a port of ours, and the full name of the port it is connected to."""


def heard_sinks(sources: Collection[str]) -> frozenset[str]:
    """Full names of the sinks' ports that some sources let hear: PipeWire's sinks have monitors, channel by channel.

    What plays to such a sink comes back from its monitor.
    """
    parts = [name.rpartition(":monitor_") for name in sources]
    return frozenset(f"{client}:playback_{channel}" for client, mark, channel in parts if mark)


class ConnectionKeeper:
    """Remembers the connections that are wanted and says which are to be made, and which of its own to undo.

    A connection that is gone for two looks while its peer's port still exists was removed by the user, and is
    forgotten. One whose peer went away is made again when the peer returns; a peer that leaves gives up its connections
    before its ports, so that one look may see what no user did.
    """

    def __init__(self) -> None:
        self.wanted: set[Connection] = set()
        self._offered: set[Connection] = set()
        self._surplus: set[Connection] = set()
        self._seen: set[Connection] = set()
        self._doubtful: set[Connection] = set()

    def want(self, connections: set[Connection]) -> None:
        """Takes the wishes of the configuration in place of those before.

        Each is made once, and from then on kept like any other; one that is no longer wished is to be undone.
        """
        self._surplus = (self._surplus | (self._offered - connections)) - connections
        self.wanted = (self.wanted - self._surplus) | (connections - self._offered)
        self._offered = set(connections)

    def surplus(self, current: set[Connection]) -> set[Connection]:
        """Connections there are that the configuration wished and wishes no longer; each is told once."""
        found, self._surplus = self._surplus & current, set()
        self._seen -= found
        self._doubtful -= found
        return found

    def rename(self, own: str, before: str, after: str) -> None:
        """A port that one of ours is connected to has another name now."""
        for connections in (self.wanted, self._offered, self._surplus, self._seen, self._doubtful):
            if (own, before) in connections:
                connections.remove((own, before))
                connections.add((own, after))

    def new_server(self) -> None:
        """Nothing is connected yet, and that is not the user's doing."""
        self._seen.clear()
        self._doubtful.clear()

    def missing(self, current: set[Connection], exists: Callable[[str], bool]) -> set[Connection]:
        """Takes note of the connections there are and returns those to make now."""
        doubtful = {c for c in (self._seen | self._doubtful) - current if exists(c[1])}
        forgotten = doubtful & self._doubtful
        self.wanted = (self.wanted - forgotten) | current
        self._seen, self._doubtful = set(current), doubtful - forgotten
        return {c for c in self.wanted - current - doubtful if exists(c[1])}
