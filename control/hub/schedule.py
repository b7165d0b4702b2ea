"""What will sound and when: commands that wait for their time, and the scenes that they are going to make.

What is heard at a moment has to be known before the block is rendered that holds it. So the scenes of the next quarter
of a second are worked out ahead, upon the present one and whenever that changes; nobody but the sound is told of them,
and they are worked out anew when their time has come.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.commands import Command, Describe, LoadScene, Problem, SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.recall import recall_of, recalled
from stemfield.control.parameters.routes import apply
from stemfield.control.problems import RefusedError
from stemfield.control.scenes.upsert import describe
from stemfield.renderer.engine.plan import STEPS
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.timed_scene import TimedScene

MAX_SCHEDULED: Final = 1024
AHEAD_S: Final = 0.25
"""Longer than any period of a sound server and the working out of gains together."""
MAX_WORK_AHEAD: Final = 1024
"""Commands, and values that patterns in them describe, that are worked out ahead at a time."""

Read = Callable[[str], Scene]


class Held(Protocol):
    """Says why a peer may not change an object, or nothing."""

    def __call__(self, key: int, peer: Peer, dialect: str, now_s: float) -> str:
        """See `Hands.reason`."""


@dataclass(slots=True)
class Moment:
    """What waits for one time."""

    at_s: float
    """Monotonic."""
    due: deque[tuple[Sequence[Command | Problem], Peer]] = field(default_factory=deque)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    work: int = 0
    """How much it is to carry out."""
    before: Scene | None = None
    """What was foreseen last was foreseen upon this scene."""
    foreseen: TimedScene | None = None


class Schedule:
    """Commands in wait, each for its time; those for the same time in the order in which they came.

    Args:
        carry_out: what to do with a moment whose time has come.
        foresee: called when a moment comes into sight, or becomes another one there.
    """

    def __init__(self, carry_out: Callable[[Moment], None], foresee: Callable[[], None]) -> None:
        self._carry_out = carry_out
        self._foresee = foresee
        self._moments: dict[float, Moment] = {}
        self._count = 0

    def add(self, at_s: float, due: Sequence[Command | Problem], peer: Peer, work: int) -> None:
        """Carry out commands at a time, in seconds since the epoch, which is so much work.

        Raises:
            RefusedError: too many wait already.
        """
        if self._count >= MAX_SCHEDULED:
            raise RefusedError(f"{MAX_SCHEDULED} bundles are waiting: allowed no more")
        self._count += 1
        loop = asyncio.get_running_loop()
        moment = self._moments.get(at_s)
        if moment is None:
            moment = self._moments[at_s] = Moment(loop.time() + at_s - time.time())
            moment.timers.append(loop.call_at(moment.at_s, self._end, at_s))
            if moment.at_s - AHEAD_S > loop.time():
                moment.timers.append(loop.call_at(moment.at_s - AHEAD_S, self._foresee))
        moment.due.append((due, peer))
        moment.work += work
        moment.before = moment.foreseen = None
        if moment.at_s - AHEAD_S <= loop.time():
            self._foresee()

    def in_sight(self) -> list[Moment]:
        """The next moments, in their order: as many as a plan of the engine holds beside the present."""
        if not self._moments:
            return []
        until_s = asyncio.get_running_loop().time() + AHEAD_S
        return sorted((m for m in self._moments.values() if m.at_s <= until_s), key=lambda m: m.at_s)[: STEPS - 1]

    def close(self) -> None:
        """Forget everything."""
        for moment in self._moments.values():
            for timer in moment.timers:
                timer.cancel()
        self._moments.clear()
        self._count = 0

    def _end(self, at_s: float) -> None:
        moment = self._moments.pop(at_s)
        self._count -= len(moment.due)
        self._carry_out(moment)


def upcoming(
    present: TimedScene, moments: Sequence[Moment], context: Context, held: Held, read: Read
) -> list[TimedScene]:
    """The present scene and those that moments are going to make; nothing is done or reported.

    What would be too much work is left out: it is heard when it is carried out.

    Args:
        present: what is heard until then.
        moments: in their order.
        context: what there is.
        held: as `Hands.reason`.
        read: gives a kept scene by its name, or raises RefusedError.
    """
    cues, work = [present], 0
    for moment in moments:
        scene = cues[-1].scene
        if moment.foreseen is None or moment.before is not scene:
            work += moment.work
            if work > MAX_WORK_AHEAD:
                break
            moment.before, moment.foreseen = scene, _foreseen(scene, moment, context, held, read)
        if moment.foreseen.scene is not scene:
            cues.append(moment.foreseen)
    return cues


def _foreseen(scene: Scene, moment: Moment, context: Context, held: Held, read: Read) -> TimedScene:
    fade_s = 0.0
    for commands, peer in moment.due:
        for command in () if peer.read_only else commands:
            try:
                scene, own_s = _after(scene, command, context, partial(held, peer=peer, now_s=moment.at_s), read)
            except RefusedError:
                continue
            fade_s = max(fade_s, own_s)
    return TimedScene(scene, fade_s, moment.at_s)


def _after(
    scene: Scene, command: Command | Problem, context: Context, held: Callable[..., str], read: Read
) -> tuple[Scene, float]:
    """The scene after a command, and over how many seconds it is cross-faded.

    What acts on more than the scene, such as undo, is left out: it is heard when it is carried out.
    """
    match command:
        case SetParameter(dialect=dialect):
            return apply(scene, command, context, partial(held, dialect=dialect))[0], 0.0
        case Describe(id=key) if not held(key, dialect="s3a"):
            return describe(scene, command, context), 0.0
        case LoadScene(name, fade_s, scope, without):
            return recalled(scene, read(name), recall_of(scope, without, scene.recall)), fade_s
    return scene, 0.0
