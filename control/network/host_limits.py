"""How much each host may ask for, and that none of its programs locks out the others.

A host has one share through all ports. Where one of its programs has used it up, a program that has asked for little
has a small reserve, so that a machine's page still answers beside a flood from the same machine.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from stemfield.control.hub.peers import Peer
from stemfield.control.hub.rate_limit import Limiter

_OF_A_SENDER: Final = 0.01
_OF_ALL_RESERVES: Final = 0.1
"""Parts of the share: many ports of one host come by this much more and no further."""

Pay = Callable[[float], None]
"""Takes further messages from a share, for work whose size was not known before; the sender may fall into debt."""


class HostLimits:
    """The shares of all hosts.

    Args:
        rate: messages a second of each host, with bursts of one second's worth.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._hosts = Limiter(rate)
        self._senders = Limiter(rate * _OF_A_SENDER)
        self._reserves = Limiter(rate * _OF_ALL_RESERVES)

    def take(self, peer: Peer, now_s: float) -> Pay | None:
        """Take one message; None where neither the host's share nor the sender's reserve has one left."""
        if self._hosts.take(peer.host, now_s):
            self._senders.take(peer, now_s)
            return partial(self.charge, peer)
        if self._senders.take(peer, now_s) and self._reserves.take(peer.host, now_s):
            return partial(self._charge_reserve, peer)
        return None

    def charge(self, peer: Peer, messages: float) -> None:
        """Take further messages; less than none gives nothing back."""
        self._hosts.charge(peer.host, max(messages, 0.0))
        self._senders.charge(peer, max(messages, 0.0))

    def _charge_reserve(self, peer: Peer, messages: float) -> None:
        self.charge(peer, messages)
        self._reserves.charge(peer.host, max(messages, 0.0))
