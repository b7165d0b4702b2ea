"""This machine's addresses, as others see them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

import ifaddr


def interfaces() -> dict[str, list[str]]:
    """The IPv4 addresses of each interface, by its name.

    Those of IPv6 that are link-local need a zone: hosts that have them have others too.
    """
    return {
        adapter.nice_name: [ip.ip for ip in adapter.ips if isinstance(ip.ip, str)] for adapter in ifaddr.get_adapters()
    }


def own_addresses() -> list[str]:
    """This machine's IPv4 addresses."""
    return [address for own in interfaces().values() for address in own]


def outside(addresses: Iterable[str]) -> list[str]:
    """Those that others can reach, where there are any: to them loopback is another machine."""
    every = list(addresses)
    return [address for address in every if not ipaddress.ip_address(address).is_loopback] or every


def reachable_addresses(bound: Sequence[str]) -> list[str]:
    """Where others reach us: this machine's addresses in place of "all of them", loopback last."""
    found: dict[str, None] = {}
    for address in bound:
        every = own_addresses() if ipaddress.ip_address(address).is_unspecified else [address]
        found |= dict.fromkeys(every)
    return sorted(found, key=lambda address: ipaddress.ip_address(address).is_loopback)
