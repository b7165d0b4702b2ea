"""DNS-SD: tell the network that we are here, and find others (`_osc._udp`, RFC 6763)."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import ifaddr
from zeroconf import (
    InterfaceChoice,
    IPVersion,
    ServiceBrowser,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf.asyncio import AsyncZeroconf

SERVICE = "_osc._udp.local."
_APPLICATION = "stemfield"
_MAX_LABEL = 58  # of the 63 bytes that DNS allows; the rest is for `-2` and so on


@dataclass(frozen=True, slots=True)
class Found:
    """A daemon on the network."""

    name: str
    host: str
    """Numeric address."""
    port: int
    layout: str
    objects: int
    version: str


class Advert:
    """Our entry in the network's directory while the daemon runs.

    Args:
        name: what people see, at most 63 bytes of UTF-8; where another service has it, `-2` and so on is added.
        bind: the address that the OSC port is bound to. One of this machine's own is announced on its interface
            alone, so that a daemon that hears only loopback is not announced to the network.
        port: the OSC port.
        layout: name of the loudspeaker layout.
        objects: how many there are.
        version: of stemfield.
    """

    def __init__(self, name: str, bind: str, port: int, *, layout: str, objects: int, version: str) -> None:
        self._name = name.encode()[:_MAX_LABEL].decode(errors="ignore")
        self._bind = bind
        self._port = port
        self._properties = {
            "txtvers": "1",
            "app": _APPLICATION,
            "version": version,
            "layout": layout,
            "objects": str(objects),
        }
        self._zeroconf: AsyncZeroconf | None = None
        self._info: ServiceInfo | None = None

    @property
    def name(self) -> str:
        """The name as it was announced."""
        return self._info.get_name() if self._info else self._name

    async def start(self) -> None:
        """Announce it; takes about a second, in which the network is asked whether the name is free.

        Raises:
            OSError: there is no network to announce it on.
        """
        anywhere = ipaddress.ip_address(self._bind).is_unspecified
        self._info = ServiceInfo(
            SERVICE,
            f"{self._name}.{SERVICE}",
            port=self._port,
            properties=self._properties,
            server=f"{_APPLICATION}-{socket.gethostname().partition('.')[0]}-{self._port}.local.",
            parsed_addresses=_own_addresses() if anywhere else [self._bind],
        )
        self._zeroconf = AsyncZeroconf(
            interfaces=InterfaceChoice.All if anywhere else [self._bind], ip_version=_version(self._bind)
        )
        await (await self._zeroconf.async_register_service(self._info, allow_name_change=True))

    async def stop(self) -> None:
        """Withdraw it."""
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = None


def browse(timeout_s: float = 2.0) -> list[Found]:
    """The daemons that answer within a time, sorted by name.

    Args:
        timeout_s: how long to listen.

    Raises:
        OSError: there is no network to listen on.
    """
    names: set[str] = set()

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG001
        if state_change is ServiceStateChange.Removed:
            names.discard(name)
        else:
            names.add(name)

    with Zeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only) as zeroconf:
        browser = ServiceBrowser(zeroconf, SERVICE, handlers=[changed])
        time.sleep(timeout_s)
        browser.cancel()
        infos = [zeroconf.get_service_info(SERVICE, name, timeout=500) for name in sorted(names)]
    return [_found(info) for info in infos if info and _text(info.properties, "app") == _APPLICATION]


def _found(info: ServiceInfo) -> Found:
    objects = _text(info.properties, "objects")
    return Found(
        name=info.get_name(),
        host=next(iter(info.parsed_addresses()), ""),
        port=info.port or 0,
        layout=_text(info.properties, "layout"),
        objects=int(objects) if objects.isdecimal() and len(objects) < 10 else 0,
        version=_text(info.properties, "version"),
    )


def _text(properties: Mapping[bytes, bytes | None], key: str) -> str:
    return (properties.get(key.encode()) or b"").decode(errors="replace")


def _own_addresses() -> list[str]:
    """This machine's IPv4 addresses, those that others can reach where there are any."""
    every = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [a for a in every if not ipaddress.ip_address(a).is_loopback] or every


def _version(bind: str) -> IPVersion:
    address = ipaddress.ip_address(bind)
    if address.version == 4:
        return IPVersion.V4Only
    return IPVersion.All if address.is_unspecified else IPVersion.V6Only
