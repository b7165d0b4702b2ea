"""Connection to the machine that separates: sends it the separation settings, and requests its latency."""

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
"""Period of sending all settings and requesting the latency, because either side may restart at any time."""
FRESH_S: Final = 5.0
"""Time after which a reply is outdated."""
_THRESHOLD: Final = "/separation/threshold"
_BYPASS: Final = "/separation/bypass"
_MODEL: Final = "/separation/model"
_LATENCY: Final = "/status/latency"
_MAX_PACKET: Final = 65_536
_BATCH: Final = 64
"""Maximum number of replies read in one turn of the loop."""

log = logging.getLogger(__name__)


class Upstream:
    """A machine of role `separation`, from `start` to `close`.

    Args:
        to: its OSC address.
        scene: returns the present scene.
        refresh_s: period of sending everything.
        fresh_s: time after which a reply is outdated.
    """

    def __init__(
        self, to: Address, scene: Callable[[], Scene], refresh_s: float = REFRESH_S, fresh_s: float = FRESH_S
    ) -> None:
        self._to = to
        self._refresh_s = refresh_s
        self._fresh_s = fresh_s
        self._scene = scene
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._latency_ms, self._answered_s = 0.0, float("-inf")
        self._refused: dict[str, str] = {}
        """Reasons of refusals by address, each logged once."""
        self._replies = self._plays = False
        self.unsent = 0
        """Datagrams that could not be sent."""

    @property
    def latency_ms(self) -> float | None:
        """Latency from the mixture to the ports of the stems: 0 if nothing plays there, None without a reply."""
        return self._latency_ms if time.monotonic() - self._answered_s < self._fresh_s else None

    def start(self) -> None:
        """Start to send.

        Raises:
            OSError: there is no route to the address.
        """
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect(self._to)  # receives from that address only
        asyncio.get_running_loop().add_reader(self._socket, self._receive)
        self._tick()

    def changed(self, scene: Scene, dirty: Dirty) -> None:
        """Send the separation settings at once if they changed."""
        if "separation" in dirty.parts:
            self._send_settings(scene)

    def close(self) -> None:
        """Stop sending."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        self._send_settings(self._scene())
        self._send(encode(_LATENCY, "", ()))
        if self._replies and self.latency_ms is None:
            self._replies = False
            self._refused.clear()
            log.warning("no reply from the machine that separates: %s:%d", *self._to)
        self._timer = asyncio.get_running_loop().call_later(self._refresh_s, self._tick)

    def _send_settings(self, scene: Scene) -> None:
        settings = scene.separation
        messages = (
            encode(_THRESHOLD, "f", (settings.threshold,)),
            encode(_BYPASS, "T", (settings.bypass,)),
            encode(_MODEL, "s", (settings.model,)),
        )
        for packet in in_bundles(messages):
            self._send(packet)

    def _send(self, packet: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(packet)
            except OSError:  # may report the failure of the datagram before
                self.unsent += 1

    def _receive(self) -> None:
        assert self._socket is not None
        with suppress(OSError):  # nothing more to read, or the port is closed
            for _ in range(_BATCH):
                for _, message in parse(self._socket.recv(_MAX_PACKET), time.time()):
                    if isinstance(message, Message):
                        self._handle(message)

    def _handle(self, message: Message) -> None:
        match message.address, message.arguments:
            case "/status/latency", [float(latency_ms)] if 0.0 <= latency_ms < float("inf"):
                self._latency_ms, self._answered_s = latency_ms, time.monotonic()
                plays = latency_ms > 0.0
                if plays and not (self._replies and self._plays):
                    log.info("stems come from %s:%d, with a latency of %.1f ms", *self._to, latency_ms)
                elif not plays and (self._plays or not self._replies):
                    log.warning("nothing plays on the machine that separates: %s:%d", *self._to)
                self._replies, self._plays = True, plays
            case "/error", [str(address), str(reason)] if address in (_THRESHOLD, _BYPASS, _MODEL, _LATENCY):
                if self._refused.get(address) != reason:
                    self._refused[address] = reason
                    log.warning("the machine that separates refuses %s: %s", address, reason)
