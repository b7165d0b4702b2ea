"""The headphones of the panner page: 16-bit stereo by WebSocket, the newest quarter of a second for a slow listener."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from aiohttp import WSMsgType, web

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.problems import RefusedError

KEPT: Final = 24
"""Blocks that wait at most."""
BUSY: Final = 4000
"""Close code of a refusal."""


async def play(socket: web.WebSocketResponse, headphones: HeadphoneStream) -> None:
    """Play until the listener goes: first the rate as JSON, then blocks."""
    loop = asyncio.get_running_loop()
    blocks: deque[bytes] = deque(maxlen=KEPT)
    wake = asyncio.Event()

    def take(block: bytes) -> None:
        blocks.append(block)
        wake.set()

    def hear(block: bytes) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(take, block)

    try:
        end = headphones.listen(hear)
    except RefusedError as refusal:
        await socket.close(code=BUSY, message=str(refusal).encode()[:120])
        return
    try:
        await socket.send_json({"rate": headphones.rate_hz})
        sending = loop.create_task(_send(socket, blocks, wake))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    break  # it has nothing to say
        finally:
            sending.cancel()
            await asyncio.wait([sending])
    finally:
        end()


async def _send(socket: web.WebSocketResponse, blocks: deque[bytes], wake: asyncio.Event) -> None:
    try:
        while True:
            await wake.wait()
            wake.clear()
            sound = b"".join(blocks)
            blocks.clear()
            await socket.send_bytes(sound)
    except (ConnectionError, RuntimeError):
        return  # it is gone: the reading side sees that too
