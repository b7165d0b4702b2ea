"""Commands about values: set, touch, ask, subscribe, and whole objects at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stemfield.control.dialects.native import encode_pong
from stemfield.control.dialects.osc import encode
from stemfield.control.hub.costs import PATTERN_COST
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import Ping, Renew, Subscribe, Unsubscribe
from stemfield.control.parameters.adm_rows import ADM_PREFIX
from stemfield.control.parameters.commands import Ask, Problem, SetParameter, Touch, UpsertObject
from stemfield.control.parameters.patterns import is_pattern
from stemfield.control.parameters.routes import OBJECTS, Route, apply_at, readable, routes, value_of
from stemfield.control.scenes.upsert import upsert_object
from stemfield.layouts.problems import RefusedError

STEP: Final = 64
"""Values set or sent in one step."""


class ValueCommands:
    """Carries them out for a hub.

    Args:
        hub: owner of the scene.
        adm_answer_port: port at which senders of ADM-OSC expect replies.
    """

    def __init__(self, hub: Hub, adm_answer_port: int) -> None:
        self._hub = hub
        self._adm_answer_port = adm_answer_port
        hub.on(SetParameter, self._set)
        hub.on(UpsertObject, self._upsert)
        hub.on(Touch, self._touch)
        hub.on(Ask, self._answer)
        hub.on(Ping, self._ping)
        hub.on(Subscribe, self._subscribe)
        hub.on(Unsubscribe, self._unsubscribe)
        hub.on(Renew, self._renew)

    def _set(self, command: SetParameter, peer: Peer) -> Iterator[int]:
        hub = self._hub

        def refusal(key: int) -> str:
            return hub.ownership.claim(key, peer, command.dialect, time.monotonic(), command.touch)

        found = routes(command.address, hub.scene, hub.context)
        if not found:
            hub.reports.report(Problem(command.address, unknown=True), peer)
        wild = is_pattern(command.address)
        if wild:
            yield PATTERN_COST
        for part in _in_steps(found):
            scene, problems = apply_at(part, hub.scene, command, hub.context, refusal, is_only=len(found) == 1)
            hub.replace_scene(scene)
            for problem in problems:
                hub.reports.report(problem, peer)
            yield len(part) if wild else 0

    def _upsert(self, command: UpsertObject, peer: Peer) -> None:
        hub = self._hub
        scene = upsert_object(hub.scene, command, hub.context)
        if scene is hub.scene:
            return
        if reason := hub.ownership.claim(command.id, peer, command.dialect, time.monotonic()):
            hub.reports.report(Problem(command.address, reason, conflict=True), peer)
        else:
            hub.replace_scene(scene)

    def _touch(self, command: Touch, peer: Peer) -> Iterable[int]:
        """Take hold of objects or release them; any row of an object leads to it."""
        hub, last = self._hub, "/gain"
        found = routes(command.address + last, hub.scene, hub.context)
        keys = [r.key for r in found if isinstance(r.key, int) and r.parameter.variable in OBJECTS]
        if not keys:
            hub.reports.report(Problem(command.address + last, "no object: only objects can be held"), peer)
        for key in keys:
            if not command.held:
                hub.ownership.release(key, peer)
            elif reason := hub.ownership.claim(key, peer, command.dialect, time.monotonic(), touch=True):
                hub.reports.report(Problem(command.address, reason, conflict=True), peer)
        return (PATTERN_COST + len(keys),) if is_pattern(command.address) else ()

    def _answer(self, command: Ask, peer: Peer) -> Iterator[int]:
        hub, address = self._hub, command.address
        found = readable(address, hub.scene, hub.context)
        if not found:
            hub.reports.report(Problem(address, unknown=True), peer)
        if is_pattern(address):
            yield PATTERN_COST
        for part in _in_steps(found):
            for route in part:
                if (values := value_of(route, hub.scene, hub.context)) is not None:
                    to = self._reply_to(route.address, peer)
                    to.deliver(encode(route.address, route.parameter.tags, values))
            yield len(part)

    def _ping(self, command: Ping, peer: Peer) -> Iterable[int]:
        self._reply_to(command.answer, peer).deliver(encode_pong(command))
        return (1,)

    def _reply_to(self, address: str, peer: Peer) -> Peer:
        """Senders of ADM-OSC expect replies at another port; a connection has no other port."""
        return peer.at(self._adm_answer_port) if address.startswith(ADM_PREFIX) and not peer.dialect else peer

    def _subscribe(self, command: Subscribe, peer: Peer) -> Iterable[int]:
        to = peer if command.port is None else peer.at(command.port)
        return self._hub.subscriptions.add(command.pattern, command.rate_hz, peer, to)

    def _unsubscribe(self, command: Unsubscribe, peer: Peer) -> None:
        self._hub.subscriptions.remove(command.pattern, peer)

    def _renew(self, command: Renew, peer: Peer) -> None:
        if not self._hub.subscriptions.renew(command.pattern, peer):
            raise RefusedError("no such subscription: subscribe again")


def _in_steps(found: Sequence[Route]) -> Iterator[Sequence[Route]]:
    return (found[at : at + STEP] for at in range(0, len(found), STEP))
