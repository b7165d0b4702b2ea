"""The tie between an engine and what calls it: a JACK server that may come and go, or the computer's clock.

Everything here may wait for a server, so all of it runs in one lane of its own and never in the loop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stemfield.control.audio.roles import STEM_PORTS, ports_of
from stemfield.control.config.configuration import Config
from stemfield.control.status import Wiring
from stemfield.layouts.model import Layout
from stemfield.renderer.drivers.clock import ClockDriver, Sink
from stemfield.renderer.drivers.connections import Connection, ConnectionKeeper
from stemfield.renderer.drivers.wishes import Wishes
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.processor import compile_ahead

if TYPE_CHECKING:
    from stemfield.renderer.drivers.jack import JackDriver, JackPorts, JackSettings

    Driver = JackDriver | ClockDriver

EARS = ("monitor_left", "monitor_right")
"""Port names of the binaural monitor."""
FREEWHEEL_STALL_S = 6.0
"""In freewheel a block may take as long as the engine waits for stems, and a little longer."""
RENAME_S = 30.0
"""Shortest time between two attempts to get the configured client name back."""
SINK_S = 0.8
"""Timeout of the fade-out at the end: three of the longest periods, and the fade."""
MOST_OFFERED = 64
"""So many ports of others are told of."""
STALL_S = 2.0
"""A server that asks for no block for so long is gone, or hangs: PipeWire does not say when it ends."""

log = logging.getLogger(__name__)


class Link:
    """One driver after the other.

    Args:
        config: of the daemon.
        layout: whose labels name the ports.
        keeper: what is known of connections; None for a keeper that knows nothing yet.
        sink: hears what the clock renders.
    """

    def __init__(
        self, config: Config, layout: Layout, keeper: ConnectionKeeper | None = None, sink: Sink | None = None
    ) -> None:
        self._sink = sink
        self._config = config
        self.names = ports_of(config, layout)
        """Of the ports."""
        self.driver: Driver | None = None
        """What calls the engine now; None while a server is awaited."""
        self.wiring = Wiring()
        """How our ports hang on the server, as it was when they were looked after last."""
        self._opened: Driver | None = None
        self._engine: Engine | None = None
        self._ports: JackPorts | None = None
        self.keeper = keeper or ConnectionKeeper()
        self._wishes = Wishes(layout.speakers if config.role != "separation" else ())
        self._told: set[str] = set()
        """What could not be connected, and how what could was found; told once."""
        self._layout = layout
        self._joined_once = keeper is not None
        self._had_name = False
        """Whether a server has called us as the configuration does."""
        self._rename_s = 0.0
        """When that may be tried again."""
        self._calls = 0
        self._calls_s = 0.0
        self._given_up = False
        self._seen: tuple[int, int] | None = None
        """Rate and period of a server that was left for them: PipeWire tells a newcomer others than it plays at."""
        self._refused = ""
        """Why the server would not have us the last time; told once, for it is asked twice a second."""

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
        if self._given_up:
            self.leave()
        if self._opened is None:
            self._seen = None  # the next server is another one
            return False
        driver = self._opened
        self._engine = engine_for(*(self._seen or (driver.sample_rate_hz, driver.period_frames)))
        try:
            self._start(driver, self._engine)
        except OSError as error:  # the server went away in between, or has no port left
            log.log(logging.WARNING if str(error) != self._refused else logging.DEBUG, "%s", error)
            self._refused = str(error)
            self.leave()
            return False
        if not isinstance(driver, ClockDriver):
            self._connect(driver)
        # What is connected now is heard from its beginning to rise.
        self._engine.rise()
        if not isinstance(driver, ClockDriver):
            has_name = driver.client_name == self._config.jack.client_name
            self._had_name = self._had_name or has_name
            self._rename_s = 0.0 if has_name else self._rename_s
        self.driver, self._joined_once, self._refused = driver, True, ""
        self._calls, self._calls_s = -1, now_s
        return True

    def tend(self, fits: Callable[[int, int], bool], now_s: float) -> bool:
        """Mends connections, while the server asks for sound: one that died may still show its ports.

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
        driver.tell_latencies()
        # In freewheel jackd takes the sound card's connections away itself, and nobody's export is to be cut.
        if self._calls_s == now_s and not driver.freewheeling:
            if self._may_have_its_name(driver, now_s):
                log.info("%s may be called %s again: joined anew", driver.client_name, self._config.jack.client_name)
                if self._engine is not None:
                    fade_out(self._engine)
                self.leave()
                return False
            self._connect(driver)
        return True

    def _may_have_its_name(self, driver: JackDriver, now_s: float) -> bool:
        """Whether the name is free that we had before a stall, when the server still knew the client that we left.

        What others have connected, and will, they have by that name.
        """
        name = self._config.jack.client_name
        if not self._had_name or driver.client_name == name or now_s < self._rename_s or not driver.is_free(name):
            return False
        self._rename_s = now_s + RENAME_S
        return True

    def heir(self, config: Config) -> Link:
        """A new link with what this one has learnt, for when a server does not release this one and it is abandoned."""
        heir = Link(config, self._layout, self.keeper, self._sink)
        heir._wishes, heir._told = self._wishes, self._told
        heir._had_name, heir._rename_s, heir._seen = self._had_name, self._rename_s, self._seen
        return heir

    def give_up(self) -> bool:
        """Joins nothing any more, from any thread; whether there is something to leave."""
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
        """Other connections are wanted from now on; those that a person has made stay."""
        self._config = config
        if self.driver is not None and not isinstance(self.driver, ClockDriver):
            self.driver.settings = _settings(config)

    def leave(self) -> None:
        """Leaves the server."""
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
            return JackDriver(_settings(config), self._wishes)
        except JackError as error:
            log.debug("%s", error)
            return clock if config.driver == "auto" and not self._joined_once else None

    def _start(self, driver: Driver, engine: Engine) -> None:
        names = self.names
        engine.hush()
        if isinstance(driver, ClockDriver):
            driver.start(engine, len(names.music) + len(names.direct))
            return
        from stemfield.renderer.drivers.jack import JackPorts

        ears = EARS if engine.outputs > len(names.feeds) else ()
        self._ports = JackPorts((*names.music, *names.direct), len(names.music), names.feeds, names.channels, ears)
        driver.start(engine, self._ports)
        self.keeper.new_server()

    def _fault(self, driver: JackDriver, fits: Callable[[int, int], bool], now_s: float) -> str:
        """Why the driver has to be left, or nothing."""
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
        return f"the JACK server asked for nothing for {stall_s:.0f} s" if now_s - self._calls_s > stall_s else ""

    def _connect(self, driver: JackDriver) -> None:
        """Makes the connections that are missing; a server that goes away meanwhile is found out later."""
        if self._ports is None:
            return
        try:
            there = driver.connections()
            for own, before, after in driver.renamed:
                log.info("%s is called %s now", before, after)
                self.keeper.rename(own, before, after)
            self.keeper.want(driver.wanted_connections(self._ports))
            self._tell_wishes()
            for connection in self.keeper.surplus(there):
                if driver.disconnect(connection):
                    log.info("disconnected %s and %s", *connection)
                    there.discard(connection)
            for connection in self.keeper.missing(there, driver.exists):
                if driver.connect(connection):
                    log.info("connected %s and %s", *connection)
                    there.add(connection)
            server = self._config.jack.server_name or ""
            self.wiring = _wiring(server, driver, self._ports, there)
        except OSError as error:
            log.debug("%s", error)

    def _tell_wishes(self) -> None:
        """Logs what of the configured connections cannot be had, and what was chosen by number."""
        problems, notes = self._wishes.problems, self._wishes.notes
        for level, texts in ((logging.WARNING, problems), (logging.INFO, notes)):
            for text in texts:
                if text not in self._told:
                    log.log(level, "%s", text)
        self._told = {*problems, *notes}


def fade_out(engine: Engine) -> None:
    """Lets an engine sink into silence, and its driver pass that on."""
    end_s = time.monotonic() + SINK_S
    engine.sink()
    while not engine.is_silent and time.monotonic() < end_s:
        time.sleep(0.005)
    calls = engine.counters().calls
    while engine.counters().calls < calls + 2 and time.monotonic() < end_s:
        time.sleep(0.005)


def _wiring(server: str, driver: JackDriver, ports: JackPorts, there: set[Connection]) -> Wiring:
    own, connected = (*ports.inputs, *ports.outputs, *ports.monitor), {name for name, _ in there}
    return Wiring(
        server,
        driver.client_name,
        ports.inputs[: ports.mixture_inputs],
        ports.inputs[ports.mixture_inputs :],
        ports.monitor,
        tuple(name for name in own if name not in connected),
        driver.sources()[:MOST_OFFERED],
        driver.sinks()[:MOST_OFFERED],
        driver.capture_latency_frames(ports.inputs[: ports.mixture_inputs]),
        any(own == peer.rpartition(":")[2] for own, peer in there if own in STEM_PORTS),
    )


def _settings(config: Config) -> JackSettings:
    from stemfield.renderer.drivers.jack import JackSettings

    return JackSettings(
        config.jack.client_name,
        config.jack.server_name,
        config.jack.start_server,
        config.jack.connect_inputs,
        config.jack.connect_outputs,
        config.jack.connect_monitor,
        config.jack.connect_speakers,
    )
