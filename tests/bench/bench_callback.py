"""Time of the callback: 32 objects on 24 loudspeakers, 64 frames at 48 kHz, on a real jackd.

All 32 sources play and move (new gains 50 times per second). The peer renders the same matrix in a Python callback
with NumPy, as a client of the same server. Figures are medians over rounds; ratios are medians of the ratio of each
round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jack
import llvmlite.binding
import numpy as np
from bench import Row, give, jackd
from numba import carray, cfunc, types

from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.jack import JackDriver
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.timeline import WORD_STEMS_END, WORD_STEMS_START

OBJECTS, FRAMES, RATE = 32, 64, 48_000
PERIOD_S = FRAMES / RATE
DIRECT = OBJECTS - 10
SECONDS, ROUNDS = 3, 5

llvmlite.binding.load_library_permanently("libjack.so.0")
port_buffer = types.ExternalFunction("jack_port_get_buffer", types.voidptr(types.voidptr, types.uint32))


@cfunc(types.int32(types.uint32, types.voidptr))
def noise_callback(frames, port):
    out = carray(port_buffer(port, frames), (frames,), np.float32)
    state = np.uint32(12345)
    for i in range(frames):
        state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
        out[i] = np.float32(state) * np.float32(1e-10) - np.float32(0.2)
    return 0


@contextmanager
def spinning() -> Iterator[None]:
    """Two Python threads of this process compute without pause."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def moving_gains(panner: Panner, random: np.random.Generator) -> np.ndarray:
    return panner.gains(random.standard_normal((OBJECTS, 3))).astype(np.float32)


def percentiles(times_s: np.ndarray) -> np.ndarray:
    return 100 * np.percentile(times_s, [50, 99, 99.9]) / PERIOD_S


def measure(engine: Engine, panner: Panner) -> np.ndarray:
    random = np.random.default_rng(0)
    before = engine.counters().calls
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        gains = moving_gains(panner, random)
        engine.publish(gains, np.full(OBJECTS, 2400), np.ones(24, np.float32), 2400)
        time.sleep(0.02)
    calls = engine.counters().calls - before
    return percentiles(engine.call_times_s(calls))


def python_peer(server: str, panner: Panner) -> np.ndarray:
    """The same matrix product in a Python callback."""
    client = jack.Client("peer", no_start_server=True, servername=server)
    ins = [client.inports.register(f"in{i}") for i in range(OBJECTS)]
    outs = [client.outports.register(f"out{i}") for i in range(24)]
    gains = moving_gains(panner, np.random.default_rng(0)).T.copy()
    block = np.zeros((OBJECTS, FRAMES), np.float32)
    times: list[float] = []

    @client.set_process_callback
    def process(_frames: int) -> None:
        began = time.perf_counter()
        for i, port in enumerate(ins):
            block[i] = port.get_array()
        for row, port in zip(gains @ block, outs, strict=True):
            port.get_array()[:] = row
        times.append(time.perf_counter() - began)

    del process
    with client:
        time.sleep(2 * SECONDS)
    return percentiles(np.array(times[100:]))


def main() -> None:
    layout = load_layout("22.2")
    panner = Panner(layout)
    with jackd(RATE, FRAMES) as server:
        noise = jack.Client("noise", no_start_server=True, servername=server)
        source = noise.outports.register("out")
        driver = JackDriver(JackSettings(server_name=server), lambda _reason: None)
        engine = Engine(RATE, 2, DIRECT, 24, 4, 2304)
        rng = np.random.default_rng(1)
        engine.timeline._stems[:] = 0.1 * rng.standard_normal(engine.timeline._stems.shape)
        engine.timeline._words[WORD_STEMS_START] = -(1 << 40)
        engine.timeline._words[WORD_STEMS_END] = 1 << 40
        ports = JackPorts(("L", "R", *(f"in{i}" for i in range(DIRECT))), 2, layout.labels, tuple(range(1, 25)))
        driver.start(engine, ports)
        library = jack._lib
        pointer = jack._ffi.cast("JackProcessCallback", noise_callback.address)
        library.jack_set_process_callback(noise._ptr, pointer, source._ptr)
        with noise:
            for name in ports.inputs:
                driver.connect((name, "noise:out"))
            measure(engine, panner)
            quiet, busy = [], []
            for _ in range(ROUNDS):  # alternately, so that other load affects both
                quiet.append(measure(engine, panner))
                with spinning():
                    busy.append(measure(engine, panner))
            assert (engine.meters().peaks[-1, 2 : -engine.outputs] > 0).all(), "all sources sound"
        driver.close()
        noise.close()
        peer = python_peer(server, panner)
    ratios = np.median(np.array(busy) / np.array(quiet), axis=0)
    quiet, busy = np.median(quiet, axis=0), np.median(busy, axis=0)
    give(
        Row("callback, 32 x 24, p50", quiet[0], "% of the period", at_most=5),
        Row("callback, 32 x 24, p99", quiet[1], "% of the period", at_most=10),
        Row("callback, 32 x 24, p99.9", quiet[2], "% of the period"),
        Row("callback with two spinning Python threads, p50", busy[0], "% of the period"),
        Row("callback with two spinning Python threads, p99", busy[1], "% of the period"),
        Row("p50, spinning relative to quiet", ratios[0], "times", at_most=1.2),
        Row("p99, spinning relative to quiet", ratios[1], "times", at_most=1.2),
        Row("NumPy callback with the same matrix, p50", peer[0], "% of the period"),
        Row("NumPy callback relative to stemfield, p50", peer[0] / quiet[0], "times"),
    )


if __name__ == "__main__":
    main()
