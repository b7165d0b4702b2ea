"""Which connections of our ports to mend: the wishes of the user, kept over a restart of server or peers."""

from __future__ import annotations

from collections.abc import Callable

Connection = tuple[str, str]


class ConnectionKeeper:
    """Remembers the connections that are wanted and says which are to be made.

    A connection that is gone for two looks while its peer's port still exists was removed by the user, and is
    forgotten. One whose peer went away is made again when the peer returns; a peer that leaves gives up its connections
    before its ports, so that one look may see what no user did.
    """

    def __init__(self) -> None:
        self.wanted: set[Connection] = set()
        self._offered: set[Connection] = set()
        self._seen: set[Connection] = set()
        self._doubtful: set[Connection] = set()

    def want(self, connections: set[Connection]) -> None:
        """Adds wishes (those of the configuration); each is made once, and from then on kept like any other."""
        self.wanted |= connections - self._offered
        self._offered |= connections

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
