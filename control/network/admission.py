"""Access rights and rate limits of hosts, the same for UDP and HTTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from stemfield.control.hub.peers import Peer
from stemfield.control.hub.rate_limit import Limiter
from stemfield.control.status import Counters

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Rights = Literal["none", "listen", "change"]
Refusal = Literal["not_allowed", "limited", "overdue"]

_MAX_REMEMBERED = 1024
_SENDER_RESERVE: Final = 0.01
"""Reserve of each program, as part of the limit."""
_HOST_RESERVE: Final = 0.1
"""Limit of all reserves of a host together, as part of the limit."""

Charge = Callable[[float], None]
"""Charges further messages, for work whose cost was not known before; the balance may become negative."""
OnRefused = Callable[[str, bytes | str, str], object]
"""Called with the sender, what it sent, and the reason of the refusal."""


@dataclass(slots=True)
class AdmissionCounts:
    """Packets and requests since the start.

    Attributes:
        received: datagrams, requests and frames received.
        sent: datagrams sent.
        not_allowed: datagrams and requests from outside the allowed networks.
        limited: datagrams and requests above a rate limit, or above the time available beside other senders.
        unsent: replies that could not be sent.
    """

    received: int = 0
    sent: int = 0
    not_allowed: int = 0
    limited: int = 0
    unsent: int = 0


class _HostLimits:
    """The rate limits of all hosts, with a reserve for each of their programs.

    The limit holds for a host over all ports. If one of its programs has used it up, a program that has sent little has
    a small reserve, so that a page still works beside a flood from the same machine.
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


class Admission:
    """Rights and rate limits of all hosts.

    Args:
        allow: networks whose hosts may change the scene; this machine always may.
        max_messages_per_s: limit of each host over all ports, with bursts of one second's worth.
        read_only: networks whose hosts may only query and subscribe, even if `allow` contains them.
    """

    def __init__(self, allow: Sequence[Network], max_messages_per_s: float, read_only: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)
        self._read_only = tuple(read_only)
        self._limits = _HostLimits(max_messages_per_s)
        self._known: dict[str, Rights] = {}
        self.counters = AdmissionCounts()
        self.on_refused: OnRefused = lambda _sender, _what, _reason: None
        self.revision = 0
        """Incremented when rights change."""

    def reconfigure(
        self, allow: Sequence[Network], max_messages_per_s: float, read_only: Sequence[Network] = ()
    ) -> None:
        """Set other rights and limits; arguments as in the constructor."""
        self._allow, self._read_only = tuple(allow), tuple(read_only)
        self._limits = _HostLimits(max_messages_per_s)
        self._known.clear()
        self.revision += 1

    def rights(self, host: str) -> Rights:
        """The rights of a host.

        Args:
            host: numeric address; a zone (`fe80::1%eth0`) is ignored, an IPv4-mapped IPv6 address counts as IPv4.
        """
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._find(host)
        return known

    def take(self, peer: Peer, now_s: float) -> Charge | None:
        """Count a message of a peer; None if its rate limit is reached."""
        return self._limits.take(peer, now_s)

    def charge(self, peer: Peer, messages: float) -> None:
        """Count further messages of a peer."""
        self._limits.charge(peer, messages)

    def refuse(self, kind: Refusal, sender: str, what: bytes | str) -> str:
        """Count and report a refused datagram or request.

        Args:
            kind: counter to which it is added.
            sender: host and port.
            what: the datagram, or the path of the request.

        Returns:
            The reason, for the sender.
        """
        if kind == "not_allowed":
            self.counters.not_allowed += 1
            reason = "this network is not allowed (network.allow)"
        elif kind == "overdue":
            self.counters.limited += 1
            reason = "the daemon is overloaded: send less often, or fewer patterns"
        else:
            self.counters.limited += 1
            reason = f"rate limit: at most {self._limits.rate:g} messages a second (network.max_messages_per_s)"
        self.on_refused(sender, what, reason)
        return reason

    def report(self, counters: Counters) -> None:
        """Add the counters to those of the daemon."""
        for name in AdmissionCounts.__dataclass_fields__:
            counters.add(name, partial(getattr, self.counters, name))

    def _find(self, host: str) -> Rights:
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in network for network in self._read_only):
            return "listen"
        return "change" if address.is_loopback or any(address in network for network in self._allow) else "none"
