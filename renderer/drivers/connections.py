"""Which connections of our ports to mend: the wishes of the user, kept over a restart of server or peers."""

from __future__ import annotations

from collections.abc import Callable

Connection = tuple[str, str]


class ConnectionKeeper:
    """Remembers the connections that are wanted and says which are to be made.

    A connection that was there and is gone while its peer's port still exists was removed by the user, and is
    forgotten. One whose peer went away is made again when the peer returns.
    """

    def __init__(self) -> None:
        self.wanted: set[Connection] = set()
        self._offered: set[Connection] = set()
        self._seen: set[Connection] = set()

    def want(self, connections: set[Connection]) -> None:
        """Adds wishes (those of the configuration); each is made once, and from then on kept like any other."""
        self.wanted |= connections - self._offered
        self._offered |= connections

    def new_server(self) -> None:
        """Nothing is connected yet, and that is not the user's doing."""
        self._seen.clear()

    def missing(self, current: set[Connection], exists: Callable[[str], bool]) -> set[Connection]:
        """Takes note of the connections there are and returns those to make now."""
        self.wanted -= {c for c in self._seen - current if exists(c[1])}
        self.wanted |= current
        self._seen = set(current)
        return {c for c in self.wanted - current if exists(c[1])}
