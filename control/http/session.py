"""What all WebSockets share: accepting them, rate limits, and a bounded send queue for slow clients."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from socket import SHUT_RDWR
from typing import Any, Final, Generic, TypeVar

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from stemfield.control.faults import Contained
from stemfield.control.http.accept import ConnectionQuota
from stemfield.control.http.frames import require_masked
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Address, Peer
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler, charged

MAX_MESSAGE: Final = 65_536
MAX_ENTRIES: Final = 1024
MAX_BYTES: Final = 1 << 20
CLOSE_TIMEOUT_S: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Doors:
    """What lies between a client and the scene."""

    hub: Hub
    """Receives the commands."""
    admission: Admission
    """Rights of each host; counts and limits messages."""
    scheduler: FairScheduler
    """Runs the messages in fair turns."""


class Session:
    """A client on a WebSocket; subclasses handle its messages and send to it.

    Args:
        socket: prepared WebSocket.
        peer: the client, as `peer_of` gives it.
        doors: run its messages; the next one is read when one is done.
    """

    def __init__(self, socket: web.WebSocketResponse, peer: Peer, doors: Doors) -> None:
        self._socket = socket
        self._peer = replace(peer, send=self._send, read_only=doors.admission.rights(peer.host) != "change")
        self._hub = doors.hub
        self._doors = doors
        self._wake = asyncio.Event()
        """Set when there is something to send."""

    async def run(self) -> None:
        """Serve the client until it disconnects."""
        admission, sending = self._doors.admission, self._send_all()
        task = asyncio.get_running_loop().create_task(self._contained(sending))
        try:
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue  # an error: the connection ends
                admission.counters.received += 1
                charge = admission.take(self._peer, asyncio.get_running_loop().time())
                if charge is None:
                    admission.refuse("limited", str(self._peer), message.data)
                else:
                    await self._doors.scheduler.run(self._peer, charged(charge, self._take(message)))
        finally:
            self._hub.leave(self._peer)
            task.cancel()
            await asyncio.wait([task])
            sending.close()  # if the task was cancelled before it started

    async def _contained(self, sending: Coroutine[Any, Any, None]) -> None:
        # Errors of a lost connection are ignored: the reading side sees it too.
        with Contained("cannot send to a page or client") as fault, suppress(ConnectionError, RuntimeError):
            await sending
        if fault.error is not None:
            await close_sockets((self._socket,), b"internal error")

    def _take(self, message: WSMessage) -> Iterator[int]:
        """The steps of a message, text or binary; each yields the number of messages it cost."""
        raise NotImplementedError

    def _send(self, packet: bytes, to: Address) -> None:
        """Send an OSC reply."""
        raise NotImplementedError

    async def _send_all(self) -> None:
        """Send everything, until cancelled."""
        raise NotImplementedError


def peer_of(request: web.Request) -> Peer:
    """The client of a request, read-only and without a way to send to it."""
    name = request.transport.get_extra_info("peername") if request.transport else None
    return Peer(
        request.remote or "unknown", int(name[1]) if name else 0, _discard, "web", read_only=True, transport="tcp"
    )


def _discard(_packet: bytes, _to: Address) -> None:
    """Plain HTTP clients receive nothing but the response."""


async def accept_websocket(
    request: web.Request, quota: ConnectionQuota, refusal: str, **options: Any
) -> web.WebSocketResponse:
    """Prepare the WebSocket of a request.

    Args:
        request: WebSocket handshake.
        quota: limits the number of WebSockets.
        refusal: text of the response above the limit.
        options: more arguments of `WebSocketResponse`.
    """
    # On a local network compression costs more time than it saves.
    socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_MESSAGE, **options)
    if not socket.can_prepare(request):
        raise web.HTTPBadRequest(text="expected a WebSocket, got a plain request")
    if request.transport is None or not quota.take(request.transport, request.remote or ""):
        raise web.HTTPServiceUnavailable(text=refusal)
    await socket.prepare(request)
    require_masked(request)
    return socket


async def close_sockets(sockets: Iterable[web.WebSocketResponse], message: bytes) -> None:
    """Close WebSockets at the same time, with a reason of at most 123 bytes.

    After one second, those that do not respond are shut down.
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
