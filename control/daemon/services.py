"""The network services of the daemon: ports, HTTP, mirrors, the peer that separates, and discovery."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial

from zeroconf import Error as ZeroconfError

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.config.configuration import Config
from stemfield.control.config.host_names import machine_name
from stemfield.control.config.network import MirrorConfig, delay_of
from stemfield.control.dialects.registry import BY_NAME
from stemfield.control.http.page_facts import room_facts
from stemfield.control.http.server import HttpServer
from stemfield.control.http.session import Doors
from stemfield.control.hub.hub import Hub
from stemfield.control.network.addresses import own_addresses, reachable_addresses
from stemfield.control.network.admission import Admission
from stemfield.control.network.discovery import OSC, OSCJSON, ServiceAnnouncer
from stemfield.control.network.listeners import listen_addresses, open_listeners
from stemfield.control.network.mirror import Mirror, Upstream
from stemfield.control.network.scheduler import FairScheduler
from stemfield.layouts.model import Layout

ANNOUNCE_S = 2.0
"""Period of updating the announcement."""

log = logging.getLogger(__name__)


class NetworkServices:
    """The services that can be reconfigured while the daemon runs."""

    def __init__(self, config: Config, admission: Admission, hub: Hub) -> None:
        self._config = config
        self._admission = admission
        self._hub = hub
        self._mirrors: list[Mirror] = []
        self._unsent = 0
        hub.context.status.counters.add("unsent", lambda: self._unsent + sum(mirror.unsent for mirror in self._mirrors))
        self.server: HttpServer | None = None
        """The HTTP server, if enabled."""
        self.upstream: Upstream | None = None
        """Connection to the machine that separates, if that is another one."""
        self.access: list[str] = []
        """Addresses of the daemon for the user, in lines."""

    def mirror(self, configs: Sequence[MirrorConfig]) -> None:
        """Start these mirrors, in place of the current ones."""
        self.close()
        hub = self._hub
        for config in configs:
            dialect = BY_NAME[config.dialect]
            to = config.host, config.port or dialect.mirror_port
            ahead_s = delay_of(configs) if config.ahead_ms else 0.0
            mirror = Mirror(dialect, to, config.rate_hz, lambda: hub.scene, ahead_s, lambda: hub.published_s)
            try:
                mirror.start()
            except OSError as error:
                log.warning("mirror %s:%d: %s", *to, error.strerror)
                continue
            hub.listen(mirror.changed)
            self._mirrors.append(mirror)
            log.info("the scene is mirrored to %s:%d (%s)", *to, config.dialect)

    async def reconfigure(self, config: Config) -> None:
        """Apply changes of rights, limits, token, names and mirrors."""
        network, before = config.network, self._config
        if config.mirror != before.mirror:
            self.mirror(config.mirror)
        if network != before.network:
            self._admission.reconfigure(network.allow, network.max_messages_per_s, network.read_only)
            if self.server is not None:
                await self.server.reconfigure(network.token, network.names)
        self._config = config

    def close(self) -> None:
        """Stop all mirrors."""
        for mirror in self._mirrors:
            self._hub.ignore(mirror.changed)
            mirror.close()
            self._unsent += mirror.unsent
        self._mirrors.clear()


async def open_network(
    stack: AsyncExitStack, config: Config, hub: Hub, layout: Layout, headphones: HeadphoneStream
) -> NetworkServices:
    """Open the ports, start the mirrors and announce the daemon, until the stack closes.

    Raises:
        OSError: the OSC port or an interface cannot be used.
    """
    network = config.network
    addresses = listen_addresses(network)
    admission = Admission(network.allow, network.max_messages_per_s, network.read_only)
    admission.report(hub.context.status.counters)
    admission.on_refused = hub.packets.dropped
    scheduler = FairScheduler(lambda peer, packet: admission.refuse("overdue", str(peer), packet))
    stack.callback(scheduler.close)
    listeners = stack.enter_context(ExitStack())
    await open_listeners(listeners, config, addresses, admission, hub, scheduler)
    services = NetworkServices(config, admission, hub)
    stack.callback(services.close)
    services.mirror(config.mirror)
    services.upstream = _upstream(stack, config, hub)
    name = config.discovery.name or f"stemfield on {machine_name()}"
    host = reachable_addresses(addresses)[0]
    services.access = [f"OSC to {host} port {config.osc.port} (UDP)"]
    ports = {OSC: config.osc.port}
    if config.http.enabled:
        server = HttpServer(
            addresses,
            config.http.port,
            Doors(hub, admission, scheduler),
            headphones=headphones,
            name=name,
            osc_port=config.osc.port,
            room=room_facts(layout),
            token=network.token,
            names=network.names,
        )
        try:
            await server.start()
        except OSError as error:
            log.warning("%s", error.strerror)
        else:
            stack.push_async_callback(server.close)
            services.server = server
            in_url = f"[{host}]" if ":" in host else host
            services.access.append(f"http://{in_url}:{config.http.port}/ in a browser (and OSCQuery)")
            ports[OSCJSON] = config.http.port
    if config.discovery.enabled:
        announcer = ServiceAnnouncer(name, addresses, ports, layout.name, len(hub.scene.objects))
        _announce(stack, announcer, hub)
    return services


def _upstream(stack: AsyncExitStack, config: Config, hub: Hub) -> Upstream | None:
    """Starts the connection to the machine that separates, if that is another one."""
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


def _announce(stack: AsyncExitStack, announcer: ServiceAnnouncer, hub: Hub) -> None:
    """Announces the daemon in the background; a network without multicast only costs a warning."""

    async def announce() -> None:
        logged = ""
        while True:
            try:
                await announcer.start()
                logged, announced = "", (own_addresses(4), own_addresses(6))
                while announced == (own_addresses(4), own_addresses(6)):
                    await asyncio.sleep(ANNOUNCE_S)
                    await announcer.update(len(hub.scene.objects))
                # The addresses changed, and multicast groups joined on a removed interface are lost: start again.
            except (OSError, ZeroconfError) as error:
                if str(error) != logged:
                    logged = str(error)
                    log.warning("not announced on the network: %s", error)
                await asyncio.sleep(ANNOUNCE_S)
            await announcer.stop()

    task = asyncio.get_running_loop().create_task(announce())

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])
        await announcer.stop()

    stack.push_async_callback(stop)
