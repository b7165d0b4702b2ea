"""Connects an engine to its driver: a JACK server that may come and go, or the computer's clock.

Everything here may wait for a server, so it all runs on one thread of its own and never in the event loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stemfield.control.audio.port_connections import PortConnections
from stemfield.control.audio.roles import Ports, ports_of
from stemfield.control.config.configuration import Config
from stemfield.control.status import Wiring
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers.clock import ClockDriver, Sink
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.processor import compile_ahead

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackDriver

    Driver = JackDriver | ClockDriver

MONITOR_PORTS = ("monitor_left", "monitor_right")
"""Port names of the binaural monitor."""
RENAME_S = 30.0
"""Minimum time between two attempts to get the configured client name back."""
FADE_OUT_S = 0.8
"""Timeout of the fade-out at the end: three of the longest periods, and the fade."""
STALL_S = 2.0
"""Time without a block after which a server counts as gone: PipeWire does not report its end."""
SETTLE_S = 3.0
"""Time after a change of ports or connections in which they are looked at in every check."""
RECHECK_S = 5.0
"""Time after which they are looked at without a change, for what the server does not report, such as new aliases."""
FREEWHEEL_STALL_S = 6.0
"""The same in freewheel, where a block may wait for stems; slightly longer than the engine's timeout."""

log = logging.getLogger(__name__)


class DriverLink:
    """One driver after the other.

    Args:
        config: configuration of the daemon.
        layout: loudspeaker layout whose labels name the ports.
        sink: gets what the clock renders.
    """

    def __init__(self, config: Config, layout: Layout, sink: Sink | None = None) -> None:
        self._config = config
        self._layout = layout
        self._sink = sink
        self.names = ports_of(config, layout)
        """Port names."""
        self.driver: Driver | None = None
        """Driver that calls the engine now; None while waiting for a server."""
        self.wiring = Wiring()
        """Ports and connections at the last update."""
        self._opened: Driver | None = None
        self._engine: Engine | None = None
        self._ports: JackPorts | None = None
        self._connections = PortConnections(layout.speakers if config.role != "separation" else ())
        self._joined_once = False
        self._had_name = False
        """Whether some server has granted the configured client name."""
        self._rename_s = 0.0
        """Earliest time of the next attempt to get it back."""
        self._calls = 0
        self._calls_s = 0.0
        self._changes = 0
        self._changed_s = self._checked_s = 0.0
        self._given_up = False
        self._seen: tuple[int, int] | None = None
        """Rate and period of a server that was left because of them: PipeWire reports others to a new client."""
        self._last_refusal = ""
        """Why the server refused last time, to log it once: joining is tried twice a second."""

    def join(self, engine_for: Callable[[int, int], Engine], now_s: float) -> bool:
        """Open a driver, if there is one, and let it call an engine.

        Args:
            engine_for: makes or finds the engine for a sample rate in Hz and a period in frames.
            now_s: monotonic time.

        Returns:
            Whether the engine is being called.

        Raises:
            OSError: `driver: jack` on a machine without libjack.
        """
        compile_ahead()
        self._opened = self._open()
        if self._given_up:
            self.leave()
        if self._opened is None:
            self._seen = None  # the next server is another one
            return False
        driver = self._opened
        self._engine = engine_for(*(self._seen or (driver.sample_rate_hz, driver.period_frames)))
        try:
            self._start(driver, self._engine)
        except OSError as error:  # the server has gone in between, or has no port left
            log.log(logging.WARNING if str(error) != self._last_refusal else logging.DEBUG, "%s", error)
            self._last_refusal = str(error)
            self.leave()
            return False
        if not isinstance(driver, ClockDriver):
            self._connect(driver)
            self._changed_s = now_s
            has_name = driver.client_name == self._config.jack.client_name
            self._had_name = self._had_name or has_name
            self._rename_s = 0.0 if has_name else self._rename_s
        # Only now, so that what is connected hears the whole fade-in.
        self._engine.fade_in()
        self.driver, self._joined_once, self._last_refusal = driver, True, ""
        self._calls, self._calls_s = -1, now_s
        return True

    def tend(self, fits: Callable[[int, int], bool], now_s: float) -> bool:
        """Restore connections while the server asks for blocks: a dead one may still show its ports.

        Args:
            fits: whether the engine is right for a sample rate and a period.
            now_s: monotonic time.

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
        driver.tell_latencies()
        # In freewheel jackd itself disconnects the sound card, and no export is to be interrupted.
        if self._calls_s == now_s and not driver.freewheeling:
            if self._can_have_its_name(driver, now_s):
                log.info("client name %s is free again: reconnecting", self._config.jack.client_name)
                if self._engine is not None:
                    fade_out(self._engine)
                self.leave()
                return False
            if self._may_have_changed(driver, now_s):
                self._connect(driver)
        return True

    def _may_have_changed(self, driver: JackDriver, now_s: float) -> bool:
        """Whether to look at ports and connections, which costs much with many ports."""
        if driver.changes != self._changes:
            self._changes, self._changed_s = driver.changes, now_s
        due = now_s - self._changed_s < SETTLE_S or now_s - self._checked_s >= RECHECK_S
        if due:
            self._checked_s = now_s
        return due

    def _can_have_its_name(self, driver: JackDriver, now_s: float) -> bool:
        """Whether the configured name, lost in a stall while the server still knew the old client, is free again.

        Other programs connect to the ports by that name.
        """
        name = self._config.jack.client_name
        if not self._had_name or driver.client_name == name or now_s < self._rename_s or not driver.is_free(name):
            return False
        self._rename_s = now_s + RENAME_S
        return True

    def successor(self, config: Config) -> DriverLink:
        """Make a link with what this one has learnt, to use once a server does not release this one."""
        link = DriverLink(config, self._layout, self._sink)
        link._connections, link._joined_once, link._seen = self._connections, True, self._seen
        link._had_name, link._rename_s = self._had_name, self._rename_s
        return link

    def give_up(self) -> bool:
        """Join no more, from any thread; return whether a driver is open."""
        self._given_up = True
        return self._opened is not None

    @property
    def is_clock(self) -> bool:
        """Whether the clock calls the engine, or is about to."""
        return isinstance(self._opened, ClockDriver)

    @property
    def freewheeling(self) -> bool:
        """Whether a server asks for blocks as fast as it gets them, as for an export."""
        driver = self.driver
        return driver is not None and not isinstance(driver, ClockDriver) and driver.freewheeling

    def reconfigure(self, config: Config) -> None:
        """Use other configured connections from now on; those that a person has made stay."""
        self._config = config
        self._changed_s = time.monotonic()
        if self.driver is not None and not isinstance(self.driver, ClockDriver):
            self.driver.settings = _settings(config, self.names)

    def leave(self) -> None:
        """Close the driver."""
        driver, self._opened, self.driver = self._opened, None, None
        self.wiring = Wiring()
        if driver is not None:
            driver.close()

    def _open(self) -> Driver | None:
        config = self._config
        timing = config.clock
        clock = ClockDriver(timing.sample_rate_hz, timing.period_frames, self._sink, freewheel=timing.freewheel)
        if config.driver == "clock":
            return clock
        try:
            from stemfield.renderer.drivers.jack import JackDriver, JackError
        except (OSError, RuntimeError) as error:
            if config.driver == "jack":
                raise OSError(f"libjack is not on this machine ({error}): install it, or set driver: clock") from error
            return clock
        try:
            return JackDriver(_settings(config, self.names), self._connections.wanted)
        except JackError as error:
            log.debug("%s", error)
            return clock if config.driver == "auto" and not self._joined_once else None

    def _start(self, driver: Driver, engine: Engine) -> None:
        names = self.names
        engine.silence()
        if isinstance(driver, ClockDriver):
            driver.start(engine, len(names.music) + len(names.direct))
            return
        monitor = MONITOR_PORTS if engine.outputs > len(names.feeds) else ()
        self._ports = JackPorts((*names.music, *names.direct), len(names.music), names.feeds, names.channels, monitor)
        driver.start(engine, self._ports)
        self._connections.keeper.new_server()

    def _fault(self, driver: JackDriver, fits: Callable[[int, int], bool], now_s: float) -> str:
        """Why the driver has to be left, or an empty string."""
        self._seen = None
        if driver.lost:
            return "the JACK server is gone"
        if not fits(driver.sample_rate_hz, driver.period_frames):
            self._seen = driver.sample_rate_hz, driver.period_frames
            return f"the JACK server now runs at {driver.sample_rate_hz} Hz, period {driver.period_frames} frames"
        calls = self._engine.counters().calls if self._engine is not None else 0
        if calls != self._calls:
            self._calls, self._calls_s = calls, now_s
        stall_s = FREEWHEEL_STALL_S if driver.freewheeling else STALL_S
        return f"the JACK server requested no block for {stall_s:.0f} s" if now_s - self._calls_s > stall_s else ""

    def _connect(self, driver: JackDriver) -> None:
        if self._ports is not None:
            try:
                self.wiring = self._connections.update(driver, self._ports, self._config.jack.server_name or "")
            except OSError as error:  # a server that has gone meanwhile is noticed later
                log.debug("%s", error)


def fade_out(engine: Engine) -> None:
    """Fade an engine to silence, and let its driver pass that on."""
    end_s = time.monotonic() + FADE_OUT_S
    engine.fade_out()
    while not engine.is_silent and time.monotonic() < end_s:
        time.sleep(0.005)
    calls = engine.counters().calls
    while engine.counters().calls < calls + 2 and time.monotonic() < end_s:
        time.sleep(0.005)


def _settings(config: Config, names: Ports) -> JackSettings:
    device = config.device.connections(names.music) if config.role != "renderer" else ()
    return JackSettings(**config.jack.model_dump(exclude={"channels"}), device=device)
