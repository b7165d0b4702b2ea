"""What is said of the sound, and counted of it: of an engine and of the driver that calls it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from stemfield.control.status import CallbackState
from stemfield.renderer.drivers.clock import ClockDriver
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.memory import TIMES

if TYPE_CHECKING:
    from stemfield.control.audio.jack_link import Driver

LOAD_S: Final = 2.0
"""Blocks of so long are looked at for the one that took longest."""
JUDGED_CALLS: Final = 4096
SHARES: Final = (0.5, 0.99, 1.0)
"""Quantiles that are told of the callback's time."""


def description(driver: Driver, engine: Engine) -> str:
    """What is sounding, in a few words."""
    rate_hz, latency = driver.sample_rate_hz, engine.latency_frames
    delay = f"latency {latency} frames = {1e3 * latency / rate_hz:.1f} ms"
    timing = f"{rate_hz} Hz, period {driver.period_frames} frames, {delay}"
    if isinstance(driver, ClockDriver):
        return f"the computer's clock: nothing is heard without a JACK server ({timing})"
    return f"JACK as {driver.client_name} ({timing})"


def summary(engine: Engine, driver: Driver | None, restarts: int) -> str:
    """What happened since the engine began, in one line; so many workers had to be replaced."""
    counters, times_s = engine.counters(), engine.call_times_s(TIMES)
    rate_hz = engine.sample_rate_hz
    parts = [f"{counters.position_frames / rate_hz:.1f} s played"]
    if len(times_s):
        p50, p99, p999 = 1e6 * np.percentile(times_s, (50, 99, 99.9))
        parts.append(f"blocks took {p50:.0f} / {p99:.0f} / {p999:.0f} us (p50 / p99 / p99.9)")
    parts.append(f"{counters.missing_frames / rate_hz:.3f} s without stems in time, {counters.cuts} cuts")
    parts.append(f"{engine.exchange.late} skips and {restarts} restarts of the worker")
    parts.append(f"{counters.bad_input} input samples that are no sound")
    if driver is not None and not isinstance(driver, ClockDriver):
        parts.append(f"{driver.xruns} xruns of the server")
    return "; ".join(parts)


def callback_state(engine: Engine, driver: Driver | None) -> CallbackState:
    """What the callback has done, and its share of the period over the last calls."""
    counters, shares = engine.counters(), {}
    if driver is not None and counters.calls:
        period_s = driver.period_frames / engine.sample_rate_hz
        quantiles = np.quantile(engine.call_times_s(JUDGED_CALLS), SHARES) / period_s
        shares = dict(zip(SHARES, map(float, quantiles), strict=True))
    played_s = counters.position_frames / engine.sample_rate_hz
    return CallbackState(counters.calls, played_s, counters.cuts, counters.bad_input, shares)


def block_load(engine: Engine, period_frames: int) -> float:
    """The longest of the last blocks as a share of its period."""
    period_s = period_frames / engine.sample_rate_hz
    times_s = engine.call_times_s(math.ceil(LOAD_S / period_s))
    return round(float(times_s.max(initial=0.0)) / period_s, 2)
