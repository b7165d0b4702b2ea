"""Bundles with a time tag: commands that wait for their time, and the scenes they will make.

A block can only be rendered when the scene at its time is known. So the scenes of the next quarter of a second are
computed ahead from the current one, and again whenever that changes. Only the followers of the hub, which make the
sound, receive them; when their time comes the commands are carried out like any others, in slices that leave the loop
time for everything else.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from stemfield.control.hub.ownership import Ownership
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import LoadScene
from stemfield.control.parameters.commands import Command, Problem, SetParameter, UpsertObject
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.recall import recall_of, recalled
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.upsert import upsert_object
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.engine.plan import MAX_TARGETS
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.timed_scene import TimedScene

MAX_SCHEDULED: Final = 1024
AHEAD_S: Final = 0.25
"""Longer than any period of a sound server plus the computation of gains."""
MAX_WORK_AHEAD: Final = 1024
"""Maximum number of commands, and values matched by patterns in them, that are computed ahead at a time."""

SLICE_S: Final = 0.005
"""Maximum time of a slice, give or take one step."""

Read = Callable[[str], Scene]


@dataclass(slots=True)
class PendingBundle:
    """Everything that is due at one time."""

    at_s: float
    """Monotonic."""
    due: deque[tuple[Sequence[Command | Problem], Peer]] = field(default_factory=deque)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    cost: int = 0
    before: Scene | None = None
    """The scene from which `predicted` was computed."""
    predicted: TimedScene | None = None


class Schedule:
    """Pending bundles by their time; those of the same time in the order of arrival.

    Args:
        steps: carries out commands step by step.
        on_end: called after a bundle was carried out.
        on_prediction: called when a bundle comes within the time that is computed ahead, or changes there.

    Attributes:
        last_s: monotonic time of the bundle that was started last.
    """

    def __init__(
        self,
        steps: Callable[[Sequence[Command | Problem], Peer], Iterator[int]],
        on_end: Callable[[PendingBundle], None],
        on_prediction: Callable[[], None],
    ) -> None:
        self._steps = steps
        self._on_end = on_end
        self._on_prediction = on_prediction
        self.last_s = 0.0
        self._pending: dict[float, PendingBundle] = {}
        self._count = 0
        self._due: deque[PendingBundle] = deque()
        self._running: Iterator[int] | None = None
        self._next_slice: asyncio.Handle | None = None

    def add(self, at_s: float, due: Sequence[Command | Problem], peer: Peer, cost: int) -> None:
        """Carry out commands at a time, in seconds since the epoch.

        Raises:
            RefusedError: too many are waiting already.
        """
        if self._count >= MAX_SCHEDULED:
            raise RefusedError(f"expected at most {MAX_SCHEDULED} waiting bundles")
        self._count += 1
        loop = asyncio.get_running_loop()
        bundle = self._pending.get(at_s)
        if bundle is None:
            bundle = self._pending[at_s] = PendingBundle(loop.time() + at_s - time.time())
            bundle.timers.append(loop.call_at(bundle.at_s, self._end, at_s))
            if bundle.at_s - AHEAD_S > loop.time():
                bundle.timers.append(loop.call_at(bundle.at_s - AHEAD_S, self._on_prediction))
        bundle.due.append((due, peer))
        bundle.cost += cost
        bundle.before = bundle.predicted = None
        if bundle.at_s - AHEAD_S <= loop.time():
            self._on_prediction()

    def next_bundles(self) -> list[PendingBundle]:
        """The next bundles in order of time: as many as a plan of the engine holds beside the current scene."""
        if not self._pending:
            return []
        until_s = asyncio.get_running_loop().time() + AHEAD_S
        return sorted((b for b in self._pending.values() if b.at_s <= until_s), key=lambda b: b.at_s)[: MAX_TARGETS - 1]

    def close(self) -> None:
        """Drop all bundles, also those being carried out."""
        if self._next_slice is not None:
            self._next_slice.cancel()
        for bundle in self._pending.values():
            for timer in bundle.timers:
                timer.cancel()
        self._pending.clear()
        self._count = 0

    def _end(self, at_s: float) -> None:
        bundle = self._pending.pop(at_s)
        self._count -= len(bundle.due)
        self._due.append(bundle)
        if len(self._due) == 1:
            self._run()

    def _run(self) -> None:
        """Carry out what is due, in the order of arrival, until the slice is over."""
        self._next_slice, end_s = None, time.perf_counter() + SLICE_S
        while self._due:
            bundle = self._due[0]
            self.last_s = bundle.at_s
            while bundle.due:
                due, peer = bundle.due[0]
                self._running = self._running or self._steps(due, peer)
                for _ in self._running:
                    if time.perf_counter() > end_s:
                        self._next_slice = asyncio.get_running_loop().call_soon(self._run)
                        return
                self._running = None
                bundle.due.popleft()
            self._due.popleft()
            self._on_end(bundle)


def upcoming(
    current: TimedScene, bundles: Sequence[PendingBundle], context: Context, ownership: Ownership, read: Read
) -> list[TimedScene]:
    """The current scene and the scenes that bundles will make; nothing is carried out or reported.

    What exceeds `MAX_WORK_AHEAD` is left out and takes effect when it is carried out.

    Args:
        current: the scene until then.
        bundles: in order of time.
        context: fixed surroundings.
        ownership: which peer controls an object.
        read: gives a saved scene by its name, or raises RefusedError.
    """
    scenes, cost = [current], 0
    for bundle in bundles:
        scene = scenes[-1].scene
        if bundle.predicted is None or bundle.before is not scene:
            cost += bundle.cost
            if cost > MAX_WORK_AHEAD:
                break
            bundle.before, bundle.predicted = scene, _predicted(scene, bundle, context, ownership, read)
        if bundle.predicted.scene is not scene:
            scenes.append(bundle.predicted)
    return scenes


def _predicted(scene: Scene, bundle: PendingBundle, context: Context, ownership: Ownership, read: Read) -> TimedScene:
    fade_s = 0.0
    for commands, peer in bundle.due:
        refusal = partial(ownership.refusal, peer=peer, now_s=bundle.at_s)
        for command in () if peer.read_only else commands:
            try:
                scene, own_s = _after(scene, command, context, refusal, read)
            except RefusedError:
                continue
            fade_s = max(fade_s, own_s)
    return TimedScene(scene, fade_s, bundle.at_s)


def _after(
    scene: Scene, command: Command | Problem, context: Context, refusal: Callable[..., str], read: Read
) -> tuple[Scene, float]:
    """The scene after a command, and the seconds over which it is cross-faded.

    What affects more than the scene, such as undo, is left out and takes effect when it is carried out.
    """
    match command:
        case SetParameter(dialect=dialect):
            return apply(scene, command, context, partial(refusal, dialect=dialect))[0], 0.0
        case UpsertObject(id=key, dialect=dialect) if not refusal(key, dialect=dialect):
            return upsert_object(scene, command, context), 0.0
        case LoadScene(name, fade_s, scope, without):
            return recalled(scene, read(name), recall_of(scope, without, scene.recall)), fade_s
    return scene, 0.0
