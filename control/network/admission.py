"""Who may send, who may only listen, and how much: the same for every door."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from stemfield.control.hub.peers import Peer
from stemfield.control.network.host_limits import HostLimits, Pay
from stemfield.control.status import Counters

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Rights = Literal["none", "listen", "change"]
Refusal = Literal["not_allowed", "limited", "overdue"]

_MAX_REMEMBERED = 1024

Turned = Callable[[str, bytes | str, str], object]
"""Told who was turned away, with what, and why."""


@dataclass(slots=True)
class AdmissionCounts:
    """What has come and gone since the start."""

    received: int = 0
    sent: int = 0
    not_allowed: int = 0
    """Datagrams and requests from outside the allowed networks."""
    limited: int = 0
    """Datagrams of senders that sent more than their share, or more than there was time for beside other senders."""
    unsent: int = 0
    """Answers that the network did not take."""


class Admission:
    """The rights and the share of each host.

    Args:
        allow: networks whose hosts may change things; this machine always may.
        max_messages_per_s: of each host through all doors, with bursts of one second's worth.
        read_only: networks whose hosts may only ask and listen, even where `allow` holds them.
    """

    def __init__(self, allow: Sequence[Network], max_messages_per_s: float, read_only: Sequence[Network] = ()) -> None:
        self._allow = tuple(allow)
        self._read_only = tuple(read_only)
        self._shares = HostLimits(max_messages_per_s)
        self._known: dict[str, Rights] = {}
        self.counters = AdmissionCounts()
        self.on_refused: Turned = lambda _sender, _what, _why: None
        self.revision = 0
        """Another one whenever rights have changed."""

    def renew(self, allow: Sequence[Network], max_messages_per_s: float, read_only: Sequence[Network] = ()) -> None:
        """Other rights and shares from now on; as at the beginning."""
        self._allow, self._read_only = tuple(allow), tuple(read_only)
        self._shares = HostLimits(max_messages_per_s)
        self._known.clear()
        self.revision += 1

    def rights(self, host: str) -> Rights:
        """What a host may do.

        Args:
            host: a numeric address; a zone (`fe80::1%eth0`) is ignored, an IPv4 address within IPv6 is taken as such.
        """
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._find(host)
        return known

    def take(self, peer: Peer, now_s: float) -> Pay | None:
        """Take one message from a host's share; None where nothing of it is left."""
        return self._shares.take(peer, now_s)

    def charge(self, peer: Peer, messages: float) -> None:
        """Take further messages from a host's share."""
        self._shares.charge(peer, messages)

    def refuse(self, offence: Refusal, sender: str, what: bytes | str) -> str:
        """Count what was not let in, and tell whoever looks.

        Args:
            offence: under which it is counted.
            sender: host and port.
            what: the datagram, or what was asked for.

        Returns:
            Why not, for the sender's eyes.
        """
        if offence == "not_allowed":
            self.counters.not_allowed += 1
            why = "this network is not allowed (network.allow)"
        elif offence == "overdue":
            self.counters.limited += 1
            why = "more work than there is time for: send less often, or fewer patterns"
        else:
            self.counters.limited += 1
            why = f"more than this host's share, {self._shares.rate:g} a second (network.max_messages_per_s)"
        self.on_refused(sender, what, why)
        return why

    def report(self, counters: Counters) -> None:
        """Add the counts to those of the daemon."""
        for name in AdmissionCounts.__dataclass_fields__:
            counters.add(name, partial(getattr, self.counters, name))

    def _find(self, host: str) -> Rights:
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in network for network in self._read_only):
            return "listen"
        return "change" if address.is_loopback or any(address in network for network in self._allow) else "none"


def paid(pay: Pay, steps: Iterable[int]) -> Iterator[None]:
    """Work of which each step says how many messages it was worth, paid for as it is done.

    The first message was paid for when it was taken.
    """
    advance = 1
    for cost in steps:
        pay(cost - advance)
        advance = max(advance - cost, 0)
        yield
