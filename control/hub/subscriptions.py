"""Who is told what: each subscriber hears the matching values once, then what changes, at its own rate.

Those who want the same at the same rate are told together, so that fifty listeners cost little more than one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from stemfield.control.dialects.osc import encode, in_bundles
from stemfield.control.hub.peers import Peer
from stemfield.control.hub.watching import Watch
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import Route, readable, routes, suggestion
from stemfield.control.parameters.rows import Values
from stemfield.control.problems import RefusedError
from stemfield.layouts.problems import shown
from stemfield.renderer.scene.scene import Scene

LIFETIME_S = 30.0
MAX_SUBSCRIPTIONS = 64
STEP = 64
"""Values told at a time."""


@dataclass(slots=True)
class Subscription:
    """One peer's wish to be told."""

    owner: Peer
    """Who asked."""
    to: Peer
    """Who is told."""
    channel: Channel
    ends_s: float

    def belongs_to(self, sender: Peer) -> bool:
        """Whether the sender may renew or end it: who asked, or who is told on a port it named."""
        own = (self.owner.host, self.owner.transport)
        return sender == self.owner or ((sender.host, sender.transport) == own and self.to != self.owner)


@dataclass(slots=True)
class Channel:
    """What several subscribers are told together."""

    pattern: str
    rate_hz: int
    watch: Watch
    members: dict[Peer, Subscription] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    """Runs from one telling to the earliest time of the next."""


class Subscriptions:
    """The book of subscriptions, at most 64.

    Args:
        scene: gives the present scene.
        context: the fixed surroundings.
    """

    def __init__(self, scene: Callable[[], Scene], context: Context) -> None:
        self._scene = scene
        self._context = context
        self._book: dict[tuple[str, Peer], Subscription] = {}
        self._channels: dict[tuple[str, int], Channel] = {}

    def __len__(self) -> int:
        """How many run now; those that have ended are cleared away at the next occasion."""
        now_s = time.monotonic()
        return sum(one.ends_s > now_s for one in tuple(self._book.values()))

    def add(self, pattern: str, rate_hz: int, owner: Peer, to: Peer) -> Iterator[int]:
        """Begin a subscription, or change the rate of one that runs, once every matching value was told, step by step.

        Yields:
            How many values each step has told.

        Raises:
            RefusedError: the pattern describes nothing readable, or there are too many already.
        """
        self._expire(asyncio.get_running_loop().time())
        if not readable(pattern, self._scene(), self._context):
            raise RefusedError(f"{shown(pattern)}: {suggestion(pattern, self._scene(), self._context)}")
        self._drop((pattern, to))
        self._check_room()
        first = self._watch(pattern)
        told = list(first.news(self._scene()))
        for at in range(0, len(told), STEP):
            part = told[at : at + STEP]
            for packet in in_bundles([_packet(*one) for one in part]):
                to.tell(packet)
            yield len(part)
        self._check_room()
        self._join(pattern, rate_hz, owner, to, first)

    def _check_room(self) -> None:
        if len(self._book) >= MAX_SUBSCRIPTIONS:
            raise RefusedError(f"{len(self._book)} subscriptions: allowed at most {MAX_SUBSCRIPTIONS}")

    def _join(self, pattern: str, rate_hz: int, owner: Peer, to: Peer, first: Watch) -> None:
        """Tell a peer together with others from now on; what has changed since `first` was read it is told now."""
        for packet in in_bundles(_packets(first, self._scene())):
            to.tell(packet)
        channel = self._channels.get((pattern, rate_hz))
        if channel is None:
            channel = self._channels[pattern, rate_hz] = Channel(pattern, rate_hz, first)
            self._rest(channel)
        else:
            self._tell(channel)  # so that old and new members know the same from now on
        ends_s = asyncio.get_running_loop().time() + LIFETIME_S
        self._book[pattern, to] = channel.members[to] = Subscription(owner, to, channel, ends_s)

    def renew(self, pattern: str | None, sender: Peer) -> int:
        """Let the sender's subscriptions to the pattern (None: all) live 30 s from now; how many there are."""
        now_s = asyncio.get_running_loop().time()
        self._expire(now_s)
        found = self._of(pattern, sender)
        for subscription in found.values():
            subscription.ends_s = now_s + LIFETIME_S
        return len(found)

    def remove(self, pattern: str | None, sender: Peer) -> int:
        """End the sender's subscriptions to the pattern (None: all); how many there were."""
        found = self._of(pattern, sender)
        for key in found:
            self._drop(key)
        return len(found)

    def changed(self) -> None:
        """Tell of a new scene: at once where a channel's period has passed, at its end otherwise."""
        self._expire(asyncio.get_running_loop().time())
        for channel in tuple(self._channels.values()):  # telling ends those whose time has come
            if channel.timer is None:
                self._run(channel)

    def close(self) -> None:
        """End all of them."""
        for key in list(self._book):
            self._drop(key)

    def _watch(self, pattern: str) -> Watch:
        return Watch(lambda scene: routes(pattern, scene, self._context), self._context)

    def _of(self, pattern: str | None, sender: Peer) -> Mapping[tuple[str, Peer], Subscription]:
        return {k: s for k, s in self._book.items() if pattern in (None, k[0]) and s.belongs_to(sender)}

    def _drop(self, key: tuple[str, Peer]) -> None:
        dropped = self._book.pop(key, None)
        if dropped is None:
            return
        channel = dropped.channel
        del channel.members[dropped.to]
        if not channel.members:
            del self._channels[channel.pattern, channel.rate_hz]
            if channel.timer is not None:
                channel.timer.cancel()

    def _expire(self, now_s: float) -> None:
        for key in [key for key, subscription in self._book.items() if subscription.ends_s <= now_s]:
            self._drop(key)

    def _run(self, channel: Channel) -> None:
        """Tell what is new since the last time, and look again after the period."""
        channel.timer = None
        self._expire(asyncio.get_running_loop().time())
        if channel.members and not channel.watch.is_still(self._scene()):
            self._tell(channel)
            self._rest(channel)

    def _rest(self, channel: Channel) -> None:
        channel.timer = asyncio.get_running_loop().call_later(1.0 / channel.rate_hz, self._run, channel)

    def _tell(self, channel: Channel) -> None:
        for packet in in_bundles(_packets(channel.watch, self._scene())):
            for peer in channel.members:
                peer.tell(packet)


def _packets(watch: Watch, scene: Scene) -> list[bytes]:
    return [_packet(route, values) for route, values in watch.news(scene)]


def _packet(route: Route, values: Values) -> bytes:
    return encode(route.address, route.parameter.tags, values)
