"""The addresses and networks of this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import ifaddr

LIMITED_BROADCAST: Final = "255.255.255.255"
_REMOTE: Final = "192.0.2.1"
"""An unassigned address (RFC 5737), used to look up the default route; nothing is sent to it."""


@dataclass(frozen=True, slots=True)
class LocalNetwork:
    """An IPv4 network that one of the interfaces is connected to.

    Attributes:
        interface: such as eth0.
        address: of this machine on that network.
        network: such as 192.168.1.0/24.
    """

    interface: str
    address: str
    network: str


def interfaces() -> dict[str, list[str]]:
    """The IPv4 addresses of each interface, by its name."""
    return {
        adapter.nice_name: [ip.ip for ip in adapter.ips if isinstance(ip.ip, str)] for adapter in ifaddr.get_adapters()
    }


def local_networks() -> tuple[LocalNetwork, ...]:
    """All of them except loopback; the one with the default route comes first."""
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str) and not ipaddress.ip_address(ip.ip).is_loopback:
                network = ipaddress.ip_network(f"{ip.ip}/{ip.network_prefix}", strict=False)
                found.append(LocalNetwork(adapter.nice_name, ip.ip, str(network)))
    route = _default_route_address()
    return tuple(sorted(found, key=lambda one: one.address != route))


def _default_route_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_REMOTE, 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def own_addresses(version: int = 4) -> list[str]:
    """This machine's addresses of one IP version.

    IPv6 link-local addresses are left out: they need a zone, which browsers do not support, and a host that has them
    has others too.
    """
    if version == 4:
        return [address for own in interfaces().values() for address in own]
    numbers = (ip.ip[0] for adapter in ifaddr.get_adapters() for ip in adapter.ips if not isinstance(ip.ip, str))
    return [number for number in numbers if not ipaddress.ip_address(number).is_link_local]


def outside(addresses: Iterable[str]) -> list[str]:
    """The addresses without loopback, unless there are no others: on another machine loopback means that machine."""
    every = list(addresses)
    return [address for address in every if not ipaddress.ip_address(address).is_loopback] or every


def reachable_addresses(bound: Sequence[str]) -> list[str]:
    """Addresses at which other machines reach sockets bound to `bound`.

    Wildcard addresses are replaced by the machine's own; IPv4 comes first and loopback last.
    """
    found: dict[str, None] = {}
    for address in bound:
        number = ipaddress.ip_address(address)
        found |= dict.fromkeys(own_addresses(number.version) if number.is_unspecified else [address])
    return sorted(found, key=lambda one: (ipaddress.ip_address(one).is_loopback, ipaddress.ip_address(one).version))


def broadcasts(address: str) -> Iterator[tuple[str, str]]:
    """Broadcast addresses whose datagrams a socket bound to one of this machine's addresses does not receive.

    Yields:
        Address to bind to, and the interface.
    """
    number = ipaddress.ip_address(address)
    if number.version == 6 or number.is_unspecified or number.is_loopback:
        return
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if ip.ip == address:
                device = adapter.nice_name.partition(":")[0]  # an alias such as eth0:1 is the same device
                network = ipaddress.ip_network(f"{address}/{ip.network_prefix}", strict=False)
                if network.num_addresses > 2:
                    yield str(network.broadcast_address), device
                    yield LIMITED_BROADCAST, device
