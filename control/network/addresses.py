"""This machine's addresses, as others see them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import ifaddr

LIMITED_BROADCAST: Final = "255.255.255.255"


def interfaces() -> dict[str, list[str]]:
    """The IPv4 addresses of each interface, by its name."""
    return {
        adapter.nice_name: [ip.ip for ip in adapter.ips if isinstance(ip.ip, str)] for adapter in ifaddr.get_adapters()
    }


def own_addresses(version: int = 4) -> list[str]:
    """This machine's addresses of one version of IP.

    Those of IPv6 that are link-local need a zone, which browsers do not know: hosts that have them have others too.
    """
    if version == 4:
        return [address for own in interfaces().values() for address in own]
    numbers = (ip.ip[0] for adapter in ifaddr.get_adapters() for ip in adapter.ips if not isinstance(ip.ip, str))
    return [number for number in numbers if not ipaddress.ip_address(number).is_link_local]


def outside(addresses: Iterable[str]) -> list[str]:
    """Those that others can reach, where there are any: to them loopback is another machine."""
    every = list(addresses)
    return [address for address in every if not ipaddress.ip_address(address).is_loopback] or every


def reachable_addresses(bound: Sequence[str]) -> list[str]:
    """Where others reach us: this machine's addresses in place of "all of them", IPv4 first and loopback last."""
    found: dict[str, None] = {}
    for address in bound:
        number = ipaddress.ip_address(address)
        found |= dict.fromkeys(own_addresses(number.version) if number.is_unspecified else [address])
    return sorted(found, key=lambda one: (ipaddress.ip_address(one).is_loopback, ipaddress.ip_address(one).version))


def broadcasts(address: str) -> Iterator[tuple[str, str]]:
    """Where broadcasts arrive that a socket at one of this machine's addresses does not hear.

    Yields:
        An address to listen at, and the interface.
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
