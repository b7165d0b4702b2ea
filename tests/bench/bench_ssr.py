"""CPU time against the SoundScape Renderer's VBAP: 32 sources on a ring of 24 loudspeakers, 64 frames at 48 kHz.

Both are separate processes on one jackd at the same time, with the same noise on all inputs, so that other load
affects both. The load is equal: sources at rest, each on two loudspeakers; both programs skip zero gains, ramp
changing ones, and meter every input and output. Neither separates. The figure is the CPU time of the whole process,
including libjack; a client that only fetches its port buffers shows the share of that.

The target is for one core, on which server, noise and renderer take turns. With several cores, the cost of waking each
other is included too: on a virtual machine that is as much as the rendering, for both.

Figures are medians over rounds; ratios are medians of the ratio of each round. It needs Debian's `soundscaperenderer`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jack
import numpy as np
from bench import Row, give, jackd
from bench_callback import noise_callback, port_buffer
from numba import carray, cfunc, types

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.drivers.jack import JackDriver
from stemfield.renderer.drivers.jack_settings import JackPorts, JackSettings
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.native.operations import as_pointer
from stemfield.renderer.panning.panner import Panner

SOURCES, SPEAKERS, RATE, FRAMES = 32, 24, 48_000, 64
SECONDS, ROUNDS, PORT = 2.0, 25, 4791
AZIMUTHS_DEG = 360 * np.arange(SOURCES) / SOURCES + 3.0


def ring() -> Layout:
    angles_deg = [(360 * k / SPEAKERS + 180) % 360 - 180 for k in range(SPEAKERS)]
    speakers = tuple(Speaker(f"M{k}", angle, 0.0, 2.0, k + 1) for k, angle in enumerate(angles_deg))
    return Layout("ring", "A ring", speakers)


def play(server: str) -> None:
    """Process of stemfield: render until the input ends."""
    layout = ring()
    driver = JackDriver(JackSettings(server_name=server), lambda _reason: None)
    engine = Engine(RATE, 0, SOURCES, SPEAKERS, 4, 2304)
    gains = np.zeros((engine.sources, SPEAKERS), np.float32)
    gains[-SOURCES:] = Panner(layout).gains(cartesian(AZIMUTHS_DEG, 0.0))
    engine.publish(gains, np.ones(engine.sources, np.int64), np.ones(SPEAKERS, np.float32), 1)
    inputs = tuple(f"in{i}" for i in range(SOURCES))
    driver.start(engine, JackPorts(inputs, 0, layout.labels, tuple(range(1, SPEAKERS + 1))))
    for name in inputs:
        driver.connect((name, "noise:out"))
    time.sleep(1)
    assert (engine.meters().peaks[-1, 2 : -engine.outputs][-SOURCES:] > 0).all(), "all sources sound"
    sys.stdin.read()
    driver.close()


@cfunc(types.int32(types.uint32, types.voidptr))
def fetch_callback(frames, argument):
    ports = carray(argument, (SOURCES + SPEAKERS,), np.int64)
    for port in ports:
        port_buffer(as_pointer(port), frames)
    return 0


def do_nothing(server: str) -> None:
    """Process with the same ports that renders nothing until its input ends."""
    client = jack.Client("nothing", no_start_server=True, servername=server)
    inputs = [client.inports.register(f"in{i}") for i in range(SOURCES)]
    ports = [*inputs, *(client.outports.register(f"out{i}") for i in range(SPEAKERS))]
    addresses = np.array([int(jack._ffi.cast("uintptr_t", port._ptr)) for port in ports], np.int64)
    pointer = jack._ffi.cast("JackProcessCallback", fetch_callback.address)
    jack._lib.jack_set_process_callback(client._ptr, pointer, jack._ffi.cast("void *", addresses.ctypes.data))
    with client:
        for port in inputs:
            client.connect("noise:out", port)
        sys.stdin.read()


def cpu_s(pid: int) -> float:
    """CPU time of all threads, in nanoseconds, because the fields of `stat` have steps of 10 ms."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def process(command: Sequence[str], server: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run one renderer; its input stays open, because SSR spins without."""
    with (folder / "log").open("a") as log:
        started = subprocess.Popen(
            command,
            env=os.environ | {"JACK_DEFAULT_SERVER": server},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
        try:
            yield started
            assert started.poll() is None, "a renderer ended"
        finally:
            started.kill()
            started.wait()


def compare(folder: Path, ssr: str) -> np.ndarray:
    """CPU seconds per second of the empty client, stemfield and SSR in each round, shape (ROUNDS, 3)."""
    own = [sys.executable, __file__]
    theirs = [ssr, "--no-gui", "--threads=1", f"--setup={folder}/ring.asd", f"--ip-server={PORT}"]
    theirs += ["--input-prefix=noise:", "--output-prefix=none", f"{folder}/scene.asd"]
    with jackd(RATE, FRAMES) as server, ExitStack() as running:
        noise = jack.Client("noise", no_start_server=True, servername=server)
        source = noise.outports.register("out")
        pointer = jack._ffi.cast("JackProcessCallback", noise_callback.address)
        jack._lib.jack_set_process_callback(noise._ptr, pointer, source._ptr)
        with noise:
            commands = [*own, server, "nothing"], [*own, server], theirs
            pids = [running.enter_context(process(command, server, folder)).pid for command in commands]
            time.sleep(3)
            add_sources()
            deadline = time.monotonic() + 60
            while len(noise.get_all_connections(source)) < len(commands) * SOURCES:
                assert time.monotonic() < deadline, "a renderer does not take its inputs"
                time.sleep(0.1)
            time.sleep(1)
            used = []
            for _ in range(ROUNDS):
                before = [cpu_s(pid) for pid in pids]
                time.sleep(SECONDS)
                used.append([(cpu_s(pid) - start) / SECONDS for pid, start in zip(pids, before, strict=True)])
            running.close()
        noise.close()
    return np.array(used)


def add_sources() -> None:
    """Ring for SSR, turned by 90 degrees, because its azimuth 0 and its x axis point to the right."""
    places = 1.5 * cartesian(AZIMUTHS_DEG, 0.0)
    sources = "".join(
        f'<source new="true" name="s{i}" port="out" model="point"><position x="{x:.4f}" y="{y:.4f}"/></source>'
        for i, (x, y, _) in enumerate(places)
    )
    with socket.create_connection(("127.0.0.1", PORT), 5) as connection:
        connection.sendall(f"<request>{sources}</request>".encode() + b"\0")
        time.sleep(2)


def main() -> None:
    ssr = shutil.which("ssr-vbap")
    if ssr is None:
        sys.exit("ssr-vbap is not here: apt-get install soundscaperenderer")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ring.asd").write_text(
            '<?xml version="1.0"?><asdf version="0.1"><header/><reproduction_setup>'
            f'<circular_array number="{SPEAKERS}"><first><position x="2" y="0"/><orientation azimuth="-180"/></first>'
            "</circular_array></reproduction_setup></asdf>"
        )
        (folder / "scene.asd").write_text('<?xml version="1.0"?><asdf version="0.1"><header/><scene_setup/></asdf>')
        cores = os.sched_getaffinity(0)
        free = compare(folder, ssr)
        os.sched_setaffinity(0, {max(cores)})
        one = compare(folder, ssr)
    nothing, ours, theirs = np.median(one, axis=0)
    give(
        Row("client that renders nothing", nothing, "CPU seconds per second"),
        Row("stemfield, 32 x 24", ours, "CPU seconds per second"),
        Row("ssr-vbap, 32 x 24", theirs, "CPU seconds per second"),
        Row("stemfield relative to ssr-vbap", float(np.median(one[:, 1] / one[:, 2])), "times", at_most=0.5),
        Row("stemfield relative to ssr-vbap, cores free", float(np.median(free[:, 1] / free[:, 2])), "times"),
        Row("nothing relative to ssr-vbap, cores free", float(np.median(free[:, 0] / free[:, 2])), "times"),
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        play(sys.argv[1])
    elif len(sys.argv) > 2:
        do_nothing(sys.argv[1])
    else:
        main()
