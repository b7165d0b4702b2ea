"""Everything by which the daemon can be reached, and reaches others: ports, mirrors, the network's directory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from importlib.metadata import version

from zeroconf import Error as ZeroconfError

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.config.configuration import Config
from stemfield.control.config.host_names import machine_name
from stemfield.control.config.network import MirrorConfig, delay_of
from stemfield.control.http.page_facts import room_facts
from stemfield.control.http.server import HttpServer
from stemfield.control.hub.hub import Hub
from stemfield.control.network.addresses import own_addresses, reachable_addresses
from stemfield.control.network.admission import Admission
from stemfield.control.network.discovery import OSC, OSCJSON, DaemonInfo, ServiceAnnouncer
from stemfield.control.network.listeners import listen_addresses, open_listeners
from stemfield.control.network.mirror import DEFAULT_PORTS, Mirror
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.upstream import Upstream
from stemfield.layouts.model import Layout

ANNOUNCE_S = 2.0
"""So soon the network hears of another number of objects."""

log = logging.getLogger(__name__)


class NetworkServices:
    """What was opened, as far as it may change while the daemon runs.

    Args:
        config: with which it was opened.
        admission: of all doors.
        hub: whose scene is mirrored.
    """

    def __init__(self, config: Config, admission: Admission, hub: Hub) -> None:
        self._config = config
        self._admission = admission
        self._hub = hub
        self._mirrors: list[Mirror] = []
        self._unsent = 0
        hub.context.status.counters.add("unsent", lambda: self._unsent + sum(mirror.unsent for mirror in self._mirrors))
        self.server: HttpServer | None = None
        """Where the panner page and OSCQuery are served."""
        self.upstream: Upstream | None = None
        """The machine that separates, where that is another one."""
        self.places: Sequence[str] = ()
        """Where a person finds it, in lines."""

    def mirror(self, wanted: Sequence[MirrorConfig]) -> None:
        """Tell these other renderers, and no others."""
        self.close()
        ahead_s = delay_of(wanted)
        for one in wanted:
            self._mirror(one, ahead_s if one.ahead_ms else 0.0)

    def _mirror(self, wanted: MirrorConfig, ahead_s: float) -> None:
        hub, to = self._hub, (wanted.host, wanted.port or DEFAULT_PORTS[wanted.dialect])
        mirror = Mirror(wanted.dialect, to, wanted.rate_hz, lambda: hub.scene, ahead_s, lambda: hub.told_s)
        try:
            mirror.start()
        except OSError as error:
            log.warning("mirror %s:%d: %s", *to, error.strerror)
            return
        hub.listen(mirror.changed)
        self._mirrors.append(mirror)
        log.info("the scene is mirrored to %s:%d (%s)", *to, wanted.dialect)

    async def reconfigure(self, config: Config) -> None:
        """Take what has changed of who may come in, and of the mirrors."""
        network, before = config.network, self._config
        if config.mirror != before.mirror:
            self.mirror(config.mirror)
        if network != before.network:
            self._admission.renew(network.allow, network.max_messages_per_s, network.read_only)
            if self.server is not None:
                await self.server.renew(network.token, network.names)
        self._config = config

    def close(self) -> None:
        """Mirror no more."""
        for mirror in self._mirrors:
            self._hub.ignore(mirror.changed)
            mirror.close()
            self._unsent += mirror.unsent
        self._mirrors.clear()


async def open_network(
    stack: AsyncExitStack, config: Config, hub: Hub, layout: Layout, headphones: HeadphoneStream
) -> NetworkServices:
    """Open the ports, begin to mirror, announce all of it; until the stack closes.

    Raises:
        OSError: the OSC port or an interface cannot be used.
    """
    network = config.network
    addresses = listen_addresses(config.network)
    admission = Admission(network.allow, network.max_messages_per_s, network.read_only)
    admission.report(hub.context.status.counters)
    admission.on_refused = hub.packets.dropped
    scheduler = FairScheduler(lambda peer, packet: admission.refuse("overdue", str(peer), packet))
    stack.callback(scheduler.close)
    doors = stack.enter_context(ExitStack())
    await open_listeners(doors, config, addresses, admission, hub, scheduler)
    services = NetworkServices(config, admission, hub)
    stack.callback(services.close)
    services.mirror(config.mirror)
    services.upstream = _upstream(stack, config, hub)
    services.server = await _serve(stack, config, addresses, admission, scheduler, hub, layout, headphones)
    await _advertise(stack, config, hub, layout.name, addresses, served=services.server is not None)
    host = reachable_addresses(addresses)[0]
    web = [f"http://{_in_url(host)}:{config.http.port}/ in a browser (and OSCQuery)"] if services.server else []
    services.places = [f"OSC to {host} port {config.osc.port} (UDP)", *web]
    return services


async def _serve(
    stack: AsyncExitStack,
    config: Config,
    addresses: Sequence[str],
    admission: Admission,
    scheduler: FairScheduler,
    hub: Hub,
    layout: Layout,
    headphones: HeadphoneStream,
) -> HttpServer | None:
    """Serves the panner page and OSCQuery, if that is wanted and can be."""
    if not config.http.enabled:
        return None
    server = HttpServer(
        addresses,
        config.http.port,
        admission,
        hub,
        scheduler,
        headphones=headphones,
        name=config.discovery.name or default_name(),
        osc_port=config.osc.port,
        token=config.network.token,
        names=config.network.names,
        room=room_facts(layout),
    )
    try:
        await server.start()
    except OSError as error:
        log.warning("%s", error.strerror)
        return None
    stack.push_async_callback(server.close)
    return server


def _upstream(stack: AsyncExitStack, config: Config, hub: Hub) -> Upstream | None:
    """Tells the machine that separates what the scene asks of it, if this one does not."""
    if config.role != "renderer" or config.peer.host is None:
        return None
    upstream = Upstream((config.peer.host, config.peer.port), lambda: hub.scene)
    try:
        upstream.start()
    except OSError as error:
        log.warning("peer %s:%d: %s", config.peer.host, config.peer.port, error.strerror)
        upstream.close()
        return None
    hub.listen(upstream.changed)
    hub.context.status.counters.add("unsent", partial(getattr, upstream, "unsent"))
    stack.callback(upstream.close)
    stack.callback(hub.ignore, upstream.changed)
    return upstream


async def _advertise(
    stack: AsyncExitStack, config: Config, hub: Hub, layout_name: str, addresses: Sequence[str], *, served: bool
) -> None:
    """Announces us, and what changes; a network without multicast is no reason not to play."""
    if not config.discovery.enabled:
        return
    ports = {OSC: config.osc.port} | ({OSCJSON: config.http.port} if served else {})

    def presence() -> DaemonInfo:
        return DaemonInfo(layout_name, len(hub.scene.objects), version("stemfield"))

    advert = ServiceAnnouncer(config.discovery.name or default_name(), addresses, ports, presence())

    async def announce() -> None:
        told = ""
        while True:
            try:
                await advert.start()
                told, there = "", (own_addresses(4), own_addresses(6))
                while there == (own_addresses(4), own_addresses(6)):
                    await asyncio.sleep(ANNOUNCE_S)
                    await advert.update(presence())
                # an interface went or came: what was joined there is lost with it
            except (OSError, ZeroconfError) as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("not announced on the network: %s", error)
                await asyncio.sleep(ANNOUNCE_S)
            await advert.stop()

    task = asyncio.get_running_loop().create_task(announce())

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])
        await advert.stop()

    stack.push_async_callback(stop)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def default_name() -> str:
    """What the network sees when nothing is configured."""
    return f"stemfield on {machine_name()}"
