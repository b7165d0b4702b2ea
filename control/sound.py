"""The sounding part of the daemon: joins a driver, an engine, a worker and a player, and mends what breaks.

The engine outlives its driver: when the JACK server goes away and comes back at the same rate, gains, stems and worker
are still there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from stemfield.control.config import Config
from stemfield.control.player import Player
from stemfield.control.room import Room
from stemfield.control.supervisor import Supervisor
from stemfield.layouts import Layout
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.drivers.connections import ConnectionKeeper
from stemfield.renderer.engine import Engine, fade_frames
from stemfield.renderer.memory import TIMES
from stemfield.renderer.panning import Panner
from stemfield.renderer.scene import STEMS, Scene
from stemfield.separation.card_schema import ModelCard
from stemfield.separation.latency import latency_frames
from stemfield.separation.process import WorkerProcess

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackDriver, JackPorts

    Driver = JackDriver | ClockDriver

RETRY_S = 0.5
WITHOUT_MODEL_S = 0.025
"""The latency that is kept free for a model while there is none."""

log = logging.getLogger(__name__)


class Sound:
    """Plays the scene from `start` to `close`; `look_after` mends it meanwhile.

    Args:
        config: of the daemon.
        layout: of the loudspeakers.
        card: the model to begin with; None plays the mixture.
        player: music to play beside the inputs.
        on_status: told in a few words what is sounding, whenever that changes.
    """

    def __init__(
        self,
        config: Config,
        layout: Layout,
        card: ModelCard | None,
        player: Player | None,
        on_status: Callable[[str], None],
    ) -> None:
        self._config = config
        self._layout = layout
        self._panner = Panner(layout)
        self._card = card
        self._player = player
        self._on_status = on_status
        self._direct = direct_ports(config)
        self._scene: Scene | None = None
        self._keeper = ConnectionKeeper()
        self._lost = threading.Event()
        self._ports: JackPorts | None = None
        self.driver: Driver | None = None
        """What calls the engine now; None while a server is awaited."""
        self.supervisor: Supervisor | None = None
        """The worker's keeper, while there is an engine and a model."""
        self.room: Room | None = None

    def apply(self, scene: Scene, fade_s: float = 0.0) -> None:
        """Puts a scene in force, now and on every engine to come."""
        self._scene = scene
        if self.room is not None:
            self.room.apply(scene, fade_s)

    def use_model(self, card: ModelCard) -> str:
        """Switches the model; the mixture plays until the new worker is ready.

        Returns:
            Why not, or nothing.
        """
        if self.room is not None:
            engine = self.room.engine
            needed = latency_frames(card, engine.sample_rate_hz) + fade_frames(engine.sample_rate_hz)
            if needed > engine.latency_frames:
                return (
                    f"model {card.name} needs {needed} frames and the daemon runs with {engine.latency_frames}: "
                    "make it the configured model, or enlarge separation.margin_ms, and start anew"
                )
        self._card = card
        if self.room is not None:
            self._watch_worker(self.room.engine)
        return ""

    async def start(self) -> None:
        """Joins a driver; where a JACK server is to be awaited, returns when it is there.

        Raises:
            OSError: the server refused us, or there is no libjack.
        """
        driver = await asyncio.to_thread(self._open)
        if driver is None:
            self._on_status("waiting for a JACK server")
        while driver is None:
            await asyncio.sleep(RETRY_S)
            driver = await asyncio.to_thread(self._open)
        engine = self._engine_for(driver.sample_rate_hz)
        await asyncio.to_thread(self._start_driver, driver, engine)
        self.driver = driver
        self._on_status(self.describe())

    def describe(self) -> str:
        """What is sounding, in a few words."""
        driver = self.driver
        if driver is None or self.room is None:
            return "waiting for a JACK server"
        rate_hz, latency = driver.sample_rate_hz, self.room.engine.latency_frames
        delay = f"latency {latency} frames = {1e3 * latency / rate_hz:.1f} ms"
        timing = f"{rate_hz} Hz, period {driver.period_frames} frames, {delay}"
        if isinstance(driver, ClockDriver):
            return f"the computer's clock: nothing is heard without a JACK server ({timing})"
        return f"JACK as {driver.client_name} ({timing})"

    def summary(self) -> str:
        """What happened since the engine began, in one line."""
        room, driver = self.room, self.driver
        if room is None:
            return "nothing was played"
        engine = room.engine
        counters, times_s = engine.counters(), engine.call_times_s(TIMES)
        rate_hz = engine.sample_rate_hz
        parts = [f"{counters.position_frames / rate_hz:.1f} s played"]
        if len(times_s):
            p50, p99, p999 = 1e6 * np.percentile(times_s, (50, 99, 99.9))
            parts.append(f"blocks took {p50:.0f} / {p99:.0f} / {p999:.0f} us (p50 / p99 / p99.9)")
        parts.append(f"{counters.missing_frames / rate_hz:.3f} s without stems in time, {counters.cuts} cuts")
        parts.append(f"{engine.exchange.late} skips and {self._restarts()} restarts of the worker")
        parts.append(f"{counters.bad_input} input samples that are no sound")
        if driver is not None and not isinstance(driver, ClockDriver):
            parts.append(f"{driver.xruns} xruns of the server")
        return "; ".join(parts)

    def _restarts(self) -> int:
        return self.supervisor.restarts if self.supervisor is not None else 0

    def _open(self) -> Driver | None:
        config = self._config
        clock = ClockDriver(config.clock.sample_rate_hz, config.clock.period_frames)
        if config.driver == "clock":
            return clock
        try:
            from stemfield.renderer.drivers.jack import JackDriver, JackError, JackSettings
        except (OSError, RuntimeError) as error:
            if config.driver == "jack":
                raise OSError(f"libjack is not on this machine ({error}): install it, or set driver: clock") from error
            return clock
        settings = JackSettings(
            config.jack.client_name,
            config.jack.server_name,
            config.jack.start_server,
            config.jack.connect_inputs,
            config.jack.connect_outputs,
        )
        self._lost.clear()
        try:
            return JackDriver(settings, lambda _reason: self._lost.set())
        except JackError as error:
            log.debug("%s", error)
            return clock if config.driver == "auto" and self.room is None else None

    def _engine_for(self, rate_hz: int) -> Engine:
        """The engine there is if it has this rate, otherwise a new one with worker and player."""
        if self.room is not None:
            if self.room.engine.sample_rate_hz == rate_hz:
                return self.room.engine
            self._leave_engine()
        config = self._config
        model = round(WITHOUT_MODEL_S * rate_hz) if self._card is None else latency_frames(self._card, rate_hz)
        engine = Engine(
            rate_hz,
            config.jack.channels,
            len(self._direct),
            len(self._layout.labels),
            len(STEMS),
            model + fade_frames(rate_hz) + round(config.separation.margin_ms * 1e-3 * rate_hz),
        )
        self.room = Room(self._layout, self._panner, engine)
        if self._scene is not None:
            self.room.apply(self._scene)
        self._watch_worker(engine)
        if self._player is not None:
            self._player.start(engine)
        return engine

    def _watch_worker(self, engine: Engine) -> None:
        card, config = self._card, self._config.separation
        if self.supervisor is not None:
            self.supervisor.close()
        self.supervisor = None
        if card is not None and config.enabled:
            self.supervisor = Supervisor(
                engine.exchange,
                lambda: WorkerProcess(
                    engine.exchange, card.folder, engine.sample_rate_hz, engine.latency_frames, config.providers
                ),
            )

    def _start_driver(self, driver: Driver, engine: Engine) -> None:
        config = self._config
        if isinstance(driver, ClockDriver):
            driver.start(engine, config.jack.channels + len(self._direct), len(self._layout.labels))
            return
        from stemfield.renderer.drivers.jack import JackPorts

        mixture = ("mixture",) if config.jack.channels == 1 else ("mixture_L", "mixture_R")
        wired = tuple(speaker.channel for speaker in self._layout.speakers)
        self._ports = JackPorts((*mixture, *self._direct), len(mixture), self._layout.labels, wired)
        driver.start(engine, self._ports)
        self._keeper.new_server()

    def look_after(self, now_s: float) -> None:
        """Minds the worker; to be called a few times a second from the thread that the worker may die with."""
        if self.supervisor is not None:
            self.supervisor.check(now_s)

    async def mend(self) -> None:
        """Mends what broke between the server and us: connections, or the server itself.

        Raises:
            OSError: a server is there and refuses us.
        """
        driver = self.driver
        if driver is None or isinstance(driver, ClockDriver):
            return
        if self._lost.is_set():
            self.driver = None
            await asyncio.to_thread(driver.close)
            await self.start()
        else:
            await asyncio.to_thread(self._mend_connections, driver)

    def _mend_connections(self, driver: JackDriver) -> None:
        if self._ports is None:
            return
        self._keeper.want(driver.wanted_connections(self._ports))
        for connection in self._keeper.missing(driver.connections(), driver.exists):
            if driver.connect(connection):
                log.info("connected %s and %s", *connection)

    def _leave_engine(self) -> None:
        if self._player is not None:
            self._player.pause()
        if self.supervisor is not None:
            self.supervisor.close()
            self.supervisor = None
        if self.room is not None:
            self.room.engine.exchange.close()
            self.room = None

    def close(self) -> None:
        """Leaves the server, ends the worker and the player."""
        if self.driver is not None:
            self.driver.close()
            self.driver = None
        self._leave_engine()
        if self._player is not None:
            self._player.close()


def direct_ports(config: Config) -> tuple[str, ...]:
    """Port names of the direct inputs, in the order of their channels."""
    return tuple(
        f"{given.name}{side}" for given in config.inputs for side in (("_L", "_R") if given.channels == 2 else ("",))
    )
