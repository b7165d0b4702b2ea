"""Recent messages and their results, recorded only while a page shows them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from stemfield.control.hub.peers import Peer
from stemfield.control.hub.rate_limit import MAX_PEERS, Limiter
from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.commands import Command, Problem, SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import routes
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.scene.scene import Scene

MAX_ENTRIES: Final = 256
DROPPED_PER_S: Final = 10
"""Maximum number of dropped messages recorded per sender and second; the others are counted."""
_MAX_SHOWN: Final = 8
_MAX_ADDRESS: Final = 64


@dataclass(slots=True)
class Entry:
    """One message."""

    at_s: float
    """Seconds since the epoch."""
    sender: str
    address: str
    arguments: str
    verdict: str
    """`taken`, `out of range: ...`, `dropped: ...`, or the reason for a refusal."""


class PacketLog:
    """The newest messages, numbered, recorded while at least one reader has it open."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, Entry]] = deque(maxlen=MAX_ENTRIES)
        self._readers = 0
        self._number = 0
        self._dropped = Limiter(DROPPED_PER_S)
        self._omitted: dict[str, int] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is a reader."""
        return self._readers > 0

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        return self._number

    def open(self) -> Callable[[], None]:
        """Add a reader. Returns what removes it."""
        self._readers += 1

        def close() -> None:
            self._readers -= 1
            if not self._readers:
                self._entries.clear()

        return close

    def since(self, number: int) -> list[Entry]:
        """The entries after a number."""
        return [entry for own, entry in self._entries if own > number]

    def record(self, command: Command, address: str, peer: Peer, scene: Scene, context: Context) -> None:
        """Record a command that is about to be carried out."""
        arguments: Sequence[object] = command.arguments if isinstance(command, SetParameter) else ()
        verdict = _clamped(address, arguments, scene, context) or "taken"
        self._add(peer, address, arguments, verdict)

    def record_refusal(self, problem: Problem, reason: str, peer: Peer) -> None:
        """Record a problem: of the last recorded command, or of a message that is not a command."""
        if self._entries:
            newest = self._entries[-1][1]
            if (newest.sender, newest.verdict) == (str(peer), "taken") and newest.address == problem.address:
                newest.verdict = reason
                return
        self._add(peer, problem.address, (), reason)

    def dropped(self, sender: str, what: bytes | str, why: str) -> None:
        """Record what was dropped before it was parsed, a datagram or a requested path, of a sender (host and port)."""
        if not self.is_open:
            return
        host = sender.rpartition(":")[0]
        if not self._dropped.take(host, time.monotonic()):
            if len(self._omitted) >= MAX_PEERS:
                self._omitted.clear()
            self._omitted[host] = self._omitted.get(host, 0) + 1
            return
        omitted = self._omitted.pop(host, 0)
        more = f", and {omitted} more before it" if omitted else ""
        self._add(sender, _seen(what), (), f"dropped: {why}{more}")

    def _add(self, sender: Peer | str, address: str, arguments: Sequence[object], verdict: str) -> None:
        self._number += 1
        texts = [f"{a:.6g}" if isinstance(a, float) else shown(a) for a in arguments[:_MAX_SHOWN]]
        more = " ..." if len(arguments) > _MAX_SHOWN else ""
        entry = Entry(time.time(), str(sender), address, " ".join(texts) + more, verdict)
        self._entries.append((self._number, entry))


def _seen(what: bytes | str) -> str:
    """The address of a datagram, or its size."""
    if isinstance(what, str):
        return what[:_MAX_ADDRESS]
    head = what[: what.find(b"\0")] if 0 < what.find(b"\0") <= _MAX_ADDRESS else what[:_MAX_ADDRESS]
    text = head.decode("ascii", "replace")
    return text if text.isprintable() and text.startswith(("/", "#", "{")) else f"{len(what)} bytes"


def _clamped(address: str, arguments: Sequence[object], scene: Scene, context: Context) -> str:
    """The verdict on values out of range, or nothing."""
    try:
        found = routes(address, scene, context)
        accepted = accept_all(found[0].parameter.arguments, arguments) if found else ()
    except RefusedError:
        return ""
    pairs = list(zip(arguments, accepted, strict=False))
    other = [new for old, new in pairs if isinstance(old, float | int) and not math.isclose(old, new, abs_tol=1e-4)]  # type: ignore[arg-type]
    if not other:
        return ""
    return "out of range: " + " ".join(f"{new:.6g}" if isinstance(new, float) else str(new) for _, new in pairs)
