"""Host names by which a browser may reach the daemon, and origins of pages that may connect to it.

Otherwise a script of any site could reach the daemon through the user's browser: by a name of its own that resolves to
this machine (DNS rebinding), which the `Host` header shows, or across sites, which the `Origin` header shows.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_NAME: Final = 253
_HOST_PART: Final = 46
"""Of the 63 bytes that DNS allows between two dots."""
_HEADER: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@\[\]]+))(?::([0-9]{1,5}))?")
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_USUAL_PORTS: Final = {"http": 80, "https": 443}


class Host(NamedTuple):
    """A host as in a `Host` header."""

    name: str
    """A name in lower case without the final dot, or a numeric address."""
    port: int | None = None


def parse_host(text: str) -> Host | None:
    """Parse a `Host` header; None if it names no host.

    >>> parse_host("Studio.LAN.:8010"), parse_host("[::1]")
    (Host(name='studio.lan', port=8010), Host(name='::1', port=None))
    >>> parse_host("[::1].evil.com"), parse_host("user@127.0.0.1")
    (None, None)
    """
    found = _HEADER.fullmatch(text)
    if found is None:
        return None
    numeric, name, port = found.groups()
    if numeric is None:
        name = name.lower().removesuffix(".")
        return Host(name, int(port) if port else None) if name and len(name) <= MAX_NAME else None
    try:
        return Host(str(ipaddress.IPv6Address(numeric)), int(port) if port else None)
    except ValueError:
        return None


def check_name(text: str) -> str:
    """Normalise a name of `network.names`.

    Raises:
        ValueError: it is not a host name.
    """
    host = parse_host(text)
    if host is None or not _NAME.fullmatch(host.name) or host.port not in (None, *range(1, 65_536)):
        raise ValueError("expected a host name such as studio.lan, or studio.lan:8443 for another port of a proxy")
    return host.name if host.port is None else f"{host.name}:{host.port}"


def machine_name() -> str:
    """The first part of this machine's host name."""
    return socket.gethostname().partition(".")[0]


def announced_name(osc_port: int) -> str:
    """The host name under which DNS-SD announces the daemon that has this OSC port."""
    return f"stemfield-{machine_name()[:_HOST_PART]}-{osc_port}.local"


class HostNames:
    """The host names of one daemon.

    Args:
        osc_port: OSC port, which is part of the name that DNS-SD announces.
        names: configured names, such as a router's or a proxy's; with a port if that is neither the standard one of the
            scheme nor the port of the request.
    """

    def __init__(self, osc_port: int, names: Iterable[str] = ()) -> None:
        self._osc_port = osc_port
        self._names = tuple(filter(None, map(parse_host, names)))

    def is_own(self, header: str) -> bool:
        """Whether a `Host` header names this machine: by a numeric address, or by a name that no other site can set."""
        host = parse_host(header)
        if host is None:
            return False
        own = socket.gethostname().lower()
        known = ("localhost", own, f"{machine_name().lower()}.local", announced_name(self._osc_port).lower())
        if host.name in known or any(host.name == name for name, _ in self._names):
            return True
        try:
            ipaddress.ip_address(host.name)
        except ValueError:
            return False
        return True

    def may_ask(self, origin: str, header: str) -> bool:
        """Whether a page may connect: the daemon's own page, directly or behind a proxy.

        Args:
            origin: `Origin` header.
            header: `Host` header, which a proxy may have rewritten.
        """
        scheme, _, rest = origin.partition("://")
        page, host = parse_host(rest), parse_host(header)
        usual = _USUAL_PORTS.get(scheme)
        if page is None or usual is None:
            return False
        if host is not None and page.name == host.name and (page.port or usual) == (host.port or usual):
            return True
        ports = {usual} if host is None or host.port is None else {usual, host.port}
        return any(
            page.name == name and (page.port or usual) in (ports if port is None else {port})
            for name, port in self._names
        )
