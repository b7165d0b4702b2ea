"""The scene sent to other machines by UDP: changes at once, and everything periodically."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from stemfield.control.dialects.osc import Message, encode, in_bundles, parse
from stemfield.control.dialects.registry import Dialect
from stemfield.control.faults import Contained
from stemfield.control.hub.peers import Address
from stemfield.control.scenes.changes import Dirty
from stemfield.renderer.scene.scene import Scene

MIRROR_S: Final = 2.0
"""Period of sending everything, because UDP may lose packets and the other renderer may start later."""
UPSTREAM_S: Final = 1.0
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


class _Sender:
    """Sends to one machine until `close`.

    Attributes:
        unsent: datagrams that could not be sent.
    """

    def __init__(self, to: Address, scene: Callable[[], Scene]) -> None:
        self._to = to
        self._scene = scene
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.unsent = 0

    def _open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        return self._socket

    def close(self) -> None:
        """Stop sending."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, packet: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(packet, self._to)
            except OSError:  # may report the failure of the datagram before
                self.unsent += 1


class Mirror(_Sender):
    """A mirror to one renderer, as S3A JSON or ADM-OSC, from `start` to `close`.

    Args:
        dialect: its protocol.
        to: its host and port.
        rate_hz: maximum rate of sending.
        scene: returns the current scene.
        ahead_s: delay between a change and its time tag, if the dialect has time tags; 0 for no time tag.
        told_s: returns the monotonic time of the scene passed to `changed`.
    """

    def __init__(
        self,
        dialect: Dialect,
        to: Address,
        rate_hz: float,
        scene: Callable[[], Scene],
        ahead_s: float = 0.0,
        told_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(to, scene)
        assert dialect.encode_objects is not None
        self._encode = dialect.encode_objects
        self._period_s = 1.0 / rate_hz
        self._ahead_s = ahead_s if dialect.has_time_tags else 0.0
        self._told_s = told_s
        self._made_s: float | None = None
        """Time of the last change that was not sent yet, since the epoch."""
        self._dirty: set[int] = set()
        self._solo = False
        self._all_s = float("-inf")

    def start(self) -> None:
        """Start to send.

        Raises:
            OSError: no socket can be opened.
        """
        self._open()
        self._tick()

    def changed(self, scene: Scene, dirty: Dirty) -> None:
        """Send changed objects at the end of the period; a solo may change the level of every object."""
        solo, self._solo = self._solo, any(o.solo for o in scene.objects)
        everything = solo or self._solo or "groups" in dirty.parts
        self._made_s = time.time() + self._told_s() - time.monotonic()
        self._dirty |= {o.id for o in scene.objects} if everything else dirty.objects

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        scene = self._scene()
        if loop.time() - self._all_s >= MIRROR_S:
            self._all_s = loop.time()
            self._dirty = {o.id for o in scene.objects}
        changed, self._dirty = self._dirty, set()
        made_s, self._made_s = self._made_s or time.time(), None
        with Contained("cannot send to a mirror"):
            packets = self._encode(scene, changed) if changed else []
            for packet in in_bundles(packets, made_s + self._ahead_s) if self._ahead_s else packets:
                self._send(packet)
        self._timer = loop.call_later(self._period_s, self._tick)


class Upstream(_Sender):
    """The machine that separates, which is sent the settings of the current scene and asked for its latency."""

    def __init__(self, to: Address, scene: Callable[[], Scene]) -> None:
        super().__init__(to, scene)
        self._latency_ms, self._answered_s = 0.0, float("-inf")
        self._refused: dict[str, str] = {}
        """Reasons of refusals by address, each logged once."""
        self._replies = self._plays = False

    @property
    def latency_ms(self) -> float | None:
        """Latency from the mixture to the ports of the stems: 0 if nothing plays there, None without a reply."""
        return self._latency_ms if time.monotonic() - self._answered_s < FRESH_S else None

    def start(self) -> None:
        """Start to send.

        Raises:
            OSError: there is no route to the address.
        """
        opened = self._open()
        opened.connect(self._to)  # receives from that address only
        asyncio.get_running_loop().add_reader(opened, self._receive)
        self._tick()

    def changed(self, scene: Scene, dirty: Dirty) -> None:
        """Send the separation settings at once if they changed."""
        if "separation" in dirty.parts:
            self._send_settings(scene)

    def close(self) -> None:
        """Stop sending and receiving."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
        super().close()

    def _tick(self) -> None:
        self._send_settings(self._scene())
        self._send(encode(_LATENCY, "", ()))
        if self._replies and self.latency_ms is None:
            self._replies = False
            self._refused.clear()
            log.warning("no reply from the machine that separates: %s:%d", *self._to)
        self._timer = asyncio.get_running_loop().call_later(UPSTREAM_S, self._tick)

    def _send_settings(self, scene: Scene) -> None:
        settings = scene.separation
        messages = (
            encode(_THRESHOLD, "f", (settings.threshold,)),
            encode(_BYPASS, "T", (settings.bypass,)),
            encode(_MODEL, "s", (settings.model,)),
        )
        for packet in in_bundles(messages):
            self._send(packet)

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
