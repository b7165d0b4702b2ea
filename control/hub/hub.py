"""The hub: receives packets, changes the scene, passes it to its follower (the audio) and notifies listeners.

Everything runs on one asyncio loop. However many packets arrive in one turn of it, listeners are called once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from stemfield.control.dialects.registry import decode
from stemfield.control.faults import Contained, cause, log_fault
from stemfield.control.hub.costs import MAX_COST, cost_of
from stemfield.control.hub.ownership import Ownership
from stemfield.control.hub.packet_log import PacketLog
from stemfield.control.hub.peers import Peer
from stemfield.control.hub.reports import Reports
from stemfield.control.hub.schedule import PendingBundle, Schedule, upcoming
from stemfield.control.hub.subscriptions import Subscriptions
from stemfield.control.parameters.actions import address_of, changes_something
from stemfield.control.parameters.commands import Command, Problem, Timed
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.recall import undone
from stemfield.control.scenes.changes import Dirty, compare
from stemfield.control.scenes.library import History, SceneLibrary
from stemfield.control.scenes.store import SceneStore
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.timed_scene import TimedScene

C = TypeVar("C", bound=Command | Problem)

Listener = Callable[[Scene, Dirty], None]
Follower = Callable[[Sequence[TimedScene]], None]
Decode = Callable[[bytes, float], Sequence[Timed]]


class Hub:
    """The owner of the current scene. Commands are carried out by the handlers registered with `on`.

    Args:
        scene: initial scene.
        context: fixed surroundings.
        store: where scenes are saved; None refuses to save any.
        ranks: ranks of the dialects, for objects that several peers move at once.
        hold_s: how long a change holds an object against lower ranks.

    Attributes:
        context: fixed surroundings.
        library: scenes by name.
        history: undo and redo.
        ownership: which peer controls an object.
        packets: log of recent messages.
        reports: reports problems to senders.
        subscriptions: peers that receive changes by OSC.
        published_s: monotonic time at which follower and listeners were last notified, the same for all of them.
    """

    def __init__(
        self, scene: Scene, context: Context, store: SceneStore | None, *, ranks: Mapping[str, int], hold_s: float
    ) -> None:
        self._scene = scene
        self._published = scene
        self._fade_s = 0.0
        self.context = context
        self.library = SceneLibrary(store, context.presets)
        self.history = History()
        self.ownership = Ownership(ranks, hold_s)
        self.packets = PacketLog()
        self.reports = Reports(lambda: self._scene, context, self.packets)
        self.subscriptions = Subscriptions(lambda: self._scene, context)
        self.published_s = 0.0
        self._handlers: dict[type[Any], Callable[[Any, Peer], Iterable[int] | None]] = {}
        self._listeners: list[Listener] = []
        self._follower: Follower | None = None
        self._flushing: asyncio.Handle | None = None
        self._predicting = False
        self._schedule = Schedule(self.steps, self._bundle_ends, self._predict)
        self.on(Problem, self.reports.report)
        context.status.counters.add("peers", lambda: len(self.subscriptions))

    @property
    def scene(self) -> Scene:
        """The current scene, with everything that has been submitted."""
        return self._scene

    def listen(self, listener: Listener) -> None:
        """Call this with the scene and its changes, at most once in a turn of the loop."""
        self._listeners.append(listener)

    def ignore(self, listener: Listener) -> None:
        """Stop calling a listener."""
        self._listeners.remove(listener)

    def follow(self, follower: Follower) -> None:
        """Call only this with the scenes to play, the current one and the next ones, whenever any of them changes."""
        self._follower = follower

    def on(self, kind: type[C], handler: Callable[[C, Peer], Iterable[int] | None]) -> None:
        """Register what carries out a kind of command.

        Args:
            kind: type of the commands.
            handler: may raise RefusedError, and may yield what each step costs beside the message itself.
        """
        self._handlers[kind] = handler

    def cross_fade(self, seconds: float) -> None:
        """Ramp what changes in this turn of the loop over at least this time."""
        self._fade_s = max(self._fade_s, seconds)

    def work(self, packet: bytes, peer: Peer, decode: Decode = decode) -> Iterator[int]:
        """Carry out one datagram step by step; bundles for later are scheduled. Never raises for any bytes.

        Args:
            packet: any bytes.
            peer: sender.
            decode: codec of the port.

        Yields:
            The cost of each step: messages, and values that patterns in them matched.
        """
        now_s = time.time()
        cost = 0
        for at_s, group in groupby(decode(packet, now_s), key=lambda timed: timed.at_s):
            due = [timed.command for timed in group]
            self.reports.counters.messages += len(due)
            if at_s is None:
                yield len(due)
                cost += len(due)
                for step in self.steps(due, peer, MAX_COST - cost):
                    cost += step
                    yield step
            else:
                later, changes = cost_of(due, self._scene, self.context)
                cost += later
                try:
                    self._schedule.add(at_s, due, peer, changes)
                except RefusedError as refusal:
                    self.reports.report(Problem("#bundle", str(refusal)), peer)
                yield later

    def perform(self, due: Sequence[Command | Problem], peer: Peer) -> int:
        """Carry out commands now, without a break, and return their cost; see `steps`."""
        return sum(self.steps(due, peer))

    def steps(self, due: Sequence[Command | Problem], peer: Peer, limit: int = MAX_COST) -> Iterator[int]:
        """Carry out commands step by step; refusals, and what exceeds the limit, are reported to the peer.

        Yields:
            The cost of each step beside the messages themselves.
        """
        cost = 0
        for command in due:
            if cost > limit:
                reason = f"expected at most {MAX_COST} values in one datagram: the rest is ignored"
                self.reports.report(Problem(address_of(command), reason), peer)
                return
            if self.packets.is_open and not isinstance(command, Problem):
                self.packets.record(command, address_of(command), peer, self._scene, self.context)
            with Contained() as fault:
                try:
                    for step in self._perform(command, peer):
                        cost += step
                        yield step
                except RefusedError as refusal:
                    self.reports.report(Problem(address_of(command), str(refusal)), peer)
            if fault.error is not None:
                address, why = address_of(command), f"a fault of the daemon: {cause(fault.error)}"
                log_fault("a message cannot be carried out", fault.error, f"{shown(address)} of {peer}")
                self.reports.report(Problem(address, why), peer)

    def leave(self, peer: Peer) -> None:
        """A connection has ended: release its objects and end its subscriptions."""
        self.ownership.release_all(peer)
        self.subscriptions.remove(None, peer)

    def replace_scene(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Show another scene; undo brings back the one before."""
        if scene is self._scene:
            return
        if not self._is_passing(scene):
            self.history.note(self._scene, time.monotonic())
        self.show(scene, fade_s)

    def show(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Show another scene, leaving the history as it is."""
        self._scene = scene
        self._fade_s = max(self._fade_s, fade_s)
        self._flush_soon()

    async def close(self) -> None:
        """Drop scheduled bundles, end subscriptions, notify listeners of the last change, finish saving."""
        self._schedule.close()
        self.subscriptions.close()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()
        await self.library.close()

    def _perform(self, command: Command | Problem, peer: Peer) -> Iterator[int]:
        """Carry out one command, step by step.

        Raises:
            RefusedError: it cannot be carried out.
        """
        if peer.read_only and changes_something(command):
            self.reports.counters.read_only += 1
            raise RefusedError("read-only access: changes are not allowed (network.read_only)")
        if (handler := self._handlers.get(type(command))) is None:
            raise RefusedError("not available here")
        yield from handler(command, peer) or (0,)

    def _is_passing(self, scene: Scene) -> bool:
        """Whether a scene has no changes that can be undone: comparison and test signals cannot."""
        before = self._scene
        if scene.speakers is before.speakers and scene.compare == before.compare:
            return False
        return undone(scene, before) == scene

    def _bundle_ends(self, bundle: PendingBundle) -> None:
        if bundle.predicted is not None and bundle.predicted.scene == self._scene:
            self._scene = bundle.predicted.scene  # the very same object, from which later scenes were computed
        self._predict()

    def _predict(self) -> None:
        self._predicting = True
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Notify the follower, listeners and subscribers of what has changed since the last time."""
        self._flushing = None
        self.published_s = time.monotonic()
        fade_s, self._fade_s = self._fade_s, 0.0
        dirty = compare(self._published, self._scene, fade_s)
        self._published = self._scene
        if self._follower is not None and (dirty or self._predicting):
            current, bundles = TimedScene(self._scene, fade_s, self._schedule.last_s), self._schedule.next_bundles()
            self._follower(upcoming(current, bundles, self.context, self.ownership, self.library.peek))
        self._predicting = False
        if dirty:
            for listener in tuple(self._listeners):
                with Contained("a listener failed"):  # the others are notified all the same
                    listener(self._scene, dirty)
            self.subscriptions.changed()
