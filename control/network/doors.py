"""All UDP ports that the daemon listens at, each with the codec of its dialect."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from stemfield.control.arguments import did_you_mean, shown
from stemfield.control.codecs import listener, s3a
from stemfield.control.config import Config
from stemfield.control.hub import Hub
from stemfield.control.network.addresses import interfaces
from stemfield.control.network.admission import Admission
from stemfield.control.network.turns import Turns
from stemfield.control.network.udp import UdpServer
from stemfield.control.network_config import NetworkConfig

LOOPBACK = "127.0.0.1"

log = logging.getLogger(__name__)


async def open_doors(
    stack: ExitStack, config: Config, addresses: Sequence[str], admission: Admission, hub: Hub, turns: Turns
) -> None:
    """Open every configured UDP port at every address, until the stack closes.

    The OSC port is needed. One of another dialect that cannot be opened is reported and done without.

    Raises:
        PortTakenError, OSError: the OSC port cannot be opened.
    """
    for address in addresses:
        await _open(stack, UdpServer(address, config.osc.port, admission, hub.work, turns), hub)
    scene, listening = partial(hub.work, decode=s3a.decode), partial(hub.work, decode=listener.decode)
    for wanted, port, setting, work, dialect in (
        (config.spatgris.enabled, config.spatgris.port, "spatgris.port", hub.work, ""),
        (config.s3a.enabled, config.s3a.port, "s3a.port", scene, "s3a"),
        (config.s3a.enabled, config.s3a.listener_port, "s3a.listener_port", listening, "s3a"),
    ):
        for address in addresses if wanted else ():
            try:
                await _open(stack, UdpServer(address, port, admission, work, turns, setting, dialect), hub)
            except OSError as error:
                log.warning("%s", error.strerror)


def listen_addresses(network: NetworkConfig) -> tuple[str, ...]:
    """The numeric addresses to listen at.

    Raises:
        OSError: a named interface is not there, or has no address.
    """
    if not network.interfaces:
        return (network.bind,)
    there = interfaces()
    found = [LOOPBACK]
    for name in network.interfaces:
        if name not in there:
            hint = did_you_mean(name, there) or f": there are {', '.join(there)}"
            raise OSError(f"network.interfaces: no interface {shown(name)}{hint}")
        if not there[name]:
            raise OSError(f"network.interfaces: {name} has no IPv4 address")
        found += there[name]
    return tuple(dict.fromkeys(found))


def nearest_address(network: NetworkConfig) -> str:
    """The numeric address at which this machine itself reaches a daemon that listens there."""
    if network.interfaces:
        return LOOPBACK
    address = ipaddress.ip_address(network.bind)
    if address.is_unspecified:
        return LOOPBACK if address.version == 4 else "::1"
    return network.bind


async def _open(stack: ExitStack, server: UdpServer, hub: Hub) -> None:
    await server.start()
    hub.venue.status.count("lost", lambda: server.lost)
    stack.callback(server.close)
