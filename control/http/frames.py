"""WebSocket frames as RFC 6455 wants them from a client: masked (5.1), which aiohttp does not ask for."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_LONGER: Final = {126: 2, 127: 8}
"""Bytes of the length that follow, by what stands in place of a short one."""
_CLOSE: Final = b"\x88\x02" + (1002).to_bytes(2, "big")
"""The frame by which a protocol error is told."""


class MaskCheck:
    """Follows the heads of a stream of frames."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._skip = 0
        """Bytes of the present frame that are still to come."""

    def are_masked(self, data: bytes) -> bool:
        """Whether all frames that begin in the next bytes of the stream are masked."""
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


class _Guard(asyncio.Protocol):
    """Stands before the protocol of a connection that has become a WebSocket."""

    def __init__(self, transport: asyncio.Transport, guarded: asyncio.Protocol) -> None:
        self._transport = transport
        self._guarded = guarded
        self._heads = MaskCheck()
        self._open = True

    def data_received(self, data: bytes) -> None:
        if not self._open:
            return
        if self._heads.are_masked(data):
            self._guarded.data_received(data)
        else:
            self._open = False
            self._transport.write(_CLOSE)
            self._transport.close()

    def eof_received(self) -> bool | None:
        return self._guarded.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._guarded.connection_lost(error)

    def pause_writing(self) -> None:
        self._guarded.pause_writing()

    def resume_writing(self) -> None:
        self._guarded.resume_writing()


def require_masked(request: web.Request) -> None:
    """From now on close the connection of a WebSocket, just prepared, at the first frame that is not masked."""
    transport = request.transport
    if transport is not None:
        guarded = transport.get_protocol()
        assert isinstance(guarded, asyncio.Protocol)
        transport.set_protocol(_Guard(transport, guarded))
