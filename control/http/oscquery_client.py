"""An OSCQuery client on a WebSocket: it listens to addresses, sends OSC, and receives path events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from aiohttp import WSMessage, WSMsgType, web

from stemfield.control.dialects.osc import encode
from stemfield.control.http.session import Doors, SendQueue, Session
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Address, Peer
from stemfield.control.hub.watch import Watch
from stemfield.control.parameters.patterns import is_pattern
from stemfield.control.parameters.routes import Route, routes
from stemfield.layouts.plain_data import PlainDataError, parse_json
from stemfield.renderer.scene.scene import Scene

MAX_LISTENED = 8192
PERIOD_S = 1.0 / 60.0
STATUS_PERIOD_S = 1.0 / 30.0


class WebSocketClient(Session):
    """The session of an OSCQuery client.

    A slow client gets the newest value of each address; everything else waits in a queue of limited length.
    """

    def __init__(self, socket: web.WebSocketResponse, peer: Peer, doors: Doors) -> None:
        super().__init__(socket, peer, doors)
        self._listened: dict[str, None] = {}
        self._watch = Watch(self._routes, doors.hub.context)
        self._queue: SendQueue[bytes | str] = SendQueue()

    def changed(self, events: Sequence[str]) -> None:
        """Notify the client of a new scene by path events, as JSON."""
        for event in events:
            self._queue.add(event, len(event))
        self._wake.set()

    def _take(self, message: WSMessage) -> Iterator[int]:
        if message.type is WSMsgType.TEXT:
            self._command(message.data)
        else:
            yield from self._hub.work(message.data, self._peer)

    def _command(self, text: str) -> None:
        """Handle LISTEN and IGNORE; the specification requires to ignore anything else."""
        try:
            command = parse_json(text)
        except PlainDataError:
            return
        match command:
            case {"COMMAND": "LISTEN", "DATA": str() as address}:
                if address not in self._listened and len(self._listened) < MAX_LISTENED:
                    if len(found := routes_of(address, self._hub)) != 1:
                        return
                    self._listened[address] = None
                    self._watch.add(*found)
                    self._wake.set()
            case {"COMMAND": "IGNORE", "DATA": str() as address}:
                if address in self._listened:
                    del self._listened[address]
                    self._watch.remove(address)

    def _routes(self, _: Scene) -> Sequence[Route]:
        return [route for address in self._listened for route in routes_of(address, self._hub)]

    def _send(self, packet: bytes, _: Address) -> None:
        self._queue.add(packet, len(packet))
        self._wake.set()

    async def _send_all(self) -> None:
        """Send the queue, then changed values, at most 60 times a second."""
        while True:
            try:
                async with asyncio.timeout(STATUS_PERIOD_S):
                    await self._wake.wait()
            except TimeoutError:
                if self._watch.is_unchanged(self._hub.scene):
                    continue
            self._wake.clear()
            while self._queue:
                entry = self._queue.take()
                await (self._socket.send_str(entry) if isinstance(entry, str) else self._socket.send_bytes(entry))
            for route, values in self._watch.changes(self._hub.scene):
                await self._socket.send_bytes(encode(route.address, route.parameter.tags, values))
            await asyncio.sleep(PERIOD_S)


def routes_of(address: str, hub: Hub) -> Sequence[Route]:
    """The routes of an exact address; none for a pattern."""
    return () if is_pattern(address) else routes(address, hub.scene, hub.context)
