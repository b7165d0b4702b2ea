"""The machine that separates what this one plays: told what the scene asks of it, and asked how late it is."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stemfield.control.dialects.osc import Message, encode, in_bundles, parse
from stemfield.control.hub.peers import Address
from stemfield.control.scenes.changes import Dirty
from stemfield.renderer.scene.scene import Scene

REFRESH_S: Final = 1.0
"""So often it is told everything and asked: either side may begin anew at any time."""
FRESH_S: Final = 5.0
"""An answer of longer ago says nothing."""
_THRESHOLD: Final = "/separation/threshold"
_BYPASS: Final = "/separation/bypass"
_MODEL: Final = "/separation/model"
_LATENCY: Final = "/status/latency"
_MOST: Final = 65_536
_AT_ONCE: Final = 64
"""Answers that are read in one turn of the loop."""

log = logging.getLogger(__name__)


class Upstream:
    """One machine of role `separation`, from `start` to `close`.

    Args:
        to: where it hears OSC.
        scene: gives the present scene.
    """

    def __init__(self, to: Address, scene: Callable[[], Scene]) -> None:
        self._to = to
        self._scene = scene
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._latency_ms, self._answered_s = 0.0, float("-inf")
        self._refused: dict[str, str] = {}
        """Why, by what was asked; told once, for it is asked every second."""
        self._there = self._plays = False
        self.unsent = 0
        """Datagrams that the network did not take."""

    @property
    def latency_ms(self) -> float | None:
        """From the source of the music to the ports of its stems: 0 where it plays nothing, None without an answer."""
        return self._latency_ms if time.monotonic() - self._answered_s < FRESH_S else None

    def start(self) -> None:
        """Begin to tell and to ask.

        Raises:
            OSError: there is no way to such an address.
        """
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(self._to)  # so that nobody else is heard
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
        self._tick()

    def changed(self, scene: Scene, dirty: Dirty) -> None:
        """Tell at once what is asked of the separation, where that changed."""
        if "separation" in dirty.parts:
            self._tell(scene)

    def close(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        self._tell(self._scene())
        self._send(encode(_LATENCY, "", ()))
        if self._there and self.latency_ms is None:
            self._there = False
            self._refused.clear()
            log.warning("the machine that separates does not answer: %s:%d", *self._to)
        self._timer = asyncio.get_running_loop().call_later(REFRESH_S, self._tick)

    def _tell(self, scene: Scene) -> None:
        asked = scene.separation
        messages = (
            encode(_THRESHOLD, "f", (asked.threshold,)),
            encode(_BYPASS, "T", (asked.bypass,)),
            encode(_MODEL, "s", (asked.model,)),
        )
        for packet in in_bundles(messages):
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(packet)
            except OSError:  # also what the network said of the last one
                self.unsent += 1

    def _hear(self) -> None:
        assert self._socket is not None
        with suppress(OSError):  # nothing more, or nobody at that port
            for _ in range(_AT_ONCE):
                for _, message in parse(self._socket.recv(_MOST), time.time()):
                    if isinstance(message, Message):
                        self._take(message)

    def _take(self, message: Message) -> None:
        match message.address, message.arguments:
            case "/status/latency", [float(latency_ms)] if 0.0 <= latency_ms < float("inf"):
                self._latency_ms, self._answered_s = latency_ms, time.monotonic()
                plays = latency_ms > 0.0
                if plays and not (self._there and self._plays):
                    log.info("separation comes from %s:%d, %.1f ms after the music", *self._to, latency_ms)
                elif not plays and (self._plays or not self._there):
                    log.warning("nothing plays on the machine that separates: %s:%d", *self._to)
                self._there, self._plays = True, plays
            case "/error", [str(address), str(reason)] if address in (_THRESHOLD, _BYPASS, _MODEL, _LATENCY):
                if self._refused.get(address) != reason:
                    self._refused[address] = reason
                    log.warning("the machine that separates refuses %s: %s", address, reason)
