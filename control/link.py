"""The tie between an engine and what calls it: a JACK server that may come and go, or the computer's clock.

Everything here may wait for a server, so all of it runs in one lane of its own and never in the loop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from stemfield.control.config import Config
from stemfield.layouts import Layout
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.drivers.connections import ConnectionKeeper
from stemfield.renderer.engine import Engine
from stemfield.renderer.processor import compile_ahead

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackDriver, JackPorts

    Driver = JackDriver | ClockDriver

STALL_S = 2.0
"""A server that asks for no block for so long is gone, or hangs: PipeWire does not say when it ends."""

log = logging.getLogger(__name__)


class Link:
    """One driver after the other.

    Args:
        config: of the daemon.
        layout: whose labels name the ports.
        keeper: what is known of connections; None for a keeper that knows nothing yet.
    """

    def __init__(self, config: Config, layout: Layout, keeper: ConnectionKeeper | None = None) -> None:
        self._config = config
        self._labels = layout.labels
        self._wired = tuple(speaker.channel for speaker in layout.speakers)
        self.direct = direct_ports(config)
        """Port names of the direct inputs."""
        self.driver: Driver | None = None
        """What calls the engine now; None while a server is awaited."""
        self._opened: Driver | None = None
        self._engine: Engine | None = None
        self._ports: JackPorts | None = None
        self.keeper = keeper or ConnectionKeeper()
        self._lost = threading.Event()
        self._joined_once = keeper is not None
        self._calls = 0
        self._calls_s = 0.0

    def join(self, engine_for: Callable[[int, int], Engine], now_s: float) -> bool:
        """Takes a driver, if there is one, and lets it call an engine.

        Args:
            engine_for: makes or finds the engine for a sample rate in Hz and a period in frames.
            now_s: monotonic.

        Returns:
            Whether the engine is being called.

        Raises:
            OSError: `driver: jack` on a machine without libjack.
        """
        compile_ahead()
        self._opened = self._open()
        if self._opened is None:
            return False
        driver = self._opened
        self._engine = engine_for(driver.sample_rate_hz, driver.period_frames)
        try:
            self._start(driver, self._engine)
        except OSError as error:  # the server went away in between, or has no port left
            log.warning("%s", error)
            self.leave()
            return False
        self.driver, self._joined_once = driver, True
        self._calls, self._calls_s = -1, now_s
        return True

    def tend(self, fits: Callable[[int, int], bool], now_s: float) -> bool:
        """Mends connections.

        Args:
            fits: whether the engine is right for a sample rate and a period.
            now_s: monotonic.

        Returns:
            Whether the driver is still good; otherwise it was left.
        """
        driver = self.driver
        if driver is None or isinstance(driver, ClockDriver):
            return driver is not None
        reason = self._fault(driver, fits, now_s)
        if reason:
            log.warning("%s", reason)
            self.leave()
            return False
        try:
            self._mend_connections(driver)
        except OSError as error:
            log.debug("%s", error)
        return True

    def leave(self) -> None:
        """Leaves the server."""
        driver, self._opened, self.driver = self._opened, None, None
        if driver is not None:
            driver.close()

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
            return clock if config.driver == "auto" and not self._joined_once else None

    def _start(self, driver: Driver, engine: Engine) -> None:
        channels = self._config.jack.channels
        if isinstance(driver, ClockDriver):
            driver.start(engine, channels + len(self.direct), len(self._labels))
            return
        from stemfield.renderer.drivers.jack import JackPorts

        mixture = ("mixture",) if channels == 1 else ("mixture_L", "mixture_R")
        self._ports = JackPorts((*mixture, *self.direct), len(mixture), self._labels, self._wired)
        driver.start(engine, self._ports)
        self.keeper.new_server()

    def _fault(self, driver: JackDriver, fits: Callable[[int, int], bool], now_s: float) -> str:
        """Why the driver has to be left, or nothing."""
        if self._lost.is_set():
            return "the JACK server is gone"
        if not fits(driver.sample_rate_hz, driver.period_frames):
            return f"the JACK server now runs at {driver.sample_rate_hz} Hz, period {driver.period_frames} frames"
        calls = self._engine.counters().calls if self._engine is not None else 0
        if calls != self._calls:
            self._calls, self._calls_s = calls, now_s
        return f"the JACK server asked for nothing for {STALL_S:.0f} s" if now_s - self._calls_s > STALL_S else ""

    def _mend_connections(self, driver: JackDriver) -> None:
        if self._ports is None:
            return
        self.keeper.want(driver.wanted_connections(self._ports))
        for connection in self.keeper.missing(driver.connections(), driver.exists):
            if driver.connect(connection):
                log.info("connected %s and %s", *connection)


def direct_ports(config: Config) -> tuple[str, ...]:
    """Port names of the direct inputs, in the order of their channels."""
    return tuple(
        f"{given.name}{side}" for given in config.inputs for side in (("_L", "_R") if given.channels == 2 else ("",))
    )
