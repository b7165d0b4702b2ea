"""The hub: packets go in, the scene changes, listeners and peers are told.

Everything runs on one asyncio loop. However many packets arrive in one turn of it, the listeners are called once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, TypeVar

from stemfield.control.dialects.demux import decode, encode_pong
from stemfield.control.dialects.osc import encode
from stemfield.control.faults import Contained, cause, note
from stemfield.control.hub.ownership import Hands
from stemfield.control.hub.packet_log import PacketLog
from stemfield.control.hub.peers import Peer
from stemfield.control.hub.reports import Reports, address_of
from stemfield.control.hub.schedule import Moment, Schedule, upcoming
from stemfield.control.hub.subscriptions import Subscriptions
from stemfield.control.parameters import commands
from stemfield.control.parameters.adm_rows import ADM_PREFIX
from stemfield.control.parameters.commands import Command, Problem, SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import is_pattern
from stemfield.control.parameters.recall import recall_of, recalled, undone
from stemfield.control.parameters.routes import OBJECTS, Route, apply_at, readable, routes, value_of
from stemfield.control.parameters.rows import Values
from stemfield.control.problems import RefusedError, shortened
from stemfield.control.scenes.changes import Dirty, compare
from stemfield.control.scenes.library import History, SceneBook
from stemfield.control.scenes.store import SceneStore
from stemfield.control.scenes.upsert import describe
from stemfield.layouts.problems import shown
from stemfield.renderer.scene.scene import Scene
from stemfield.renderer.scene.timed_scene import TimedScene

MAX_WORK = 8192
"""What one datagram may cost: a thousand patterns in it that describe everything would keep the loop for a minute."""
TURN_S = 0.005
"""Longest time that due work runs without a break, give or take one step."""
STEP = 64
"""Values set or told at a time: a step."""
PATTERN_WORK = 16
"""What it costs to look for what a pattern describes."""
ADM_ANSWER_PORT = 4002
HOLD_S = 1.0
RANKS: Mapping[str, int] = {"osc": 2, "adm": 2, "spatgris": 2, "web": 2, "s3a": 1, "playback": 1}
"""A hand comes before a stream of whole scenes and before a recording."""

_CHANGES = (
    SetParameter,
    commands.Describe,
    commands.SaveScene,
    commands.LoadScene,
    commands.DeleteScene,
    commands.Undo,
    commands.Redo,
    commands.Record,
    commands.Capture,
    commands.Play,
    commands.DeleteRecording,
    commands.Stop,
    commands.Touch,
)

C = TypeVar("C", bound=Command)

Listener = Callable[[Scene, Dirty], None]
Follower = Callable[[Sequence[TimedScene]], None]
Decode = Callable[[bytes, float], Sequence[commands.Timed]]


class Hub:
    """The owner of the present scene.

    Args:
        scene: what to begin with.
        context: labels, defaults, models and presets; its status learns what is counted here.
        store: where named scenes are kept; None refuses to keep any.
        ranks: of the dialects, for objects that several peers move at once.
        hold_s: how long a change holds an object against lower ranks.
        adm_answer_port: where senders of ADM-OSC wait for answers.
    """

    def __init__(
        self,
        scene: Scene,
        context: Context,
        store: SceneStore | None = None,
        *,
        ranks: Mapping[str, int] = RANKS,
        hold_s: float = HOLD_S,
        adm_answer_port: int = ADM_ANSWER_PORT,
    ) -> None:
        self._scene = scene
        self._published = scene
        self._fade_s = 0.0
        self._context = context
        self.library = SceneBook(store, context.presets)
        self._history = History()
        self.ownership = Hands(ranks, hold_s)
        self._adm_answer_port = adm_answer_port
        self._listeners: list[Listener] = []
        self._others: dict[type[Any], Callable[[Any], object]] = {}
        self._flushing: asyncio.Handle | None = None
        self._follower: Follower | None = None
        self.told_s = 0.0
        """When followers and listeners began to be told of the present scene, monotonic: the same for all of them."""
        self._schedule = Schedule(self._carry_out, self._foresee)
        self._foreseeing = False
        self._due: deque[Moment] = deque()
        """Moments whose time has come, while they are too much for one turn of the loop."""
        self._working: asyncio.Handle | None = None
        self._begun: Iterator[int] | None = None
        """What is carried out of them now."""
        self._since_s = 0.0
        """When the last command with a time of its own was due, monotonic."""
        self.packets = PacketLog()
        """What came in lately, for whoever looks."""
        self.reports = Reports(lambda: self._scene, context, self.packets)
        self._subscriptions = Subscriptions(lambda: self._scene, context)
        self.counters = self.reports.counters
        context.status.counters.add("peers", lambda: len(self._subscriptions))

    @property
    def scene(self) -> Scene:
        """The present scene, with everything that has been submitted."""
        return self._scene

    @property
    def context(self) -> Context:
        """What there is."""
        return self._context

    def listen(self, listener: Listener) -> None:
        """Call this with the scene and what is different, at most once in a turn of the loop."""
        self._listeners.append(listener)

    def follow(self, follower: Follower) -> None:
        """Call only this with the scenes to play, the present one and the next ones, whenever any of them changes."""
        self._follower = follower

    def on(self, kind: type[C], carry_out: Callable[[C], object]) -> None:
        """Commands of this kind are carried out by somebody else, who may raise RefusedError."""
        self._others[kind] = carry_out

    def rank(self, ranks: Mapping[str, int], hold_s: float) -> None:
        """Other ranks and holds from now on; as at the beginning."""
        self.ownership.renew(ranks, hold_s)

    def cross_fade(self, seconds: float) -> None:
        """What changes in this turn of the loop ramps for at least so long."""
        self._fade_s = max(self._fade_s, seconds)

    def ignore(self, listener: Listener) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def submit(self, packet: bytes, peer: Peer, decode: Decode = decode) -> int:
        """Carry out one datagram at a stretch, and return what it cost; see `work`."""
        return sum(self.work(packet, peer, decode))

    def work(self, packet: bytes, peer: Peer, decode: Decode = decode) -> Iterator[int]:
        """Carry out one datagram step by step; bundles for later are carried out later. Never raises for any bytes.

        Args:
            packet: any bytes.
            peer: who sent it.
            decode: the codec of the door that it came in by.

        Yields:
            What each step has cost: messages, and values that patterns in them described.
        """
        now_s = time.time()
        self.counters.packets += 1
        cost = 0
        for at_s, group in groupby(decode(packet, now_s), key=lambda timed: timed.at_s):
            due = [timed.command for timed in group]
            self.counters.messages += len(due)
            if at_s is None:
                yield len(due)
                cost += len(due)
                for step in self.steps(due, peer, MAX_WORK - cost):
                    cost += step
                    yield step
            else:
                work, changes = self._work(due)
                cost += work
                try:
                    self._schedule.add(at_s, due, peer, changes)
                except RefusedError as refusal:
                    self.reports.tell(Problem("#bundle", str(refusal)), peer)
                yield work

    def perform(self, due: Sequence[Command | Problem], peer: Peer) -> int:
        """Carry out commands now, at a stretch, and return what it cost; see `steps`."""
        return sum(self.steps(due, peer))

    def steps(self, due: Sequence[Command | Problem], peer: Peer, most: int = MAX_WORK) -> Iterator[int]:
        """Carry out commands step by step; what is refused is reported to the peer, as is what is too much.

        Yields:
            What each step has cost beside the messages themselves.
        """
        cost = 0
        for command in due:
            if cost > most:
                reason = f"more than {MAX_WORK} values in one datagram: the rest of it is left out"
                self.reports.tell(Problem(address_of(command), reason), peer)
                return
            if self.packets.is_open and not isinstance(command, Problem):
                self.packets.take(command, address_of(command), peer, self._scene, self._context)
            with Contained() as fault:
                try:
                    if peer.read_only and isinstance(command, _CHANGES):
                        self.counters.read_only += 1
                        raise RefusedError("you may listen, not change anything (network.read_only)")
                    for step in self._steps(command, peer):
                        cost += step
                        yield step
                except RefusedError as refusal:
                    self.reports.tell(Problem(address_of(command), str(refusal)), peer)
            if fault.error is not None:
                address, why = address_of(command), f"a fault of the daemon: {cause(fault.error)}"
                note("a message cannot be carried out", fault.error, f"{shown(address)} of {peer}")
                self.reports.tell(Problem(address, why), peer)

    def leave(self, peer: Peer) -> None:
        """A connection has ended: what its peer held is free, and it is told no more."""
        self.ownership.forget(peer)
        self._subscriptions.remove(None, peer)

    def replace_scene(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Take up another scene, whoever it comes from."""
        if scene is self._scene:
            return
        if not self._is_passing(scene):
            self._history.note(self._scene, time.monotonic())
        self._show(scene, fade_s)

    def _is_passing(self, scene: Scene) -> bool:
        """Whether a scene differs by nothing that could be undone: what is compared, what a loudspeaker says."""
        before = self._scene
        if scene.speakers is before.speakers and scene.compare == before.compare:
            return False
        return undone(scene, before) == scene

    async def close(self) -> None:
        """Forget what is scheduled, end the subscriptions, tell the listeners of the last change, finish saving."""
        self._schedule.close()
        if self._working is not None:
            self._working.cancel()
        self._subscriptions.close()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()
        await self.library.close()

    def _show(self, scene: Scene, fade_s: float = 0.0) -> None:
        self._scene = scene
        self._fade_s = max(self._fade_s, fade_s)
        self._flush_soon()

    def _carry_out(self, moment: Moment) -> None:
        self._due.append(moment)
        if len(self._due) == 1:
            self._work_off()

    def _work_off(self) -> None:
        """Carry out what is due; whatever is too much for one turn of the loop in the next ones."""
        self._working, end_s = None, time.perf_counter() + TURN_S
        while self._due:
            moment = self._due[0]
            self._since_s = moment.at_s
            while moment.due:
                due, peer = moment.due[0]
                self._begun = self._begun or self.steps(due, peer)
                for _ in self._begun:
                    if time.perf_counter() > end_s:
                        self._working = asyncio.get_running_loop().call_soon(self._work_off)
                        return
                self._begun = None
                moment.due.popleft()
            self._due.popleft()
            if moment.foreseen is not None and moment.foreseen.scene == self._scene:
                self._scene = moment.foreseen.scene  # the very same, upon which the next moments were foreseen
            self._foresee()

    def _foresee(self) -> None:
        self._foreseeing = True
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _steps(self, command: Command | Problem, peer: Peer) -> Iterator[int]:
        """Carry out one command; yields how many answers a step took, or values that a pattern described.

        Raises:
            RefusedError: it cannot be carried out.
        """
        match command:
            case SetParameter():
                yield from self._set(command, peer)
            case commands.Ask(address):
                yield from self._answer(address, peer)
            case commands.Subscribe(pattern, rate_hz, port):
                yield from self._subscriptions.add(pattern, rate_hz, peer, peer if port is None else peer.at(port))
            case _:
                yield self._perform(command, peer)

    def _perform(self, command: Command | Problem, peer: Peer) -> int:
        match command:
            case commands.Describe():
                described = describe(self._scene, command, self._context)
                if described is self._scene:
                    return 0
                if reason := self.ownership.take(command.id, peer, "s3a", time.monotonic()):
                    self.reports.tell(Problem(address_of(command), reason, conflict=True), peer)
                else:
                    self.replace_scene(described)
            case commands.Ping():
                self._answer_to(command.answer, peer).tell(encode_pong(command))
                return 1
            case commands.Unsubscribe(pattern):
                self._subscriptions.remove(pattern, peer)
            case commands.Renew(pattern):
                if not self._subscriptions.renew(pattern, peer):
                    raise RefusedError("no such subscription: subscribe again")
            case commands.Touch():
                return self._touch(command, peer)
            case commands.SaveScene(name):
                if rewrite := self.library.save(name, self._scene, self._complains("/scene/save", peer)):
                    self._history.rewritten(rewrite)
            case commands.LoadScene(name, fade_s, scope, without, address):
                recall = recall_of(scope, without, self._scene.recall)
                kept, problems = self.library.load(name)
                self._history.part()
                self.replace_scene(recalled(self._scene, kept, recall), fade_s)
                self._history.part()
                self.library.mark(name, self._scene)
                for problem in shortened(problems):
                    self.reports.tell(Problem(address, problem), peer)
            case commands.DeleteScene(name):
                self._history.rewritten(self.library.remove(name))
            case commands.Undo(pressed):
                if pressed:
                    self._undo(peer)
            case commands.Redo(pressed):
                if pressed:
                    self._redo(peer)
            case Problem():
                self.reports.tell(command, peer)
            case _:
                if (carry_out := self._others.get(type(command))) is None:
                    raise RefusedError("not here")
                carry_out(command)
        return 0

    def _undo(self, peer: Peer) -> None:
        step = self._history.undo(self._scene)
        if isinstance(step, Scene):
            return self._show(undone(self._scene, step))
        try:
            self.library.restore(step.name, step.before, self._complains("/scene/undo", peer))
        except RefusedError:
            self._history.redo(self._scene)  # it is not undone, so it can be again
            raise

    def _redo(self, peer: Peer) -> None:
        step = self._history.redo(self._scene)
        if isinstance(step, Scene):
            return self._show(undone(self._scene, step))
        try:
            self.library.restore(step.name, step.after, self._complains("/scene/redo", peer))
        except RefusedError:
            self._history.undo(self._scene)
            raise

    def _complains(self, address: str, peer: Peer) -> Callable[[str], None]:
        return lambda text: self.reports.tell(Problem(address, text), peer)

    def _set(self, command: SetParameter, peer: Peer) -> Iterator[int]:
        def held(key: int) -> str:
            return self.ownership.take(key, peer, command.dialect, time.monotonic(), command.touch)

        found = routes(command.address, self._scene, self._context)
        if not found:
            self.reports.tell(Problem(command.address, "unknown address", unknown=True), peer)
        wild = is_pattern(command.address)
        if wild:
            yield PATTERN_WORK
        for part in _in_steps(found):
            scene, problems = apply_at(part, self._scene, command, self._context, held, alone=len(found) == 1)
            self.replace_scene(scene)
            for problem in problems:
                self.reports.tell(problem, peer)
            yield len(part) if wild else 0

    def _cost(self, address: str) -> int:
        return PATTERN_WORK + len(routes(address, self._scene, self._context)) if is_pattern(address) else 0

    def _work(self, due: Sequence[Command | Problem]) -> tuple[int, int]:
        """What commands will cost, and the part of it that changes the scene; not how much more than too much."""
        work = changes = len(due)
        for command in due:
            if work > MAX_WORK:
                break
            with suppress(RefusedError):
                match command:
                    case SetParameter(address) | commands.Touch(address):
                        cost = self._cost(address)
                        work, changes = work + cost, changes + cost
                    case commands.Ask(address) | commands.Subscribe(address):
                        work += self._cost(address) or len(routes(address, self._scene, self._context))
                    case commands.Ping():
                        work += 1
        return work, changes

    def _touch(self, command: commands.Touch, peer: Peer) -> int:
        """Hold objects or let them go; any row of an object leads to it."""
        last = "/gain"
        found = routes(command.address + last, self._scene, self._context)
        keys = [r.key for r in found if isinstance(r.key, int) and r.parameter.variable in OBJECTS]
        if not keys:
            self.reports.tell(Problem(command.address + last, "no object: only objects can be held"), peer)
        for key in keys:
            if not command.held:
                self.ownership.let_go(key, peer)
            elif reason := self.ownership.take(key, peer, command.dialect, time.monotonic(), touch=True):
                self.reports.tell(Problem(command.address, reason, conflict=True), peer)
        return PATTERN_WORK + len(keys) if is_pattern(command.address) else 0

    def _answer(self, address: str, peer: Peer) -> Iterator[int]:
        found = readable(address, self._scene, self._context)
        if not found:
            self.reports.tell(Problem(address, "unknown address", unknown=True), peer)
        if is_pattern(address):
            yield PATTERN_WORK
        for part in _in_steps(found):
            for route in part:
                if (values := value_of(route, self._scene, self._context)) is not None:
                    _tell(route, values, self._answer_to(route.address, peer))
            yield len(part)

    def _answer_to(self, address: str, peer: Peer) -> Peer:
        """Senders of ADM-OSC wait for answers at a port of their own; a connection has no other port."""
        return peer.at(self._adm_answer_port) if address.startswith(ADM_PREFIX) and not peer.dialect else peer

    def _flush(self) -> None:
        """Tell listeners and subscribers what is different since the last time."""
        self._flushing = None
        self.told_s = time.monotonic()
        fade_s, self._fade_s = self._fade_s, 0.0
        dirty = compare(self._published, self._scene, fade_s)
        self._published = self._scene
        if self._follower is not None and (dirty or self._foreseeing):
            present, next_ones = TimedScene(self._scene, fade_s, self._since_s), self._schedule.in_sight()
            cues = upcoming(present, next_ones, self._context, self.ownership.reason, self.library.glance)
            self._follower(cues)
        self._foreseeing = False
        if dirty:
            for listener in tuple(self._listeners):
                with Contained("a change cannot be told to all"):  # whoever cannot take it keeps nobody else from it
                    listener(self._scene, dirty)
            self._subscriptions.changed()


def _in_steps(found: Sequence[Route]) -> Iterator[Sequence[Route]]:
    return (found[at : at + STEP] for at in range(0, len(found), STEP))


def _tell(route: Route, values: Values, to: Peer) -> None:
    to.tell(encode(route.address, route.parameter.tags, values))
