"""The JACK driver: live rendering as a client of jackd2 or PipeWire."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stemfield.renderer.drivers import libjack
from stemfield.renderer.drivers.connections import Connection
from stemfield.renderer.drivers.jack_callback import (
    CAPTURE,
    PLAYBACK,
    CallbackBlock,
    compile_callbacks,
)
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.drivers.libjack import jack
from stemfield.renderer.drivers.port_channels import channels_of_ports
from stemfield.renderer.drivers.wanted_connections import Peer, WantedConnections
from stemfield.renderer.engine.engine import Engine

log = logging.getLogger(__name__)


class JackError(OSError):
    """There is no server, or it refused something."""


class JackDriver:
    """One connection to a server: from `open` to `close` or until the server goes away.

    No Python runs in libjack's threads: events are counted there, and polled.

    Args:
        settings: how to join the server.
        wanted: the wanted connections, which outlive the driver.
    """

    def __init__(self, settings: JackSettings, wanted: WantedConnections | None = None) -> None:
        libjack.say_nothing(but_errors=log.isEnabledFor(logging.DEBUG))
        self.settings = settings
        """Its patterns may change while the driver runs."""
        self._compiled = compile_callbacks()
        self._xruns, self._shutdowns = libjack.Tally(), libjack.Tally()
        self._engine: Engine | None = None
        self._block: CallbackBlock | None = None
        self._latencies_told = 0
        self._ports: dict[str, Any] = {}
        self._wanted_connections = wanted or WantedConnections()
        self._titles: dict[str, str | None] = {}
        self._peers: dict[tuple[str, int], str] = {}
        self.renamed: tuple[tuple[str, str, str], ...] = ()
        """Renamed ports of the last check: short name of the own port, and the other one's name before and after."""
        self._active = self._left = False
        self._turn = threading.Lock()
        self._said: dict[str, Any] = {}
        try:
            self._client = jack.Client(
                settings.client_name, no_start_server=not settings.start_server, servername=settings.server_name
            )
        except jack.JackOpenError as error:
            server = f"server {settings.server_name!r}" if settings.server_name else "the default server"
            message = f"JACK: {server} is not there ({_reason(error.status)})"
            raise JackError(message) from error
        for what in ("name", "samplerate", "blocksize", "realtime"):
            self._ask(what)
        libjack.count_shutdowns(libjack.address(self._client), self._shutdowns)
        libjack.count_xruns(libjack.address(self._client), self._xruns)

    def _ask(self, what: str) -> Any:
        """A value of the client; after it is closed, the last one, because another thread may ask just then."""
        with self._turn:
            if not self._left:
                self._said[what] = getattr(self._client, what)
            return self._said[what]

    @property
    def xruns(self) -> int:
        """Number of xruns that the server reported."""
        return self._xruns.count

    @property
    def client_name(self) -> str:
        """Name given by the server."""
        return str(self._ask("name"))

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the server."""
        return int(self._ask("samplerate"))

    @property
    def period_frames(self) -> int:
        """Present period of the server; it may change while running."""
        return int(self._ask("blocksize"))

    @property
    def realtime(self) -> bool:
        """Whether the server runs with real-time priority."""
        return bool(self._ask("realtime"))

    def start(self, engine: Engine, ports: JackPorts) -> None:
        """Registers the ports and lets the server's thread call the engine.

        Raises:
            JackError: the server refused a port, or to activate.
        """
        with refused():
            inputs = [self._client.inports.register(name) for name in ports.inputs]
            outputs = [self._client.outports.register(name) for name in (*ports.outputs, *ports.monitor)]
            self._ports = {port.shortname: port for port in (*inputs, *outputs)}
            client = libjack.address(self._client)
            self._engine = engine
            self._block = block = CallbackBlock(
                engine.memory.address,
                [libjack.address(port) for port in inputs],
                [libjack.address(port) for port in outputs],
                engine.input_latencies_frames,
                engine.late_frames,
            )
            compiled, library = self._compiled, libjack.library
            if library.jack_set_process_callback(client, compiled.process.address, block.address) != 0:
                raise JackError("JACK: the server refused the process callback")
            # PipeWire 0.3.65 deadlocks when a callback sets latencies while the period changes.
            reported = compiled.latency_asked if libjack.IS_PIPEWIRE else compiled.latency
            library.jack_set_latency_callback(client, reported.address, block.address)
            library.jack_set_freewheel_callback(client, compiled.freewheel.address, block.address)
            library.jack_set_port_registration_callback(client, compiled.registered.address, block.address)
            library.jack_set_port_connect_callback(client, compiled.connected.address, block.address)
            library.jack_set_port_rename_callback(client, compiled.renamed.address, block.address)
            self._active = True
            self._client.activate()
            library.jack_recompute_total_latencies(client)

    def tell_latencies(self) -> None:
        """Reports latencies to PipeWire if it has asked since the last call; jackd gets them when it asks."""
        block = self._block
        if block is None or (asked := block.latencies_asked) == self._latencies_told:
            return
        self._latencies_told = asked
        for mode in (CAPTURE, PLAYBACK):
            self._compiled.latency.ctypes(mode, block.address)

    def wanted_connections(self, ports: JackPorts) -> set[Connection]:
        """The connections that the settings ask for, given the ports that exist now."""
        with refused():
            sources, sinks = self._known(self._others(is_output=True)), self._known(self._others(is_input=True))
        return self._wanted_connections.connections(self.settings, ports, sources, sinks)

    def _others(self, **kind: bool) -> list[Any]:
        """Audio ports of other clients in the server's order."""
        own = f"{self.client_name}:"
        with refused():
            ports = self._client.get_ports(is_audio=True, **kind)
        return [port for port in ports if not port.name.startswith(own)]

    def _known(self, ports: list[Any]) -> list[Peer]:
        channels = channels_of_ports(ports, self._titles)
        return [Peer(port.name, tuple(port.aliases), channel) for port, channel in zip(ports, channels, strict=True)]

    def connections(self) -> set[Connection]:
        """Present connections of own ports; `renamed` has those of the ports that were renamed."""
        with refused():
            peers = {
                (short, peer.uuid): peer.name
                for short, port in self._ports.items()
                for peer in self._client.get_all_connections(port)
            }
        before, self._peers = self._peers, peers
        self.renamed = tuple(
            (short, before[short, uuid], name)
            for (short, uuid), name in peers.items()
            if before.get((short, uuid), name) != name
        )
        self._wanted_connections.rename({old: new for _, old, new in self.renamed})
        return {(short, name) for (short, _), name in peers.items()}

    def sources(self) -> tuple[str, ...]:
        """Output ports of other clients: programs first, then hardware."""
        return tuple(port.name for port in sorted(self._others(is_output=True), key=lambda port: port.is_physical))

    def sinks(self) -> tuple[str, ...]:
        """Input ports of other clients: hardware first, then programs."""
        return tuple(port.name for port in sorted(self._others(is_input=True), key=lambda port: not port.is_physical))

    def capture_latency_frames(self, inputs: Sequence[str]) -> int:
        """Maximum capture latency of own inputs, by short name."""
        return max((libjack.capture_latency_frames(libjack.address(self._ports[name])) for name in inputs), default=0)

    def is_free(self, client_name: str) -> bool:
        """Whether no client of the server has this name."""
        try:
            self._client.get_uuid_for_client_name(client_name)
        except jack.JackError:
            return True
        return False

    def exists(self, peer: str) -> bool:
        """Whether a port of this full name exists."""
        with refused():
            return bool(self._client.get_ports(f"^{re.escape(peer)}$"))

    def connect(self, connection: Connection) -> bool:
        """Makes a connection; False if the server refuses it."""
        short, peer = connection
        try:
            self._client.connect(*self._ends(connection))
            # it may be renamed before the next check
            self._peers[short, self._client.get_port_by_name(peer).uuid] = peer
        except (jack.JackError, KeyError):
            return False
        return True

    def disconnect(self, connection: Connection) -> bool:
        """Removes a connection; False if it no longer existed."""
        try:
            self._client.disconnect(*self._ends(connection))
        except (jack.JackError, KeyError):
            return False
        return True

    def _ends(self, connection: Connection) -> tuple[Any, Any]:
        """Its source and its sink; raises KeyError without such an own port."""
        short, peer = connection
        own = self._ports[short]
        return (own, peer) if own.is_output else (peer, own)

    @property
    def lost(self) -> bool:
        """Whether the server has gone."""
        return self._shutdowns.count > 0

    @property
    def freewheeling(self) -> bool:
        """Whether the server is in freewheel, as for an export; the engine waits for its stems."""
        return self._block is not None and self._block.freewheeling

    @property
    def changes(self) -> int:
        """Number of changes of ports, connections and latencies on the server so far."""
        return self._block.changes if self._block is not None else 0

    def close(self) -> None:
        """Leaves the server. Safe after the server went away."""
        with self._turn:
            self._left = True
        if self._active and not self.lost:
            self._client.deactivate(ignore_errors=True)
        self._active = False
        self._client.close()
        self._engine = self._block = None


@contextmanager
def refused() -> Iterator[None]:
    """Turns refusals of the server into `JackError`."""
    try:
        yield
    except jack.JackError as error:
        raise JackError(f"JACK: {error}") from error


def _reason(status: Any) -> str:
    flags = [name for name in ("server_failed", "server_error", "shm_failure", "version_error", "no_such_client",
                               "init_failure", "backend_error") if getattr(status, name, False)]  # fmt: skip
    return ", ".join(flag.replace("_", " ") for flag in flags) or "no reason given"
