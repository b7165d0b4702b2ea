"""The UDP ports of all dialects."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial

from stemfield.control.config.configuration import Config
from stemfield.control.config.network import NetworkConfig
from stemfield.control.dialects.registry import DIALECTS, UdpPort
from stemfield.control.hub.hub import Hub
from stemfield.control.network.addresses import broadcasts, interfaces, outside, own_addresses
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.udp import UdpServer
from stemfield.layouts.problems import did_you_mean, shown

LOOPBACK = "127.0.0.1"
OSC_PORT = "osc.port"
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104

log = logging.getLogger(__name__)


async def open_listeners(
    stack: ExitStack, config: Config, addresses: Sequence[str], admission: Admission, hub: Hub, scheduler: FairScheduler
) -> None:
    """Open every configured UDP port on every address, until the stack closes.

    The OSC port is required. If a port of another dialect cannot be opened, a warning is logged.

    Raises:
        PortTakenError, OSError: the OSC port cannot be opened.
    """
    for dialect, port in ((d, p) for d in DIALECTS for p in d.ports):
        number = _configured(config, port)
        server = partial(
            UdpServer,
            port=number or 0,
            admission=admission,
            work=partial(hub.work, decode=port.decode) if port.decode else hub.work,
            scheduler=scheduler,
            setting=port.setting,
            dialect=dialect.name if port.decode else "",
        )
        for address in addresses if number is not None else ():
            try:
                await _open(stack, server(address), hub)
            except OSError as error:
                if port.setting == OSC_PORT:
                    raise
                log.warning("%s", error.strerror)
                continue
            for broadcast, device in broadcasts(address):
                with suppress(OSError):  # open already for another address of the same network, or not permitted
                    await _open(stack, server(broadcast, device=device), hub)


def _configured(config: Config, port: UdpPort) -> int | None:
    """The port number, or None where the dialect is disabled."""
    block, _, key = port.setting.partition(".")
    settings = getattr(config, block, None)
    if settings is None:
        return port.default
    return int(getattr(settings, key)) if getattr(settings, "enabled", True) else None


def listen_addresses(network: NetworkConfig) -> tuple[str, ...]:
    """The numeric addresses to listen on; each has its own sockets, for one IP version.

    Raises:
        OSError: an interface does not exist, or has no address.
    """
    if not network.interfaces:
        return _bound(network.bind)
    available = interfaces()
    found = [LOOPBACK]
    for name in network.interfaces:
        if name not in available:
            hint = did_you_mean(name, available) or f": expected one of {', '.join(available)}"
            raise OSError(f"network.interfaces: no interface {shown(name)}{hint}")
        if not available[name]:
            raise OSError(f"network.interfaces: {name} has no IPv4 address")
        found += available[name]
    return tuple(dict.fromkeys(found))


def _bound(bind: str) -> tuple[str, ...]:
    """The addresses of `network.bind`; `::` means all addresses of both IP versions, as in most programs."""
    number = ipaddress.ip_address(bind)
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped:
        number = number.ipv4_mapped
    if number.is_unspecified:
        return ANYWHERE if number.version == 6 and _has_ipv6() else ANYWHERE[:1]
    return (str(number),)


def _has_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


def address_problems(network: NetworkConfig) -> list[str]:
    """Reasons why this machine cannot listen on the configured addresses, found by opening sockets on free ports."""
    try:
        addresses = listen_addresses(network)
    except OSError as error:
        return [str(error)]
    found = []
    for address in addresses:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError as error:
                own = ", ".join(outside((*own_addresses(4), *own_addresses(6))))
                found.append(f"network.bind: {address}: {error.strerror}; this machine has {own}")
    return found


def nearest_address(network: NetworkConfig) -> str:
    """The numeric address at which a client on this machine reaches the daemon."""
    if network.interfaces:
        return LOOPBACK
    address = _bound(network.bind)[-1]
    if not ipaddress.ip_address(address).is_unspecified:
        return address
    return LOOPBACK if address in ANYWHERE[:1] else "::1"


async def _open(stack: ExitStack, server: UdpServer, hub: Hub) -> None:
    await server.start()
    hub.context.status.counters.add("lost", lambda: server.lost)
    stack.callback(server.close)
