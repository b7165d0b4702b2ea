"""Who speaks to us, and how to answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

Address = tuple[str, int]
"""Host and port."""

Send = Callable[[bytes, Address], object]
"""Sends a datagram, now or never."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One program at the other end of a socket. Peers are the same when host, port and transport are."""

    host: str
    port: int
    send: Send = field(compare=False, repr=False)
    """Through the socket that its messages come in by."""
    dialect: str = field(default="", compare=False)
    """What its rank goes by; where empty, each message's own dialect."""
    read_only: bool = field(default=False, compare=False)
    """It may ask and listen, and change nothing."""
    transport: Literal["udp", "tcp"] = "udp"
    """A port of the one is another program's than the same port of the other."""

    def tell(self, packet: bytes) -> None:
        """Send it a datagram."""
        self.send(packet, (self.host, self.port))

    def at(self, port: int) -> Peer:
        """The same host at another port."""
        return replace(self, port=port)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
