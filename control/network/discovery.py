"""DNS-SD: tell the network that we are here (RFC 6763): `_osc._udp`, and `_oscjson._tcp` where OSCQuery is served."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zeroconf import DNSQuestionType, InterfaceChoice, IPVersion, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from stemfield.control.config.host_names import announced_name
from stemfield.control.network.addresses import outside, reachable_addresses

OSC = "_osc._udp.local."
OSCJSON = "_oscjson._tcp.local."

LISTEN_S = 1.5
"""So long the network is listened to before a name is taken: what was said just now is said again after a second."""

APPLICATION = "stemfield"
_MAX_LABEL = 58  # of the 63 bytes that DNS allows; the rest is for `-2` and so on
_MAX_SAME = 1000
_TYPE_SRV, _CLASS_IN = 33, 1


def _in_one_line(record: logging.LogRecord) -> bool:
    """An interface that is gone is no fault whose place in the code anybody needs."""
    record.exc_info = None
    return True


logging.getLogger("zeroconf").addFilter(_in_one_line)


@dataclass(frozen=True, slots=True)
class DaemonInfo:
    """What is told of a daemon."""

    layout: str
    objects: int
    version: str

    @property
    def text(self) -> dict[str, str]:
        """As keys of the TXT record."""
        return {
            "txtvers": "1",
            "app": APPLICATION,
            "version": self.version,
            "layout": self.layout,
            "objects": str(self.objects),
        }


class ServiceAnnouncer:
    """Our entries in the network's directory while the daemon runs.

    A name that somebody else has is left to them: we take `-2` and so on, also where the other one appears later.
    Questions are asked so that all hear the answers, because several programs of one machine share the port.

    Args:
        name: what people see, at most 63 bytes of UTF-8.
        addresses: at which the ports are open. Those of this machine's interfaces are announced there alone, so that a
            daemon that hears only loopback is not announced to the network.
        ports: of each service type.
        presence: what is told.
    """

    def __init__(self, name: str, addresses: Sequence[str], ports: Mapping[str, int], presence: DaemonInfo) -> None:
        self._wanted = name.encode()[:_MAX_LABEL].decode(errors="ignore")
        self._addresses = outside(addresses)
        self._ports = ports
        self._presence = presence
        self._zeroconf: AsyncZeroconf | None = None
        self._browser: AsyncServiceBrowser | None = None
        self._taken: set[str] = set()
        self._infos: list[ServiceInfo] = []
        self._renaming: asyncio.Task[None] | None = None
        self._server = f"{announced_name(next(iter(ports.values())))}."

    @property
    def name(self) -> str:
        """The name as it was announced."""
        return self._infos[0].get_name() if self._infos else self._wanted

    async def start(self) -> None:
        """Announce it, after having listened for a moment to whether the name is free.

        Raises:
            OSError: there is no network to announce it on.
        """
        anywhere = any(ipaddress.ip_address(address).is_unspecified for address in self._addresses)
        self._zeroconf = AsyncZeroconf(
            interfaces=InterfaceChoice.All if anywhere else self._addresses, ip_version=_version(self._addresses)
        )
        self._browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf, list(self._ports), handlers=[self._heard], question_type=DNSQuestionType.QM
        )
        await asyncio.sleep(LISTEN_S)
        await self._register()

    async def update(self, presence: DaemonInfo) -> None:
        """Tell of something new."""
        if presence == self._presence:
            return
        self._presence = presence
        for index, info in enumerate(self._infos):
            assert self._zeroconf is not None
            self._infos[index] = self._info(info.type, info.get_name())
            await (await self._zeroconf.async_update_service(self._infos[index]))

    async def stop(self) -> None:
        """Withdraw it."""
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
            # We have looked ourselves, also for the other services of the same name.
            await (await self._zeroconf.async_register_service(info, cooperating_responders=True))

    async def _rename(self) -> None:
        assert self._zeroconf is not None
        lost = self.name
        for info in self._infos:
            await (await self._zeroconf.async_unregister_service(info))
        self._taken.add(lost)  # our own withdrawal sounds like theirs
        await self._register()

    def _free_name(self) -> str:
        names = (self._wanted, *(f"{self._wanted}-{number}" for number in range(2, _MAX_SAME)))
        return next((name for name in names if name not in self._taken), self._wanted)

    def _info(self, service: str, name: str) -> ServiceInfo:
        return ServiceInfo(
            service,
            f"{name}.{service}",
            port=self._ports[service],
            properties=self._presence.text,
            server=self._server,
            parsed_addresses=outside(reachable_addresses(self._addresses)),
        )

    def _heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Somebody came, changed or went; whoever has our name and is not us makes us give way."""
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
        # Of two of us one gives way; nobody else does.
        ours_stays = all(other.startswith(f"{APPLICATION}-") and self._server < other for other in others)
        if clashes and not ours_stays and (self._renaming is None or self._renaming.done()):
            self._renaming = asyncio.get_running_loop().create_task(self._rename())


@dataclass(frozen=True, slots=True)
class Found:
    """A daemon on the network."""

    name: str
    host: str
    """Numeric address."""
    port: int
    """Of OSC."""
    http_port: int
    """Of OSCQuery; 0 where it is not served."""
    layout: str
    objects: int
    version: str


def browse(timeout_s: float = 2.0) -> list[Found]:
    """The daemons that answer within a time, sorted by name.

    Args:
        timeout_s: how long to listen.

    Raises:
        OSError: there is no network to listen on.
    """
    return asyncio.run(_browse(timeout_s))


async def _browse(timeout_s: float) -> list[Found]:
    names: dict[str, set[str]] = {OSC: set(), OSCJSON: set()}

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG001
        if state_change is ServiceStateChange.Removed:
            names[service_type].discard(name)
        else:
            names[service_type].add(name)

    async with AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only) as network:
        browser = AsyncServiceBrowser(network.zeroconf, list(names), handlers=[heard], question_type=DNSQuestionType.QM)
        await asyncio.sleep(timeout_s)
        await browser.async_cancel()
        infos = [AsyncServiceInfo(service, name) for service, found in names.items() for name in sorted(found)]
        asked = (info.async_request(network.zeroconf, 500, DNSQuestionType.QM) for info in infos)
        answered = await asyncio.gather(*asked)
    ours = [i for i, good in zip(infos, answered, strict=True) if good and _text(i.properties, "app") == APPLICATION]
    http = {info.get_name(): info.port or 0 for info in ours if info.type == OSCJSON}
    return [_found(info, http.get(info.get_name(), 0)) for info in ours if info.type == OSC]


def _found(info: ServiceInfo, http_port: int) -> Found:
    objects = _text(info.properties, "objects")
    return Found(
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


def _version(addresses: Sequence[str]) -> IPVersion:
    versions = {ipaddress.ip_address(address).version for address in addresses}
    if versions == {4}:
        return IPVersion.V4Only
    anywhere = any(ipaddress.ip_address(address).is_unspecified for address in addresses)
    return IPVersion.All if anywhere or len(versions) > 1 else IPVersion.V6Only
