"""A panner page on its WebSocket: it sends JSON commands and receives changes and telemetry.

From the page, text: `{"send": [[ADDRESS, ARGUMENT, ...], ...], "number": N}`, answered by `{"done": N}` when they have
been executed, and `{"packets": true}`. To the page, text: `{"hello": ...}` once, then `objects`, `values` by address,
`sound`, `packets` and `answers`, the replies and errors that an OSC client would receive; and binary telemetry.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from stemfield.control.dialects import adm, native
from stemfield.control.dialects.osc import Message, parse
from stemfield.control.http.page_facts import POLLED, WATCHED, Facts, object_facts
from stemfield.control.http.session import Doors, SendQueue, Session
from stemfield.control.http.telemetry import pack
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Address, Peer
from stemfield.control.hub.watch import Watch
from stemfield.control.parameters.adm_rows import ADM_PREFIX
from stemfield.control.parameters.argument import neat
from stemfield.control.parameters.commands import Command, Problem
from stemfield.control.parameters.routes import Route, routes
from stemfield.layouts.plain_data import PlainDataError, parse_json
from stemfield.renderer.scene.scene import Scene

MAX_COMMANDS: Final = 256
MAX_ADDRESS: Final = 256
TELEMETRY_S: Final = 1.0 / 30.0
MIN_PERIOD_S: Final = 1.0 / 120.0
"""Minimum time between two messages; changes within it are sent together."""
POLL_S: Final = 0.5
"""Time between two readings of counters and of the engine's state."""


class PageClient(Session):
    """The session of a panner page, which is sent the facts first.

    A slow page gets the newest value of each address; telemetry is never queued.
    """

    def __init__(self, socket: web.WebSocketResponse, peer: Peer, doors: Doors, facts: Facts) -> None:
        super().__init__(socket, peer, doors)
        self._facts = facts
        self._watch = _watch(WATCHED, doors.hub)
        self._counts = _watch(POLLED, doors.hub)
        self._answers: SendQueue[object] = SendQueue()
        self._done: int | None = None
        self._revision = 0
        self._objects: list[list[object]] = []
        self._sound: object = None
        self._polled_s = 0.0
        self._packet = 0
        self._close_log: Callable[[], None] | None = None

    async def run(self) -> None:
        """Serve the page until it disconnects."""
        try:
            await super().run()
        finally:
            self._log(wanted=False)

    def changed(self) -> None:
        """Notify the page of a new scene."""
        self._wake.set()

    def _take(self, message: WSMessage) -> Iterator[int]:
        document: Any = None
        if message.type is WSMsgType.TEXT:
            with suppress(PlainDataError):
                document = parse_json(message.data)
        match document:
            case {"packets": bool() as wanted}:
                self._log(wanted=wanted)
            case {"send": [*messages]}:
                due = [_command(message) for message in messages[:MAX_COMMANDS]]
                if len(messages) > MAX_COMMANDS:
                    due.append(Problem("", f"expected at most {MAX_COMMANDS} commands at once, got {len(messages)}"))
                self._hub.reports.counters.messages += len(due)
                yield len(due)
                yield from self._hub.steps(due, self._peer)
                number = document.get("number")
                self._done = number if isinstance(number, int) else self._done
            case _:
                self._hub.perform([Problem("", 'expected {"send": [[address, ...], ...]}')], self._peer)
        self._wake.set()

    def _log(self, *, wanted: bool) -> None:
        if wanted and self._close_log is None:
            self._close_log, self._packet = self._hub.packets.open(), self._hub.packets.last
        elif not wanted and self._close_log is not None:
            self._close_log()
            self._close_log = None

    def _send(self, packet: bytes, _: Address) -> None:
        for _due, message in parse(packet, 0.0):
            if isinstance(message, Message):
                self._answers.add([message.address, *message.arguments], len(packet))
        self._wake.set()

    async def _send_all(self) -> None:
        """Send changes as they come, and telemetry thirty times a second."""
        loop = asyncio.get_running_loop()
        measured_s = 0.0
        await self._send_json({"hello": self._facts | {"peer": str(self._peer), "readOnly": self._peer.read_only}})
        while True:
            now_s = loop.time()
            if changes := dict(self._changes(now_s)):
                await self._send_json(changes)
            if now_s >= measured_s + TELEMETRY_S:
                measured_s = max(measured_s + TELEMETRY_S, now_s - TELEMETRY_S)
                await self._socket.send_bytes(self._telemetry())
            await asyncio.sleep(MIN_PERIOD_S)
            left_s = measured_s + TELEMETRY_S - loop.time()
            if left_s > 0.0 and not self._wake.is_set():
                timer = loop.call_later(left_s, self._wake.set)
                await self._wake.wait()
                timer.cancel()

    def _changes(self, now_s: float) -> Iterator[tuple[str, object]]:
        """What has changed since the last message, by key."""
        self._wake.clear()
        scene, done = self._hub.scene, self._done
        objects = object_facts(scene)
        if objects != self._objects:
            self._objects = objects
            self._revision += 1
            yield "objects", {"revision": self._revision & 0xFFFF, "list": objects}
        values = _values(self._watch, scene)
        if now_s >= self._polled_s + POLL_S:
            self._polled_s = now_s
            values |= _values(self._counts, scene)
            sound = asdict(self._hub.context.status.sound())
            if sound != self._sound:
                self._sound = sound
                yield "sound", sound
        if values:
            yield "values", values
        if self._answers:
            yield "answers", [self._answers.take() for _ in range(len(self._answers))]
        if self._close_log is not None and self._hub.packets.last > self._packet:
            yield "packets", [asdict(entry) for entry in self._hub.packets.since(self._packet)]
            self._packet = self._hub.packets.last
        if done is not None:
            self._done = None
            yield "done", done

    def _telemetry(self) -> bytes:
        status, context = self._hub.context.status, self._hub.context
        objects = [o.id for o in self._hub.scene.objects]
        return pack(objects, context.labels, status.levels(), status.energy_vectors(), status.sound(), self._revision)

    async def _send_json(self, document: Any) -> None:
        await self._socket.send_str(json.dumps(document, separators=(",", ":"), default=str))


def _watch(patterns: Sequence[str], hub: Hub) -> Watch:
    def find(scene: Scene) -> Sequence[Route]:
        return [route for pattern in patterns for route in routes(pattern, scene, hub.context)]

    return Watch(find, hub.context)


def _values(watch: Watch, scene: Scene) -> dict[str, object]:
    return {route.address: [neat(value) for value in values] for route, values in watch.changes(scene)}


def _command(message: object) -> Command | Problem:
    match message:
        case [str() as address, *arguments] if (
            2 <= len(address) <= MAX_ADDRESS
            and address.startswith("/")
            and all(a is None or isinstance(a, str | int | float) for a in arguments)
        ):
            received = Message(address, arguments, b"")
            commands = adm.commands if address.startswith(ADM_PREFIX) else native.commands
            return commands(received)[0]
    return Problem(
        "", f"expected [address, argument, ...], with an address of 2 to {MAX_ADDRESS} characters beginning with /"
    )
