"""The hub: packets go in, the scene changes, listeners and peers are told.

Everything runs on one asyncio loop. However many packets arrive in one turn of it, the listeners are called once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from stemfield.control import commands
from stemfield.control.changes import Dirty, compare
from stemfield.control.codecs.native import decode, encode_pong
from stemfield.control.codecs.osc import encode
from stemfield.control.commands import Command, Problem, RefusedError
from stemfield.control.limits import Limiter
from stemfield.control.parameters import recalled
from stemfield.control.routes import Route, answers, apply, suggestion
from stemfield.control.rows import Values
from stemfield.control.scene_file import SceneFileError
from stemfield.control.state import SceneStore
from stemfield.control.subscriptions import Address, Subscriptions
from stemfield.control.venue import Venue
from stemfield.renderer.scene import Scene

MAX_SCHEDULED = 1024
ERRORS_PER_S = 10
_NOT_ANSWERED = ("/error", "/pong")
"""What peers answer with: two daemons must not complain to each other for ever."""

Listener = Callable[[Scene, Dirty], None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HubCounters:
    """What has come in since the start."""

    packets: int = 0
    messages: int = 0
    problems: int = 0
    """Messages that were refused for whatever reason."""
    unknown: int = 0
    """Those among them with an address that describes nothing."""
    errors_withheld: int = 0
    """Problems that were not reported, because their sender had ten reports in that second."""


class Hub:
    """The owner of the present scene.

    Args:
        scene: what to begin with.
        venue: labels, defaults and models.
        store: where named scenes are kept; None refuses `/scene/save` and `/scene/load`.
    """

    def __init__(self, scene: Scene, venue: Venue, store: SceneStore | None = None) -> None:
        self._scene = scene
        self._published = scene
        self._fade_s = 0.0
        self._venue = venue
        self._store = store
        self._send: Callable[[bytes, Address], object] = _send_nowhere
        self._listeners: list[Listener] = []
        self._flushing: asyncio.Handle | None = None
        self._scheduled: set[asyncio.TimerHandle] = set()
        self._saving: set[asyncio.Task[None]] = set()
        self._errors = Limiter(ERRORS_PER_S)
        self._subscriptions = Subscriptions(self._tell, lambda: self._scene, venue)
        self.counters = HubCounters()

    @property
    def scene(self) -> Scene:
        """The present scene, with everything that has been submitted."""
        return self._scene

    def send_with(self, send: Callable[[bytes, Address], object]) -> None:
        """Answers, errors and subscriptions leave through this from now on."""
        self._send = send

    def listen(self, listener: Listener) -> None:
        """Call this with the scene and what is different, at most once in a turn of the loop."""
        self._listeners.append(listener)

    def submit(self, packet: bytes, sender: Address) -> int:
        """Carry out one datagram; bundles for later are carried out later. Never raises for any bytes.

        Returns:
            How many messages it held and answers it took: what it cost.
        """
        now_s = time.time()
        self.counters.packets += 1
        cost = 0
        for at_s, group in groupby(decode(packet, now_s), key=lambda timed: timed.at_s):
            due = [timed.command for timed in group]
            self.counters.messages += len(due)
            cost += len(due)
            if at_s is None:
                cost += self._perform_all(due, sender)
            else:
                self._schedule(at_s - now_s, due, sender)
        return cost

    def replace_scene(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Take up another scene, whoever it comes from."""
        if scene is self._scene:
            return
        self._scene = scene
        self._fade_s = max(self._fade_s, fade_s)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    async def close(self) -> None:
        """Forget what is scheduled, end the subscriptions, tell the listeners of the last change, finish saving."""
        for handle in self._scheduled:
            handle.cancel()
        self._scheduled.clear()
        self._subscriptions.close()
        if self._flushing is not None:
            self._flushing.cancel()
            self._flush()
        if self._saving:
            await asyncio.wait(self._saving)

    def _schedule(self, delay_s: float, due: Sequence[Command | Problem], sender: Address) -> None:
        if len(self._scheduled) >= MAX_SCHEDULED:
            self._report(Problem("#bundle", f"{MAX_SCHEDULED} bundles are waiting: allowed no more"), sender)
            return

        def run() -> None:
            self._scheduled.discard(handle)
            self._perform_all(due, sender)

        handle = asyncio.get_running_loop().call_later(delay_s, run)
        self._scheduled.add(handle)

    def _perform_all(self, due: Sequence[Command | Problem], sender: Address) -> int:
        answered = 0
        for command in due:
            try:
                answered += self._perform(command, sender)
            except RefusedError as refusal:
                self._report(Problem(_address_of(command), str(refusal)), sender)
        return answered

    def _perform(self, command: Command | Problem, sender: Address) -> int:
        """Carry out one command; how many answers it took.

        Raises:
            RefusedError: it cannot be carried out.
        """
        match command:
            case commands.SetParameter():
                scene, problems = apply(self._scene, command, self._venue)
                self.replace_scene(scene)
                for problem in problems:
                    self._report(problem, sender)
            case commands.Ask(address):
                found = answers(address, self._scene, self._venue)
                if not found:
                    self._report(Problem(address, "unknown address", unknown=True), sender)
                for route, values in found:
                    self._tell(route, values, sender)
                return len(found)
            case commands.Ping():
                self._send(encode_pong(command), sender)
                return 1
            case commands.Subscribe(pattern, rate_hz, port):
                to = sender if port is None else (sender[0], port)
                return self._subscriptions.add(pattern, rate_hz, sender, to)
            case commands.Unsubscribe(pattern):
                self._subscriptions.remove(pattern, sender)
            case commands.Renew(pattern):
                if not self._subscriptions.renew(pattern, sender):
                    raise RefusedError("no such subscription: subscribe again")
            case commands.SaveScene(name):
                self._save(name, sender)
            case commands.LoadScene(name, fade_s):
                self._load(name, fade_s, sender)
            case Problem():
                self._report(command, sender)
        return 0

    def _save(self, name: str, sender: Address) -> None:
        """Keep the scene as it is now; the disk is waited for in a thread."""
        store, scene = self._kept(), self._scene
        store.check_name(name)

        async def save() -> None:
            try:
                await asyncio.to_thread(store.save_named, name, scene)
            except OSError as error:
                self._report(Problem("/scene/save", f"{name}: {error.strerror}"), sender)

        task = asyncio.get_running_loop().create_task(save())
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    def _load(self, name: str, fade_s: float, sender: Address) -> None:
        """Take up a kept scene: read at once, so that commands after it in the bundle act on it."""
        try:
            kept, problems = self._kept().load_named(name)
        except SceneFileError as error:
            raise RefusedError("; ".join(error.problems)) from error
        self.replace_scene(recalled(self._scene, kept), fade_s)
        for problem in problems:
            self._report(Problem("/scene/load", problem), sender)

    def _kept(self) -> SceneStore:
        if self._store is None:
            raise RefusedError("there is no folder for scenes")
        return self._store

    def _flush(self) -> None:
        """Tell listeners and subscribers what is different since the last time."""
        self._flushing = None
        dirty = compare(self._published, self._scene, self._fade_s)
        self._published = self._scene
        self._fade_s = 0.0
        if dirty:
            for listener in self._listeners:
                listener(self._scene, dirty)
            self._subscriptions.changed()

    def _tell(self, route: Route, values: Values, to: Address) -> None:
        self._send(encode(route.address, route.parameter.tags, values), to)

    def _report(self, problem: Problem, sender: Address) -> None:
        """Count a problem and tell the sender, unless it was told of ten in this second."""
        self.counters.problems += 1
        self.counters.unknown += problem.unknown
        if problem.address in _NOT_ANSWERED:
            return
        if not self._errors.take(sender, time.monotonic()):
            self.counters.errors_withheld += 1
            return
        reason = suggestion(problem.address, self._scene, self._venue) if problem.unknown else problem.reason
        _log.debug("%s:%d: %s: %s", *sender, problem.address, reason)
        self._send(encode("/error", "ss", (problem.address, reason)), sender)


def _send_nowhere(packet: bytes, to: Address) -> None:
    """Before the network is up there is nobody to answer."""


def _address_of(command: Command | Problem) -> str:
    match command:
        case commands.SaveScene():
            return "/scene/save"
        case commands.LoadScene():
            return "/scene/load"
        case commands.Subscribe():
            return "/subscribe"
        case commands.Unsubscribe():
            return "/unsubscribe"
        case commands.Renew():
            return "/renew"
        case commands.SetParameter(address=address) | commands.Ask(address=address) | Problem(address=address):
            return address
        case commands.Ping():
            return "/ping"
