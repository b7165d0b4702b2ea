"""Mirrors of the scene to other renderers, as S3A JSON or ADM-OSC: changes at once, and everything periodically."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from stemfield.control.dialects.osc import in_bundles
from stemfield.control.dialects.registry import Dialect
from stemfield.control.faults import Contained
from stemfield.control.hub.peers import Address
from stemfield.control.scenes.changes import Dirty
from stemfield.renderer.scene.scene import Scene

REFRESH_S = 2.0
"""Period of sending everything, because UDP may lose packets and the other renderer may start later."""


class Mirror:
    """A mirror to one renderer, from `start` to `close`.

    Args:
        dialect: its protocol.
        to: its host and port.
        rate_hz: maximum rate of sending.
        scene: returns the present scene.
        ahead_s: delay between a change and its time tag, if the dialect has time tags; 0 for no time tag.
        told_s: returns the monotonic time of the scene passed to `changed`.
        refresh_s: period of sending everything.
    """

    def __init__(
        self,
        dialect: Dialect,
        to: Address,
        rate_hz: float,
        scene: Callable[[], Scene],
        ahead_s: float = 0.0,
        told_s: Callable[[], float] = time.monotonic,
        refresh_s: float = REFRESH_S,
    ) -> None:
        assert dialect.encode_objects is not None
        self._encode = dialect.encode_objects
        self._to = to
        self._period_s = 1.0 / rate_hz
        self._scene = scene
        self._ahead_s = ahead_s if dialect.has_time_tags else 0.0
        self._told_s = told_s
        self._refresh_s = refresh_s
        self._made_s: float | None = None
        """Time of the last change that was not sent yet, since the epoch."""
        self._dirty: set[int] = set()
        self._solo = False
        self._all_s = float("-inf")
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.unsent = 0
        """Datagrams that could not be sent."""

    def start(self) -> None:
        """Start to send.

        Raises:
            OSError: no socket can be opened.
        """
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._tick()

    def changed(self, scene: Scene, dirty: Dirty) -> None:
        """Send changed objects at the end of the period; a solo may change the level of every object."""
        solo, self._solo = self._solo, any(o.solo for o in scene.objects)
        everything = solo or self._solo or "groups" in dirty.parts
        self._made_s = time.time() + self._told_s() - time.monotonic()
        self._dirty |= {o.id for o in scene.objects} if everything else dirty.objects

    def close(self) -> None:
        """Stop sending."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        scene = self._scene()
        if loop.time() - self._all_s >= self._refresh_s:
            self._all_s = loop.time()
            self._dirty = {o.id for o in scene.objects}
        changed, self._dirty = self._dirty, set()
        made_s, self._made_s = self._made_s or time.time(), None
        with Contained("cannot send to a mirror"):
            packets = self._encode(scene, changed) if changed else []
            for packet in in_bundles(packets, made_s + self._ahead_s) if self._ahead_s else packets:
                self._send(packet)
        self._timer = loop.call_later(self._period_s, self._tick)

    def _send(self, packet: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(packet, self._to)
        except OSError:
            self.unsent += 1
