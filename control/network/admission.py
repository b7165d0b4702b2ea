"""Access rights and rate limits of hosts, the same for UDP and HTTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from stemfield.control.hub.peers import Peer
from stemfield.control.network.host_limits import Charge, HostLimits
from stemfield.control.status import Counters

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Rights = Literal["none", "listen", "change"]
Refusal = Literal["not_allowed", "limited", "overdue"]

_MAX_REMEMBERED = 1024

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
        self._limits = HostLimits(max_messages_per_s)
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
        self._limits = HostLimits(max_messages_per_s)
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


def charged(charge: Charge, steps: Iterable[int]) -> Iterator[None]:
    """Run steps, each of which yields the number of messages it cost, and charge them.

    The first message was charged by `take`.
    """
    prepaid = 1
    for cost in steps:
        charge(cost - prepaid)
        prepaid = max(prepaid - cost, 0)
        yield
