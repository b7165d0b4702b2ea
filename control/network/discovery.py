"""DNS-SD (RFC 6763): announces a daemon as `_osc._udp` and, with OSCQuery, `_oscjson._tcp`; finds other daemons."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from zeroconf import DNSQuestionType, InterfaceChoice, IPVersion, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from stemfield.control.config.host_names import announced_name
from stemfield.control.network.addresses import outside, reachable_addresses

OSC = "_osc._udp.local."
OSCJSON = "_oscjson._tcp.local."

LISTEN_S = 1.5
"""Time to look for others of the same name before announcing; announcements are repeated after a second."""

APPLICATION = "stemfield"
_MAX_LABEL = 58  # of the 63 bytes that DNS allows, to leave room for `-2` and so on
_MAX_SUFFIX = 1000
_TYPE_SRV, _CLASS_IN = 33, 1


def _without_traceback(record: logging.LogRecord) -> bool:
    """Keeps records of zeroconf to one line; most are about interfaces that went down."""
    record.exc_info = None
    return True


logging.getLogger("zeroconf").addFilter(_without_traceback)


class ServiceAnnouncer:
    """Announces the daemon while it runs.

    If another service has the name, also if it appears later, `-2` and so on is appended. Queries ask for multicast
    replies, because several programs of one machine share the port.

    Args:
        name: display name, at most 63 bytes of UTF-8.
        addresses: addresses at which the ports are open. Each is announced on its own interface only, so that a daemon
            that listens on loopback is not announced to the network.
        ports: port of each service type.
        layout: name of the loudspeaker layout.
        objects: number of objects.
    """

    def __init__(
        self, name: str, addresses: Sequence[str], ports: Mapping[str, int], layout: str, objects: int
    ) -> None:
        self._wanted = name.encode()[:_MAX_LABEL].decode(errors="ignore")
        self._addresses = outside(addresses)
        self._ports = ports
        self._layout = layout
        self._objects = objects
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._taken: set[str] = set()
        self._infos: list[ServiceInfo] = []
        self._renaming: asyncio.Task[None] | None = None
        self._server = f"{announced_name(next(iter(ports.values())))}."

    @property
    def name(self) -> str:
        """The announced name."""
        return self._infos[0].get_name() if self._infos else self._wanted

    async def start(self) -> None:
        """Check that the name is free, then announce it.

        Raises:
            OSError: there is no network.
        """
        numbers = [ipaddress.ip_address(address) for address in self._addresses]
        anywhere, versions = any(number.is_unspecified for number in numbers), {number.version for number in numbers}
        ip_version = IPVersion.V4Only if versions == {4} else IPVersion.V6Only
        if 6 in versions and (anywhere or 4 in versions):
            ip_version = IPVersion.All
        interfaces = InterfaceChoice.All if anywhere else self._addresses
        self._zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=ip_version)
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, list(self._ports), handlers=[self._on_change], question_type=DNSQuestionType.QM
        )
        await asyncio.sleep(LISTEN_S)
        await self._register()

    async def update(self, objects: int) -> None:
        """Announce another number of objects, if it changed."""
        if objects == self._objects:
            return
        self._objects = objects
        for index, old in enumerate(self._infos):
            assert self._zeroconf is not None
            self._infos[index] = self._info(old.type, old.get_name())
            await (await self._zeroconf.async_update_service(self._infos[index]))

    async def stop(self) -> None:
        """Withdraw the announcement."""
        if self._renaming is not None:
            self._renaming.cancel()
            await asyncio.wait([self._renaming])
        if self._browser is not None:
            await self._browser.async_cancel()
            self._browser = None
        if self._zeroconf is not None:
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = None
        self._infos = []

    async def _register(self) -> None:
        assert self._zeroconf is not None
        name = self._free_name()
        self._infos = [self._info(service, name) for service in self._ports]
        for info in self._infos:
            # Conflicts were checked above, for all service types together.
            await (await self._zeroconf.async_register_service(info, cooperating_responders=True))

    async def _rename(self) -> None:
        assert self._zeroconf is not None
        lost = self.name
        for info in self._infos:
            await (await self._zeroconf.async_unregister_service(info))
        self._taken.add(lost)  # unregistering has removed it from the set
        await self._register()

    def _free_name(self) -> str:
        names = (self._wanted, *(f"{self._wanted}-{number}" for number in range(2, _MAX_SUFFIX)))
        return next((name for name in names if name not in self._taken), self._wanted)

    def _info(self, service: str, name: str) -> ServiceInfo:
        text = {"txtvers": "1", "app": APPLICATION, "version": version("stemfield")}
        return ServiceInfo(
            service,
            f"{name}.{service}",
            port=self._ports[service],
            properties=text | {"layout": self._layout, "objects": str(self._objects)},
            server=self._server,
            parsed_addresses=outside(reachable_addresses(self._addresses)),
        )

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Keeps the set of taken names, and renames this daemon if another one announces its name."""
        instance = name.removesuffix(f".{service_type}")
        if state_change is ServiceStateChange.Removed:
            self._taken.discard(instance)
            return
        records = zeroconf.cache.get_all_by_details(name, _TYPE_SRV, _CLASS_IN)
        others = {str(getattr(record, "server", "")) for record in records} - {self._server}
        if not others:
            return
        self._taken.add(instance)
        clashes = bool(self._infos) and instance == self.name
        # Of two stemfield daemons the one with the greater host name renames itself; other programs may not do so.
        keeps_name = all(other.startswith(f"{APPLICATION}-") and self._server < other for other in others)
        if clashes and not keeps_name and (self._renaming is None or self._renaming.done()):
            self._renaming = asyncio.get_running_loop().create_task(self._rename())


@dataclass(frozen=True, slots=True)
class FoundDaemon:
    """A daemon on the network."""

    name: str
    host: str
    """Numeric address."""
    port: int
    """UDP port of OSC."""
    http_port: int
    """Port of OSCQuery; 0 without it."""
    layout: str
    objects: int
    version: str


def browse(timeout_s: float = 2.0) -> list[FoundDaemon]:
    """Find the daemons that reply within a time, sorted by name.

    Raises:
        OSError: there is no network.
    """
    return asyncio.run(_browse(timeout_s))


async def _browse(timeout_s: float) -> list[FoundDaemon]:
    names: dict[str, set[str]] = {OSC: set(), OSCJSON: set()}

    def on_change(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG001
        if state_change is ServiceStateChange.Removed:
            names[service_type].discard(name)
        else:
            names[service_type].add(name)

    async with AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only) as network:
        browser = AsyncServiceBrowser(
            network.zeroconf, list(names), handlers=[on_change], question_type=DNSQuestionType.QM
        )
        await asyncio.sleep(timeout_s)
        await browser.async_cancel()
        infos = [AsyncServiceInfo(service, name) for service, found in names.items() for name in sorted(found)]
        requests = (info.async_request(network.zeroconf, 500, DNSQuestionType.QM) for info in infos)
        replied = await asyncio.gather(*requests)
    daemons = [i for i, good in zip(infos, replied, strict=True) if good and _text(i.properties, "app") == APPLICATION]
    http = {info.get_name(): info.port or 0 for info in daemons if info.type == OSCJSON}
    return [_found(info, http.get(info.get_name(), 0)) for info in daemons if info.type == OSC]


def _found(info: ServiceInfo, http_port: int) -> FoundDaemon:
    objects = _text(info.properties, "objects")
    return FoundDaemon(
        name=info.get_name(),
        host=next(iter(info.parsed_addresses()), ""),
        port=info.port or 0,
        http_port=http_port,
        layout=_text(info.properties, "layout"),
        objects=int(objects) if objects.isascii() and objects.isdecimal() and len(objects) < 10 else 0,
        version=_text(info.properties, "version"),
    )


def _text(properties: Mapping[bytes, bytes | None], key: str) -> str:
    return (properties.get(key.encode()) or b"").decode(errors="replace")
