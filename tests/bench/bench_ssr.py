"""CPU time against the SoundScape Renderer's VBAP: 32 sources on a ring of 24 loudspeakers, 64 frames at 48 kHz.

Both are processes of their own on the same kind of jackd, one after the other, all inputs fed with noise. The
figure is all CPU time of the process, libjack's included. It needs Debian's `soundscaperenderer`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jack
import numpy as np
from bench import Row, give, jackd
from bench_callback import noise_callback

from stemfield.layouts import Layout, Speaker
from stemfield.layouts.coordinates import cartesian
from stemfield.renderer.drivers.jack import JackDriver, JackPorts, JackSettings
from stemfield.renderer.engine import Engine
from stemfield.renderer.panning import Panner

SOURCES, SPEAKERS, RATE, FRAMES = 32, 24, 48_000, 64
SECONDS, PORT = 10.0, 4791
AZIMUTHS_DEG = 360 * np.arange(SOURCES) / SOURCES + 3.0


def ring() -> Layout:
    angles_deg = [(360 * k / SPEAKERS + 180) % 360 - 180 for k in range(SPEAKERS)]
    speakers = tuple(Speaker(f"M{k}", angle, 0.0, 2.0, k + 1) for k, angle in enumerate(angles_deg))
    return Layout("ring", "A ring", speakers)


def play(server: str) -> None:
    """Our own process: renders until its input ends."""
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
    print("ready", flush=True)
    sys.stdin.read()
    assert (engine.peaks()[1][-SOURCES:] > 0).all(), "all sources sound"
    driver.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: Sequence[str], folder: Path, *, by_network: bool) -> float:
    """CPU seconds per second of sound."""
    with jackd(RATE, FRAMES) as server:
        noise = jack.Client("noise", no_start_server=True, servername=server)
        source = noise.outports.register("out")
        pointer = jack._ffi.cast("JackProcessCallback", noise_callback.address)
        jack._lib.jack_set_process_callback(noise._ptr, pointer, source._ptr)
        with noise, (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [part.replace("SERVER", server) for part in command],
                env=os.environ | {"JACK_DEFAULT_SERVER": server},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
            time.sleep(3)
            if by_network:
                add_sources()
            deadline = time.monotonic() + 60
            while len(noise.get_all_connections(source)) < SOURCES:
                assert time.monotonic() < deadline, "the renderer does not take its inputs"
                time.sleep(0.1)
            time.sleep(1)
            before = cpu_s(process.pid)
            time.sleep(SECONDS)
            used = cpu_s(process.pid) - before
            assert process.poll() is None, "the renderer ended"
            process.terminate() if by_network else process.communicate(timeout=20)
            process.wait()
        noise.close()
    return used / SECONDS


def add_sources() -> None:
    """SSR's azimuth 0 is the right and its x axis too: the ring is the same turned by 90 degrees."""
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
        command = [ssr, "--no-gui", "--threads=1", f"--setup={folder}/ring.asd", f"--ip-server={PORT}"]
        command += ["--input-prefix=noise:", "--output-prefix=none", f"{folder}/scene.asd"]
        theirs = measure(command, folder, by_network=True)
        ours = measure([sys.executable, __file__, "SERVER"], folder, by_network=False)
    give(
        Row("stemfield, 32 x 24", ours, "CPU seconds a second"),
        Row("ssr-vbap, 32 x 24", theirs, "CPU seconds a second"),
        Row("stemfield against ssr-vbap", ours / theirs, "times", at_most=0.5),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        play(sys.argv[1])
    else:
        main()
