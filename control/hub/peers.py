"""Senders of messages, and how to answer them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

Address = tuple[str, int]
"""Host and port."""

Send = Callable[[bytes, Address], object]
"""Sends a datagram without waiting."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One program at the other end of a socket. Peers are equal if host, port and transport are."""

    host: str
    port: int
    send: Send = field(compare=False, repr=False)
    """Sends through the socket that receives its messages."""
    dialect: str = field(default="", compare=False)
    """Determines its rank; if empty, the dialect of each message does."""
    read_only: bool = field(default=False, compare=False)
    """Whether it may query and subscribe only."""
    transport: Literal["udp", "tcp"] = "udp"
    """The same port number belongs to different programs in UDP and TCP."""

    def deliver(self, packet: bytes) -> None:
        """Send it a datagram."""
        self.send(packet, (self.host, self.port))

    def at(self, port: int) -> Peer:
        """The same host with another port."""
        return replace(self, port=port)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
