"""What a running engine and its driver report: status text, counters, and log lines about stems."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from stemfield.control.audio.driver_link import DriverLink
from stemfield.control.audio.model_worker import ModelWorker
from stemfield.control.config.configuration import Config
from stemfield.control.status import CallbackState, SoundState, Wiring
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.memory import TIMES

if TYPE_CHECKING:
    from stemfield.control.audio.driver_link import Driver

LOAD_S: Final = 2.0
"""Time over which the longest block is found."""
JUDGED_CALLS: Final = 4096
SHARES: Final = (0.5, 0.99, 1.0)
"""Reported quantiles of the callback's time."""
MISSING_S: Final = 0.5
"""Time without stems that is worth a line in the log."""

log = logging.getLogger(__name__)


def state(
    config: Config, engine: Engine, driver: Driver, link: DriverLink, model: ModelWorker, upstream_ms: float | None
) -> SoundState:
    """The running audio at this moment; `upstream_ms` is the latency that another machine reports, if it separates."""
    supervisor, wiring, rate_hz = model.supervisor, link.wiring, engine.sample_rate_hz
    if wiring.local_stems or upstream_ms is None:  # stems of this server bring their own latency
        upstream_ms = 0.0
    else:
        upstream_ms += config.peer.bridge_ms
    return SoundState(
        driver="clock" if isinstance(driver, ClockDriver) else "jack",
        text=description(driver, engine),
        model=model.name,
        stems_share=round(engine.stems_share if config.role != "renderer" else _connected(wiring), 2),
        load=round(engine.timeline.load, 2) if supervisor is not None else 0.0,
        separated_s=round(engine.timeline.separated / rate_hz, 2),
        late=engine.timeline.late,
        restarts=supervisor.restarts if supervisor is not None else 0,
        problem=supervisor.problem if supervisor is not None else "",
        missing_s=round(engine.counters().missing_frames / rate_hz, 2),
        latency_ms=round(1e3 * engine.latency_frames / rate_hz, 1),
        before_ms=round(1e3 * wiring.capture_frames / rate_hz + upstream_ms, 1),
        xruns=0 if isinstance(driver, ClockDriver) else driver.xruns,
        block_load=_block_load(engine, driver.period_frames),
        binaural=engine.outputs > len(link.names.feeds),
        wiring=wiring,
    )


def description(driver: Driver, engine: Engine) -> str:
    """What plays, in a few words."""
    rate_hz, latency = driver.sample_rate_hz, engine.latency_frames
    delay = f"latency {latency} frames = {1e3 * latency / rate_hz:.1f} ms"
    timing = f"{rate_hz} Hz, period {driver.period_frames} frames, {delay}"
    if isinstance(driver, ClockDriver):
        return f"the computer's clock: nothing is heard without a JACK server ({timing})"
    return f"JACK as {driver.client_name} ({timing})"


def summary(engine: Engine, driver: Driver | None, restarts: int) -> str:
    """What happened since the engine began, in one line, with the number of worker restarts."""
    counters, times_s = engine.counters(), engine.call_times_s(TIMES)
    rate_hz = engine.sample_rate_hz
    parts = [f"{counters.position_frames / rate_hz:.1f} s played"]
    if len(times_s):
        p50, p99, p999 = 1e6 * np.percentile(times_s, (50, 99, 99.9))
        parts.append(f"blocks took {p50:.0f} / {p99:.0f} / {p999:.0f} us (p50 / p99 / p99.9)")
    parts.append(f"{counters.missing_frames / rate_hz:.3f} s without stems in time, {counters.cuts} cuts")
    parts.append(f"{engine.timeline.late} skips and {restarts} restarts of the worker")
    parts.append(f"{counters.bad_input} invalid input samples")
    if driver is not None and not isinstance(driver, ClockDriver):
        parts.append(f"{driver.xruns} xruns of the server")
    return "; ".join(parts)


def callback_state(engine: Engine, driver: Driver | None) -> CallbackState:
    """Counters of the callback, and the share of the period that its last calls took."""
    counters, shares = engine.counters(), {}
    if driver is not None and counters.calls:
        period_s = driver.period_frames / engine.sample_rate_hz
        quantiles = np.quantile(engine.call_times_s(JUDGED_CALLS), SHARES) / period_s
        shares = dict(zip(SHARES, map(float, quantiles), strict=True))
    played_s = counters.position_frames / engine.sample_rate_hz
    return CallbackState(counters.calls, played_s, counters.cuts, counters.bad_input, shares)


def _connected(wiring: Wiring) -> float:
    """1 if all ports for the music are connected, which takes stems from elsewhere, otherwise 0."""
    return float(bool(wiring.mixture) and not set(wiring.mixture) & set(wiring.unconnected))


def _block_load(engine: Engine, period_frames: int) -> float:
    """The longest of the last blocks as a share of its period."""
    period_s = period_frames / engine.sample_rate_hz
    times_s = engine.call_times_s(math.ceil(LOAD_S / period_s))
    return round(float(times_s.max(initial=0.0)) / period_s, 2)


class StemsLog:
    """Watches the stems of one engine after the other."""

    def __init__(self) -> None:
        self._arrive = False
        self._last_s = 0.0
        self._freewheel: int | None = None
        """Frames played without stems before the server went into freewheel."""

    def update(self, engine: Engine, now_s: float, *, freewheeling: bool) -> None:
        """Log what has changed; call it a few times a second with a monotonic time."""
        self._log_stems(engine, now_s)
        self._log_freewheel(engine, freewheeling)

    def _log_stems(self, engine: Engine, now_s: float) -> None:
        share = engine.stems_share
        if share > 0.0:
            self._last_s = now_s
        if share == 1.0 and not self._arrive:
            self._arrive = True
            missed_s = engine.counters().missing_frames / engine.sample_rate_hz
            log.info("stems arrive; the first %.3f s were played without them", missed_s)
        elif self._arrive and now_s - self._last_s > MISSING_S:
            self._arrive = False
            log.warning("no stems: the recording is played as it is")

    def _log_freewheel(self, engine: Engine, freewheeling: bool) -> None:
        missing, before = engine.counters().missing_frames, self._freewheel
        if freewheeling and before is None:
            self._freewheel = missing
            log.info("freewheel: rendering as fast as the separation allows")
        elif before is not None and not freewheeling:
            self._freewheel = None
            missed_s = max(missing - before, 0) / engine.sample_rate_hz
            level = logging.WARNING if missed_s else logging.INFO
            log.log(level, "freewheel ended; %.3f s of it were played without stems", missed_s)
