"""The callback with the whole loudspeaker chain: 64 objects on 24 loudspeakers, on a real jackd.

Every object plays, moves (new gains 50 times per second), has an equaliser of four bands and sends to the diffuse bus;
every loudspeaker has bass management, an equaliser of four bands, a delay, the limiter and meters.

The last rows compare mixing with the machine's limit: all 64 x 24 gains in the callback; a matrix product of the same
size by NumPy's BLAS, called from Python; and, as the limit, multiply-adds on sources of the same size that stay in the
cache, with sums that stay in registers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import jack
import numpy as np
from bench import Row, give, jackd
from bench_callback import noise_callback
from numba import njit

from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout
from stemfield.renderer.drivers.jack import JackDriver
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.dsp.binaural import monitor_filters
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.hrtf import AnalyticHead
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.simd.arithmetic import fused, spread, total
from stemfield.renderer.simd.load_store import load
from stemfield.renderer.simd.vectors import FLOATS
from stemfield.renderer.timeline import WORD_STEMS_END, WORD_STEMS_START

OBJECTS, SPEAKERS = 64, 24
DIRECT = OBJECTS - 10
SECONDS = 8.0
EQ = (EqBand("highpass", 60.0), EqBand("peak", 300.0, 1.0, 3.0), EqBand("peak", 2500.0, 2.0, -3.0))
EQ = (*EQ, EqBand("highshelf", 9000.0, 0.7, 2.0))


def full_room() -> Layout:
    layout = load_layout("22.2")
    speakers = tuple(replace(s, radius_m=2 + 0.1 * (i % 7), eq=EQ) for i, s in enumerate(layout.speakers))
    compensate = Compensation(delay=True, gain=True)
    return replace(layout, speakers=speakers, compensate=compensate, bass_management=BassManagement())


def full_engine(chain: Chain) -> Engine:
    engine = Engine(chain.sample_rate_hz, 2, DIRECT, SPEAKERS, 4, 2304, chain)
    timeline = engine.timeline
    timeline._stems[:] = 0.1 * np.random.default_rng(1).standard_normal(timeline._stems.shape)
    timeline._words[WORD_STEMS_START] = -(1 << 40)
    timeline._words[WORD_STEMS_END] = 1 << 40
    return engine


def move(engine: Engine, layout: Layout, seconds: float) -> np.ndarray:
    """Times of calls, in seconds."""
    random, panner, rate_hz = np.random.default_rng(0), Panner(layout), engine.sample_rate_hz
    equalisers = [sections(EQ, rate_hz)] * OBJECTS
    diffuse, own = np.full((OBJECTS, SPEAKERS), 0.02, np.float32), np.ones(SPEAKERS, np.float32)
    before = engine.counters().calls
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        gains = 0.1 * panner.gains(random.standard_normal((OBJECTS, 3))).astype(np.float32)
        ramps = np.full(OBJECTS, round(0.05 * rate_hz))
        engine.publish(gains, ramps, own, 240, diffuse_gains=diffuse, equalisers=equalisers)
        time.sleep(0.02)
    return engine.call_times_s(engine.counters().calls - before)


def on_jack(rate_hz: int, frames: int, binaural: bool) -> np.ndarray:
    """p50 and p99 in percent of the period."""
    layout, head = full_room(), AnalyticHead(rate_hz)
    chain = design_chain(layout, rate_hz)
    engine = full_engine(chain.monitored(head.taps) if binaural else chain)
    outputs = (*layout.labels, *(("ear_L", "ear_R") if binaural else ()))
    if binaural:
        engine.publish_head(monitor_filters(head, layout))
    with jackd(rate_hz, frames) as server:
        noise = jack.Client("noise", no_start_server=True, servername=server)
        source = noise.outports.register("out")
        driver = JackDriver(JackSettings(server_name=server), lambda _reason: None)
        names = ("L", "R", *(f"in{i}" for i in range(DIRECT)))
        ports = JackPorts(names, 2, outputs, tuple(range(1, len(outputs) + 1)))
        driver.start(engine, ports)
        pointer = jack._ffi.cast("JackProcessCallback", noise_callback.address)
        jack._lib.jack_set_process_callback(noise._ptr, pointer, source._ptr)
        with noise:
            for name in ports.inputs:
                driver.connect((name, "noise:out"))
            move(engine, layout, 1.0)
            times = move(engine, layout, SECONDS)
            assert (engine.meters().peaks[-1, 2 : -engine.outputs] > 0).all(), "all sources sound"
            assert (engine.meters().peaks[-1, -engine.outputs :] > 0).all(), "all loudspeakers sound"
        driver.close()
        noise.close()
    return 100 * np.percentile(times, [50, 99]) * rate_hz / frames


@njit
def add_in_registers(sources, passes):
    first, second = spread(np.float32(0.0)), spread(np.float32(0.0))
    gain = spread(np.float32(1e-3))
    for _ in range(passes):
        for row in sources:
            for i in range(0, row.shape[0], FLOATS):
                x = load(row, i)
                first, second = fused(x, gain, first), fused(x, gain, second)
    return total(first) + total(second)


def fastest_s(work: Callable[[], object], repeats: int = 2000) -> float:
    """Minimum time, without the effect of other load."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.percentile(times, 10))


def mixing_rates(frames: int = 64) -> tuple[float, float, float]:
    """Multiply-adds per second of the mixer with all gains, of BLAS, and of registers only."""
    engine = full_engine(Chain.plain(SPEAKERS, 48_000))
    gains = np.full((OBJECTS, SPEAKERS), 0.01, np.float32)
    random = np.random.default_rng(0)
    inputs = random.standard_normal((2 + DIRECT, frames)).astype(np.float32)
    outputs = np.zeros((SPEAKERS, frames), np.float32)

    def time_of(matrix: np.ndarray) -> float:
        engine.publish(matrix, np.ones(OBJECTS, np.int64), np.ones(SPEAKERS, np.float32), 1)
        for _ in range(4000):
            engine.process(inputs, outputs)
        return float(np.percentile(engine.call_times_s(2000), 10))

    work = OBJECTS * SPEAKERS * frames
    sources = random.standard_normal((OBJECTS, frames)).astype(np.float32)
    add_in_registers(sources, 1)
    mixed = work / (time_of(gains) - time_of(0 * gains))
    product = work / fastest_s(lambda: np.matmul(gains.T, sources, out=outputs))
    limit = 100 * 2 * OBJECTS * frames / fastest_s(lambda: add_in_registers(sources, 100))
    return mixed, product, limit


def main() -> None:
    rows = []
    for rate_hz, frames in ((48_000, 64), (96_000, 128)):
        for binaural in (False, True):
            p50, p99 = on_jack(rate_hz, frames, binaural)
            name = (
                f"full chain, 64 x 24, {frames} frames at {rate_hz // 1000} kHz{', binaural too' if binaural else ''}"
            )
            rows.append(Row(f"{name}, p50", p50, "% of the period", at_most=15))
            rows.append(Row(f"{name}, p99", p99, "% of the period", at_most=25))
    mixed, product, limit = mixing_rates()
    rows.append(Row("mixing, 64 x 24, no zero gains", mixed / 1e9, "10^9 multiply-adds per second"))
    rows.append(Row("matrix product of the same size (BLAS)", product / 1e9, "10^9 multiply-adds per second"))
    rows.append(Row("the machine's limit at this size", limit / 1e9, "10^9 multiply-adds per second"))
    rows.append(Row("mixing relative to the limit", mixed / limit, "of it"))
    give(*rows)


if __name__ == "__main__":
    main()
