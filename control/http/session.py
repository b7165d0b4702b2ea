"""What all WebSockets share: rate limits for received messages, and a bounded send queue for slow clients."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any, Final, Generic, TypeVar

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from stemfield.control.faults import Contained
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.network.admission import Admission, charged
from stemfield.control.network.scheduler import FairScheduler

MAX_ENTRIES: Final = 1024
MAX_BYTES: Final = 1 << 20
CLOSE_TIMEOUT_S: Final = 1.0

T = TypeVar("T")


async def run_session(
    socket: web.WebSocketResponse,
    peer: Peer,
    hub: Hub,
    admission: Admission,
    scheduler: FairScheduler,
    take: Callable[[WSMessage], Iterator[int]],
    sending: Coroutine[Any, Any, None],
) -> None:
    """Serve a client until it disconnects.

    Args:
        socket: prepared WebSocket.
        peer: the client.
        hub: forgets the peer at the end.
        admission: counts and limits received messages.
        scheduler: runs the messages; the next one is read when one is done.
        take: gives the steps of a message, text or binary; each step yields the number of messages it cost.
        sending: coroutine that sends to the client; cancelled at the end.
    """

    async def send() -> None:
        with Contained("cannot send to a page or client") as fault:
            await sending
        if fault.error is not None:
            await close_sockets((socket,), b"internal error")

    task = asyncio.get_running_loop().create_task(send())
    try:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue  # an error: the connection ends
            admission.counters.received += 1
            charge = admission.take(peer, asyncio.get_running_loop().time())
            if charge is None:
                admission.refuse("limited", str(peer), message.data)
            else:
                await scheduler.run(peer, charged(charge, take(message)))
    finally:
        hub.leave(peer)
        task.cancel()
        await asyncio.wait([task])
        sending.close()  # where the task was cancelled before it began


async def close_sockets(sockets: Iterable[web.WebSocketResponse], message: bytes) -> None:
    """Close WebSockets at the same time, with a reason; after one second, shut down those that do not respond.

    Args:
        sockets: prepared WebSockets.
        message: the reason, at most 123 bytes.
    """
    loop = asyncio.get_running_loop()
    closing = {
        loop.create_task(one.close(code=WSCloseCode.GOING_AWAY, message=message, drain=False)): one for one in sockets
    }
    if not closing:
        return
    _, late = await asyncio.wait(closing, timeout=CLOSE_TIMEOUT_S)
    for task in late:
        task.cancel()
        # Closing alone would wait forever for a client that reads nothing.
        stuck = closing[task].get_extra_info("socket")
        if stuck is not None:  # None if it disconnected in the meantime
            with suppress(OSError):
                stuck.shutdown(SHUT_RDWR)


class SendQueue(Generic[T]):
    """Messages waiting for a client; above a limit, the oldest are dropped.

    Args:
        entries: maximum number of messages.
        size: maximum size of all messages, in bytes; the newest is kept whatever its size.
    """

    def __init__(self, entries: int = MAX_ENTRIES, size: int = MAX_BYTES) -> None:
        self._max_entries = entries
        self._max_bytes = size
        self._entries: deque[tuple[T, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: T, size: int) -> None:
        """Append a message of `size` bytes."""
        self._entries.append((entry, size))
        self._bytes += size
        while len(self) > self._max_entries or (self._bytes > self._max_bytes and len(self) > 1):
            self.take()

    def take(self) -> T:
        """Remove and return the oldest message."""
        entry, size = self._entries.popleft()
        self._bytes -= size
        return entry
