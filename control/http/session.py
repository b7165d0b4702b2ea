"""What every WebSocket has in common: messages are counted and limited, and what waits for a slow client is bounded."""

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
from stemfield.control.network.admission import Admission, paid
from stemfield.control.network.scheduler import FairScheduler

MAX_ENTRIES: Final = 1024
MAX_BYTES: Final = 1 << 20
HANG_UP_S: Final = 1.0

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
    """Serve a client until it goes.

    Args:
        socket: prepared.
        peer: the client.
        hub: forgets the peer at the end.
        admission: counts and limits what comes.
        scheduler: in which messages are carried out; the next one is read when one is done.
        take: the steps that a message takes, text or binary, each of which says how many messages it was worth.
        sending: runs beside it, and is cancelled at the end.
    """

    async def send() -> None:
        with Contained("a page or client cannot be told") as fault:
            await sending
        if fault.error is not None:
            await close_sockets((socket,), b"a fault of the daemon")

    task = asyncio.get_running_loop().create_task(send())
    try:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue  # an error: the connection ends
            admission.counters.received += 1
            pay = admission.take(peer, asyncio.get_running_loop().time())
            if pay is None:
                admission.refuse("limited", str(peer), message.data)
            else:
                await scheduler.carry_out(peer, paid(pay, take(message)))
    finally:
        hub.leave(peer)
        task.cancel()
        await asyncio.wait([task])
        sending.close()  # where the task was cancelled before it began


async def close_sockets(sockets: Iterable[web.WebSocketResponse], message: bytes) -> None:
    """End connections, all at once, and tell why; one that does not take that within a second is cut.

    Args:
        sockets: prepared.
        message: why, at most 123 bytes.
    """
    loop = asyncio.get_running_loop()
    ends = {
        loop.create_task(one.close(code=WSCloseCode.GOING_AWAY, message=message, drain=False)): one for one in sockets
    }
    if not ends:
        return
    _, late = await asyncio.wait(ends, timeout=HANG_UP_S)
    for end in late:
        end.cancel()
        # Closed alone, it would wait for ever for a client that reads nothing.
        door = ends[end].get_extra_info("socket")
        if door is not None:  # it is not gone in the same moment
            with suppress(OSError):
                door.shutdown(SHUT_RDWR)


class SendQueue(Generic[T]):
    """What a client has not taken yet; what is too much is left out, oldest first.

    Args:
        entries: at most.
        size: bytes of them together, at most; the newest is kept whatever its size.
    """

    def __init__(self, entries: int = MAX_ENTRIES, size: int = MAX_BYTES) -> None:
        self._most = entries
        self._most_bytes = size
        self._entries: deque[tuple[T, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: T, size: int) -> None:
        """Let one wait, of so many bytes."""
        self._entries.append((entry, size))
        self._bytes += size
        while len(self) > self._most or (self._bytes > self._most_bytes and len(self) > 1):
            self.take()

    def take(self) -> T:
        """The oldest, which waits no longer."""
        entry, size = self._entries.popleft()
        self._bytes -= size
        return entry
