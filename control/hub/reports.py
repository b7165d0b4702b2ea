"""Problems: counted, and reported to their senders at a limited rate."""

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
from stemfield.control.parameters.argument import sendable
from stemfield.control.parameters.commands import Problem
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import suggestion
from stemfield.renderer.scene.scene import Scene

ERRORS_PER_S = 10
ERRORS_OF_A_HOST_PER_S = 100
"""Limit for a host that sends from many ports."""

_NOT_ANSWERED = ("/error", "/pong", *(d.prefix for d in DIALECTS if not d.has_errors))
"""Answers of peers, because two daemons must not complain to each other for ever, and dialects without errors."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class HubCounters:
    """Counts since the start."""

    messages: int = 0
    problems: int = 0
    """Refused messages."""
    unknown: int = 0
    """Refused messages whose address matches nothing."""
    conflicts: int = 0
    """Refused messages about an object that another peer controls."""
    read_only: int = 0
    """Refused messages of peers with read-only access."""


class Reports:
    """Counts problems in the status of the context, and reports them to their senders and the log of messages."""

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
        """Count a problem and report it, up to ten per second to each sender, and a hundred to each host."""
        self.counters.problems += 1
        self.counters.unknown += problem.unknown
        self.counters.conflicts += problem.conflict
        now_s = time.monotonic()
        is_reported = self._limiter.take(peer, now_s) and self._hosts.take(peer.host, now_s)
        if self._packets.is_open:
            # looking for suggestions is too slow for a flood of messages
            reason = self._reason(problem) if is_reported else problem.reason or "unknown address"
            self._packets.record_refusal(problem, reason, peer)
        if not is_reported:
            return
        address, reason = sendable(problem.address), sendable(self._reason(problem))
        self.refused = address, reason, self._context.status.counters.read("heartbeat")
        _log.debug("%s: %s: %s", peer, address, reason)
        if address.startswith(_NOT_ANSWERED):
            return
        dialect = BY_NAME.get(peer.dialect)
        encoded = dialect.encode_problem(address, reason) if dialect and dialect.encode_problem else None
        peer.deliver(encoded or encode("/error", "ss", (address, reason)))

    def _reason(self, problem: Problem) -> str:
        return problem.reason or suggestion(problem.address, self._scene(), self._context)
