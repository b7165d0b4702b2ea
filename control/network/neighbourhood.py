"""The networks that this machine stands in, for whoever has to say which of them may come in."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Final

import ifaddr

_FAR: Final = "192.0.2.1"
"""An address that nobody has (RFC 5737): only the way to it is asked for, nothing is sent."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """One IPv4 network behind one interface.

    Attributes:
        interface: such as eth0.
        address: this machine's there.
        network: such as 192.168.1.0/24.
    """

    interface: str
    address: str
    network: str


def neighbourhoods() -> tuple[Neighbourhood, ...]:
    """All of them but this machine's own, first the one through which others are reached."""
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str) and not ipaddress.ip_address(ip.ip).is_loopback:
                network = ipaddress.ip_network(f"{ip.ip}/{ip.network_prefix}", strict=False)
                found.append(Neighbourhood(adapter.nice_name, ip.ip, str(network)))
    way = _address_on_the_way()
    return tuple(sorted(found, key=lambda one: one.address != way))


def _address_on_the_way() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        try:
            door.connect((_FAR, 9))
        except OSError:
            return ""
        return str(door.getsockname()[0])
