"""Refuses unmasked WebSocket frames from clients, as RFC 6455, 5.1 requires; aiohttp accepts them."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_LONGER: Final = {126: 2, 127: 8}
"""Size of the extended length field, by the value of the short one."""
_CLOSE: Final = b"\x88\x02" + (1002).to_bytes(2, "big")
"""Close frame for a protocol error."""


class MaskCheck:
    """Parses the headers in a stream of frames."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0
        """Bytes of the current frame not received yet."""

    def are_masked(self, data: bytes) -> bool:
        """Whether all frames that begin in the next bytes of the stream, of any number, are masked."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            if len(self._head) < 2:
                continue
            if not self._head[1] & _MASKED:
                return False
            short = self._head[1] & ~_MASKED
            further = _LONGER.get(short, 0)
            if len(self._head) == 2 + further:
                self._skip = _MASK_BYTES + (int.from_bytes(self._head[2:], "big") if further else short)
                self._head.clear()
        return True


class _MaskedOnly(asyncio.Protocol):
    """Wraps the protocol of a connection that has become a WebSocket."""

    def __init__(self, transport: asyncio.Transport, inner: asyncio.Protocol) -> None:
        self._transport = transport
        self._inner = inner
        self._check = MaskCheck()

    def data_received(self, data: bytes) -> None:
        if self._check.are_masked(data):
            self._inner.data_received(data)
        else:
            self._transport.write(_CLOSE)
            self._transport.close()  # nothing more is received

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def require_masked(request: web.Request) -> None:
    """Close the connection of a WebSocket, just prepared, at the first unmasked frame."""
    transport = request.transport
    if transport is not None:
        inner = transport.get_protocol()
        assert isinstance(inner, asyncio.Protocol)
        transport.set_protocol(_MaskedOnly(transport, inner))
