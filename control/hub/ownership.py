"""Which peer controls an object when several move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stemfield.control.hub.peers import Peer

MAX_HOLDS = 1024
DEFAULT_RANK = 2
"""Rank of a person at a controller."""
STALE_S = 30.0
"""Timeout of a touch whose holder sends nothing: programs crash with a finger on the fader."""


@dataclass(slots=True)
class _Hold:
    peer: Peer
    rank: int
    touched: bool
    last_s: float


class Ownership:
    """A peer that moves an object holds it for a short time against peers of lower rank.

    Among equals the last one wins, except over a touch, which holds until it is released or stale. A higher rank always
    wins. Dialects without a configured rank have `DEFAULT_RANK`.

    Args:
        ranks: rank of each dialect.
        hold_s: how long a change holds against lower ranks.
    """

    def __init__(self, ranks: Mapping[str, int], hold_s: float) -> None:
        self._ranks = ranks
        self._hold_s = hold_s
        self._holds: dict[int, _Hold] = {}

    def reconfigure(self, ranks: Mapping[str, int], hold_s: float) -> None:
        """Change ranks and hold time; present holders keep the rank they had."""
        self._ranks, self._hold_s = ranks, hold_s

    def claim(self, key: int, peer: Peer, dialect: str, now_s: float, touch: bool | None = None) -> str:
        """Let a peer change an object.

        Args:
            key: id of the object.
            peer: sender.
            dialect: dialect of the message.
            now_s: monotonic time.
            touch: True also takes hold of it, False also releases it.

        Returns:
            Reason for a refusal, or nothing.
        """
        if reason := self.refusal(key, peer, dialect, now_s):
            return reason
        rank = self._rank(peer, dialect)
        hold = self._holds.get(key)
        if hold is None or hold.peer != peer:
            if len(self._holds) >= MAX_HOLDS:  # of removed objects
                self._holds = {k: h for k, h in self._holds.items() if self._lasts(h, now_s)}
            hold = self._holds[key] = _Hold(peer, rank, touched=False, last_s=now_s)
        hold.rank, hold.last_s = rank, now_s
        if touch is not None:
            hold.touched = touch
        return ""

    def refusal(self, key: int, peer: Peer, dialect: str, now_s: float) -> str:
        """Why a peer may not change an object, or nothing."""
        hold = self._holds.get(key)
        if hold is None or hold.peer == peer or not self._lasts(hold, now_s):
            return ""
        return f"held by {hold.peer}" if (self._rank(peer, dialect), 0) < (hold.rank, int(hold.touched)) else ""

    def release(self, key: int, peer: Peer) -> None:
        """End a peer's hold, if it has one."""
        hold = self._holds.get(key)
        if hold is not None and hold.peer == peer:
            del self._holds[key]

    def release_all(self, peer: Peer) -> None:
        """End all holds of a disconnected peer."""
        self._holds = {key: hold for key, hold in self._holds.items() if hold.peer != peer}

    def holder(self, key: int, now_s: float) -> str:
        """The peer that holds an object, or nothing."""
        hold = self._holds.get(key)
        return str(hold.peer) if hold is not None and self._lasts(hold, now_s) else ""

    def _rank(self, peer: Peer, dialect: str) -> int:
        return self._ranks.get(peer.dialect or dialect, DEFAULT_RANK)

    def _lasts(self, hold: _Hold, now_s: float) -> bool:
        return now_s - hold.last_s < (STALE_S if hold.touched else self._hold_s)
