"""Free ports for a daemon that a person did not configure, so that two that begin at once take different ones."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

_TRIES: Final = 16


class NoFreePortError(OSError):
    """Every port that was tried is taken."""


class Claims:
    """Ports that are taken by nobody, and by no other `Claims` until this one ends.

    A port that is free now may be taken a moment later, before the daemon that is to have it opens it. So a claim is a
    name in the kernel's table of local sockets, which lasts as long as its process.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def take(self, wanted: int, kind: socket.SocketKind, addresses: Sequence[str]) -> int:
        """The wanted port where it is free at all addresses, otherwise any that is.

        Raises:
            NoFreePortError: there is none.
        """
        for port in (wanted, *(0 for _ in range(_TRIES))):
            found = _free_at_all(port, kind, addresses)
            if found and self._claim(found, kind):
                return found
        raise NoFreePortError("no port is free")

    def close(self) -> None:
        """Let others have them."""
        for held in self._held:
            held.close()
        self._held.clear()

    def _claim(self, port: int, kind: socket.SocketKind) -> bool:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0stemfield-port-{kind.name}-{port}")
        except OSError:
            claim.close()
            return False
        self._held.append(claim)
        return True


def _free_at_all(port: int, kind: socket.SocketKind, addresses: Sequence[str]) -> int:
    """The port, or one of the kernel's choice for 0; 0 where it is taken at any of the addresses."""
    doors = [socket.socket(socket.AF_INET, kind) for _ in addresses]
    try:
        for door, address in zip(doors, addresses, strict=True):
            if kind == socket.SOCK_STREAM:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind((address, port))
            port = int(door.getsockname()[1])
    except OSError:
        return 0
    finally:
        for door in doors:
            door.close()
    return port
