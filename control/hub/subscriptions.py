"""Subscriptions: a subscriber receives the matching values once, then their changes, at its own rate.

Subscribers to the same pattern at the same rate share a channel, so that fifty cost little more than one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from stemfield.control.dialects.osc import encode, in_bundles
from stemfield.control.hub.peers import Peer
from stemfield.control.hub.watch import Watch
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import Route, readable, routes, suggestion
from stemfield.control.parameters.rows import Values
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.scene.scene import Scene

LIFETIME_S = 30.0
MAX_SUBSCRIPTIONS = 64
STEP = 64
"""Values sent in one step."""


@dataclass(slots=True)
class Subscription:
    """One subscriber."""

    owner: Peer
    """Sender of the request."""
    to: Peer
    """Receiver of the values."""
    channel: Channel
    ends_s: float

    def belongs_to(self, sender: Peer) -> bool:
        """Whether the sender may renew or end it: the owner, or the receiver at the requested port."""
        own = (self.owner.host, self.owner.transport)
        return sender == self.owner or ((sender.host, sender.transport) == own and self.to != self.owner)


@dataclass(slots=True)
class Channel:
    """What several subscribers receive together."""

    pattern: str
    rate_hz: int
    watch: Watch
    members: dict[Peer, Subscription] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    """Runs until values may be sent again."""


class Subscriptions:
    """All subscriptions, at most 64."""

    def __init__(self, scene: Callable[[], Scene], context: Context) -> None:
        self._scene = scene
        self._context = context
        self._subscriptions: dict[tuple[str, Peer], Subscription] = {}
        self._channels: dict[tuple[str, int], Channel] = {}

    def __len__(self) -> int:
        """The number of active subscriptions; expired ones are removed later."""
        now_s = time.monotonic()
        return sum(one.ends_s > now_s for one in tuple(self._subscriptions.values()))

    def add(self, pattern: str, rate_hz: int, owner: Peer, to: Peer) -> Iterator[int]:
        """Send all matching values step by step, then add a subscription, or change the rate of an active one.

        Yields:
            The number of values sent in each step.

        Raises:
            RefusedError: the pattern matches nothing readable, or there are too many subscriptions.
        """
        self._expire(asyncio.get_running_loop().time())
        if not readable(pattern, self._scene(), self._context):
            raise RefusedError(f"{shown(pattern)}: {suggestion(pattern, self._scene(), self._context)}")
        self._drop((pattern, to))
        self._check_number()
        first = Watch(lambda scene: routes(pattern, scene, self._context), self._context)
        values = first.changes(self._scene())
        while part := list(islice(values, STEP)):
            for packet in in_bundles([_packet(*one) for one in part]):
                to.deliver(packet)
            yield len(part)
        self._check_number()
        self._join(pattern, rate_hz, owner, to, first)

    def _check_number(self) -> None:
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise RefusedError(f"expected at most {MAX_SUBSCRIPTIONS} subscriptions")

    def _join(self, pattern: str, rate_hz: int, owner: Peer, to: Peer, first: Watch) -> None:
        """Add a peer to a channel, after sending it what has changed since `first` was read."""
        for packet in in_bundles(_packets(first, self._scene())):
            to.deliver(packet)
        channel = self._channels.get((pattern, rate_hz))
        if channel is None:
            channel = self._channels[pattern, rate_hz] = Channel(pattern, rate_hz, first)
            self._wait(channel)
        else:
            self._send(channel)  # so that old and new members have the same values
        ends_s = asyncio.get_running_loop().time() + LIFETIME_S
        self._subscriptions[pattern, to] = channel.members[to] = Subscription(owner, to, channel, ends_s)

    def renew(self, pattern: str | None, sender: Peer) -> int:
        """Extend the sender's subscriptions to the pattern (None: all) to 30 s from now; returns their number."""
        now_s = asyncio.get_running_loop().time()
        self._expire(now_s)
        found = self._of(pattern, sender)
        for subscription in found.values():
            subscription.ends_s = now_s + LIFETIME_S
        return len(found)

    def remove(self, pattern: str | None, sender: Peer) -> int:
        """End the sender's subscriptions to the pattern (None: all); returns their number."""
        found = self._of(pattern, sender)
        for key in found:
            self._drop(key)
        return len(found)

    def changed(self) -> None:
        """Send the changes of a new scene, now or at the end of a channel's period."""
        self._expire(asyncio.get_running_loop().time())
        for channel in tuple(self._channels.values()):  # sending ends expired ones
            if channel.timer is None:
                self._run(channel)

    def close(self) -> None:
        """End all of them."""
        for key in list(self._subscriptions):
            self._drop(key)

    def _of(self, pattern: str | None, sender: Peer) -> Mapping[tuple[str, Peer], Subscription]:
        return {k: s for k, s in self._subscriptions.items() if pattern in (None, k[0]) and s.belongs_to(sender)}

    def _drop(self, key: tuple[str, Peer]) -> None:
        dropped = self._subscriptions.pop(key, None)
        if dropped is None:
            return
        channel = dropped.channel
        del channel.members[dropped.to]
        if not channel.members:
            del self._channels[channel.pattern, channel.rate_hz]
            if channel.timer is not None:
                channel.timer.cancel()

    def _expire(self, now_s: float) -> None:
        for key in [key for key, subscription in self._subscriptions.items() if subscription.ends_s <= now_s]:
            self._drop(key)

    def _run(self, channel: Channel) -> None:
        """Send what has changed since the last time, and again after the period."""
        channel.timer = None
        self._expire(asyncio.get_running_loop().time())
        if channel.members and not channel.watch.is_unchanged(self._scene()):
            self._send(channel)
            self._wait(channel)

    def _wait(self, channel: Channel) -> None:
        channel.timer = asyncio.get_running_loop().call_later(1.0 / channel.rate_hz, self._run, channel)

    def _send(self, channel: Channel) -> None:
        for packet in in_bundles(_packets(channel.watch, self._scene())):
            for peer in channel.members:
                peer.deliver(packet)


def _packets(watch: Watch, scene: Scene) -> list[bytes]:
    return [_packet(route, values) for route, values in watch.changes(scene)]


def _packet(route: Route, values: Values) -> bytes:
    return encode(route.address, route.parameter.tags, values)
