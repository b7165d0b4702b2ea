"""Rate limits of hosts, with a reserve for each of their programs.

The limit holds for a host over all ports. If one of its programs has used it up, a program that has sent little has a
small reserve, so that a page still works beside a flood from the same machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from stemfield.control.hub.peers import Peer
from stemfield.control.hub.rate_limit import Limiter

_SENDER_RESERVE: Final = 0.01
"""Reserve of each program, as part of the limit."""
_HOST_RESERVE: Final = 0.1
"""Limit of all reserves of a host together, as part of the limit."""

Charge = Callable[[float], None]
"""Charges further messages, for work whose cost was not known before; the balance may become negative."""


class HostLimits:
    """The rate limits of all hosts.

    Args:
        rate: limit of each host in messages a second, with bursts of one second's worth.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._hosts = Limiter(rate)
        self._senders = Limiter(rate * _SENDER_RESERVE)
        self._reserves = Limiter(rate * _HOST_RESERVE)

    def take(self, peer: Peer, now_s: float) -> Charge | None:
        """Count a message; None if both the host's limit and the program's reserve are used up."""
        if self._hosts.take(peer.host, now_s):
            self._senders.take(peer, now_s)
            return partial(self.charge, peer)
        if self._senders.take(peer, now_s) and self._reserves.take(peer.host, now_s):
            return partial(self._charge_reserve, peer)
        return None

    def charge(self, peer: Peer, messages: float) -> None:
        """Count further messages; a negative number refunds nothing."""
        self._hosts.charge(peer.host, max(messages, 0.0))
        self._senders.charge(peer, max(messages, 0.0))

    def _charge_reserve(self, peer: Peer, messages: float) -> None:
        self.charge(peer, messages)
        self._reserves.charge(peer.host, max(messages, 0.0))
