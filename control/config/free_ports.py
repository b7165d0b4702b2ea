"""Free ports for daemons without a configuration, so that two that start at once get different ones."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

_TRIES: Final = 16


class NoFreePortError(OSError):
    """Every port that was tried is in use."""


class Claims:
    """Ports that are free, and reserved against every other `Claims` until this one closes.

    A free port may be claimed again before its daemon opens it. So a claim is a name in the kernel's table of local
    sockets, which lasts as long as its process.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def take(self, wanted: int, kind: socket.SocketKind, addresses: Sequence[str]) -> int:
        """Claim the wanted port if it is free on all addresses, otherwise any other.

        Raises:
            NoFreePortError: there is none.
        """
        for port in (wanted, *(0 for _ in range(_TRIES))):
            found = _free_at_all(port, kind, addresses)
            if found and self._claim(found, kind):
                return found
        raise NoFreePortError("no port is free")

    def close(self) -> None:
        """Release all claims."""
        self._held.close()

    def _claim(self, port: int, kind: socket.SocketKind) -> bool:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0stemfield-port-{kind.name}-{port}")
        except OSError:
            claim.close()
            return False
        self._held.enter_context(claim)
        return True


def _free_at_all(port: int, kind: socket.SocketKind, addresses: Sequence[str]) -> int:
    """The port, or one of the kernel's choice for 0; 0 if it is in use on any of the addresses."""
    with ExitStack() as probes:
        for address in addresses:
            probe = probes.enter_context(socket.socket(socket.AF_INET, kind))
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return 0
            port = int(probe.getsockname()[1])
    return port
