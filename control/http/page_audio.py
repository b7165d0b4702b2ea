"""Headphone stream of the panner page: 16-bit stereo by WebSocket; a slow listener gets the latest quarter second."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from aiohttp import WSMsgType, web

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.layouts.problems import RefusedError

MAX_BLOCKS: Final = 24
"""Maximum number of buffered blocks."""
REFUSED: Final = 4000
"""Close code of a refusal."""


async def play(socket: web.WebSocketResponse, headphones: HeadphoneStream) -> None:
    """Send the sample rate as JSON, then blocks until the listener disconnects."""
    loop = asyncio.get_running_loop()
    blocks: deque[bytes] = deque(maxlen=MAX_BLOCKS)
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
        await socket.close(code=REFUSED, message=str(refusal).encode()[:120])
        return
    try:
        await socket.send_json({"rate": headphones.rate_hz})
        sending = loop.create_task(_send(socket, blocks, wake))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    break  # the page sends nothing on this socket
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
        return  # disconnected; the reading side sees it too
