"""What could not be done: counted, told to whoever asked for it, and not too often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from stemfield.control.dialects.osc import encode
from stemfield.control.dialects.registry import BY_NAME, DIALECTS
from stemfield.control.hub.packet_log import PacketLog
from stemfield.control.hub.peers import Peer
from stemfield.control.hub.rate_limit import Limiter
from stemfield.control.parameters.argument import sayable
from stemfield.control.parameters.commands import Problem
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import suggestion
from stemfield.renderer.scene.scene import Scene

ERRORS_PER_S = 10
ERRORS_OF_A_HOST_PER_S = 100
"""A host that sends from ever new ports is told no more for it."""

_NOT_ANSWERED = ("/error", "/pong", *(d.prefix for d in DIALECTS if not d.has_errors))
"""Answers of peers, because two daemons must not complain to each other for ever, and dialects without errors."""

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
    conflicts: int = 0
    """Those among them about an object that somebody else holds."""
    read_only: int = 0
    """Those among them from peers that may only listen."""
    errors_withheld: int = 0
    """Problems that were not reported, because their sender had enough reports in that second."""


class Reports:
    """The counts, and the way back to the senders.

    Args:
        scene: gives the present scene, in which something near to an unknown address may be.
        context: what there is; its status learns the counts.
        packets: learns what was refused, while somebody looks.
    """

    def __init__(self, scene: Callable[[], Scene], context: Context, packets: PacketLog) -> None:
        self._packets = packets
        self._scene = scene
        self._context = context
        self._limiter = Limiter(ERRORS_PER_S)
        self._hosts = Limiter(ERRORS_OF_A_HOST_PER_S)
        self.counters = HubCounters()
        self.refused: tuple[str, str, int] = "", "", 0
        """Address and reason of the last refused message, and the heartbeat at that time."""
        for name in ("messages", "problems", "unknown", "conflicts", "read_only"):
            context.status.counters.add(name, partial(getattr, self.counters, name))

    def report(self, problem: Problem, peer: Peer) -> None:
        """Count a problem and tell the sender, unless it was told of ten in this second, or its host of a hundred."""
        self.counters.problems += 1
        self.counters.unknown += problem.unknown
        self.counters.conflicts += problem.conflict
        now_s = time.monotonic()
        told = self._limiter.take(peer, now_s) and self._hosts.take(peer.host, now_s)
        if self._packets.is_open:
            # to look for what may have been meant takes too long for a flood
            self._packets.refuse(problem, self._reason(problem) if told else problem.reason, peer)
        if not told:
            self.counters.errors_withheld += 1
            return
        address, reason = sayable(problem.address), sayable(self._reason(problem))
        self.refused = address, reason, self._context.status.counters.read("heartbeat")
        _log.debug("%s: %s: %s", peer, address, reason)
        if address.startswith(_NOT_ANSWERED):
            return
        dialect = BY_NAME.get(peer.dialect)
        encoded = dialect.encode_problem(address, reason) if dialect and dialect.encode_problem else None
        peer.tell(encoded or encode("/error", "ss", (address, reason)))

    def _reason(self, problem: Problem) -> str:
        return suggestion(problem.address, self._scene(), self._context) if problem.unknown else problem.reason
