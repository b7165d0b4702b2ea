"""Who is told what: each subscriber hears the matching values once, then what changes, at its own rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stemfield.control.arguments import shown
from stemfield.control.changes import compare
from stemfield.control.commands import RefusedError
from stemfield.control.routes import Route, answers, routes, suggestion
from stemfield.control.rows import Values
from stemfield.control.venue import Venue
from stemfield.renderer.scene import Scene

Address = tuple[str, int]
"""Host and port of a peer."""

LIFETIME_S = 30.0
MAX_SUBSCRIPTIONS = 64


@dataclass(slots=True)
class Subscription:
    """One peer's wish to be told."""

    pattern: str
    owner: Address
    """Who asked."""
    to: Address
    """Who is told."""
    period_s: float
    ends_s: float
    told: dict[str, Values] = field(default_factory=dict)
    scene: Scene | None = None
    """The scene that was told last."""
    names: tuple[str, ...] = ()
    """The objects' names for which the routes were found."""
    routes: Sequence[Route] = ()
    timer: asyncio.TimerHandle | None = None
    """Runs from one telling to the earliest time of the next."""

    def belongs_to(self, sender: Address) -> bool:
        """Whether the sender may renew or end it: who asked, or who is told on a port it named."""
        return sender == self.owner or (sender[0] == self.owner[0] and self.to != self.owner)


class Subscriptions:
    """The book of subscriptions, at most 64.

    Args:
        tell: sends one value to one peer.
        scene: gives the present scene.
        venue: the fixed surroundings.
    """

    def __init__(
        self, tell: Callable[[Route, Values, Address], None], scene: Callable[[], Scene], venue: Venue
    ) -> None:
        self._tell = tell
        self._scene = scene
        self._venue = venue
        self._book: dict[tuple[str, Address], Subscription] = {}

    def add(self, pattern: str, rate_hz: int, owner: Address, to: Address) -> int:
        """Begin a subscription, or change the rate of one that runs, and tell every matching value.

        Returns:
            How many values were told.

        Raises:
            RefusedError: the pattern describes nothing readable, or there are 64 already.
        """
        loop = asyncio.get_running_loop()
        self._expire(loop.time())
        if not answers(pattern, self._scene(), self._venue):
            raise RefusedError(f"{shown(pattern)}: {suggestion(pattern, self._scene(), self._venue)}")
        self._drop((pattern, to))
        if len(self._book) >= MAX_SUBSCRIPTIONS:
            raise RefusedError(f"{len(self._book)} subscriptions: allowed at most {MAX_SUBSCRIPTIONS}")
        added = Subscription(pattern, owner, to, 1.0 / rate_hz, loop.time() + LIFETIME_S)
        self._book[pattern, to] = added
        self._run(added)
        return len(added.told)

    def renew(self, pattern: str | None, sender: Address) -> int:
        """Let the sender's subscriptions to the pattern (None: all) live 30 s from now; how many there are."""
        now_s = asyncio.get_running_loop().time()
        self._expire(now_s)
        found = self._of(pattern, sender)
        for subscription in found.values():
            subscription.ends_s = now_s + LIFETIME_S
        return len(found)

    def remove(self, pattern: str | None, sender: Address) -> int:
        """End the sender's subscriptions to the pattern (None: all); how many there were."""
        found = self._of(pattern, sender)
        for key in found:
            self._drop(key)
        return len(found)

    def changed(self) -> None:
        """Tell of a new scene: at once where a subscription's period has passed, at its end otherwise."""
        self._expire(asyncio.get_running_loop().time())
        for subscription in self._book.values():
            if subscription.timer is None:
                self._run(subscription)

    def close(self) -> None:
        """End all of them."""
        for key in list(self._book):
            self._drop(key)

    def _of(self, pattern: str | None, sender: Address) -> Mapping[tuple[str, Address], Subscription]:
        return {k: s for k, s in self._book.items() if pattern in (None, s.pattern) and s.belongs_to(sender)}

    def _drop(self, key: tuple[str, Address]) -> None:
        dropped = self._book.pop(key, None)
        if dropped is not None and dropped.timer is not None:
            dropped.timer.cancel()

    def _expire(self, now_s: float) -> None:
        for key in [key for key, subscription in self._book.items() if subscription.ends_s <= now_s]:
            self._drop(key)

    def _run(self, subscription: Subscription) -> None:
        """Tell what is new since the last time, and if the scene was another, look again after the period."""
        subscription.timer = None
        scene, before = self._scene(), subscription.scene
        if scene is before:
            return
        subscription.scene = scene
        names = tuple(o.name for o in scene.objects)
        if names != subscription.names:
            subscription.names = names
            subscription.routes = routes(subscription.pattern, scene, self._venue)
        changed = compare(before, scene).objects if before else frozenset(o.id for o in scene.objects)
        for route in subscription.routes:
            read = route.parameter.read
            # Most of a big scene is as it was: its objects need not be read again.
            if read is None or (isinstance(route.key, int) and route.key not in changed):
                continue
            values = read(scene, route.key)
            if subscription.told.get(route.address) != values:
                subscription.told[route.address] = values
                self._tell(route, values, subscription.to)
        subscription.timer = asyncio.get_running_loop().call_later(subscription.period_s, self._run, subscription)
