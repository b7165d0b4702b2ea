"""`stemfield source pcm` on a real jackd: a sender that stops, and one that returns."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from daemon_process import free_port

from stemfield.renderer.drivers import libjack

RATE_HZ = 48_000
TONE_HZ = 440.0
LEVEL = 0.5
LATENCY_FRAMES = 3840
STEEPEST = LEVEL * (2.0 * np.pi * TONE_HZ / RATE_HZ) ** 2


@pytest.fixture
def server(jackd):
    return jackd(period_frames=256, sync=True)


@pytest.fixture
def source(server) -> Iterator[int]:
    port = free_port()
    command = [Path(sys.executable).parent / "stemfield", "source", "pcm", "--tcp", port, "--server", server.name]
    command += ["--format", "f32le", "--latency", f"{1e3 * LATENCY_FRAMES / RATE_HZ:g}", "--connect", "studio:in?"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    yield port
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=10)


def wait_for(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def send(sender: socket.socket, seconds: float) -> None:
    """A tone in real time, in chunks of 10 ms and one sample too much in each, from its zero."""
    n = np.arange(round(seconds * RATE_HZ))
    tone = (LEVEL * np.sin(2.0 * np.pi * TONE_HZ / RATE_HZ * n)).astype("<f4")
    data = np.repeat(tone, 2).tobytes()
    begun_s = time.monotonic()
    for at in range(0, len(data), 3844):
        sender.sendall(data[at : at + 3844])
        time.sleep(max(0.0, begun_s + at / (8 * RATE_HZ) - time.monotonic()))


def test_a_sender_that_stops_and_one_that_returns_are_faded(server, source, jack_client) -> None:
    with connected(source) as sender:
        client = jack_client(server.name, 2, np.zeros((0, 12 * RATE_HZ), np.float32))
        wait_for(lambda: all(port.number_of_connections for port in client.ins), "the source connects itself")
        for port, name in zip(client.ins, ("pcm:left", "pcm:right"), strict=True):
            assert [other.name for other in client.jack.get_all_connections(port)] == [name]
            latency = partial(libjack.capture_latency_frames, libjack.address(port))
            wait_for(lambda latency=latency: latency() == LATENCY_FRAMES, "the source reports its latency")
        client.roll()
        send(sender, 2.0)
        time.sleep(0.7)
        sender.sendall(np.full(101, np.nan, "<f4").tobytes())
        sender.sendall(b"abc")
    time.sleep(0.3)
    with connected(source) as sender:
        send(sender, 2.0)
        time.sleep(0.5)
    end = client.at
    left, right = client.record[:, :end]
    assert np.array_equal(left, right)
    sounds = np.abs(left) > 1e-4
    spans = np.flatnonzero(np.diff(np.concatenate([[0], np.convolve(sounds, np.ones(480), "same") > 0, [0]])))
    assert len(spans) == 4, "it sounds twice, with a pause in between"
    for begin, stop in (spans[:2], spans[2:]):
        assert 1.8 * RATE_HZ < stop - begin < 2.1 * RATE_HZ
    assert np.abs(np.diff(left, 2)).max() < 1.1 * STEEPEST, "fades add a little, a cut would add ten times as much"
    assert np.abs(left).max() > 0.99 * LEVEL


def test_without_a_server_it_ends_with_a_reason(tmp_path) -> None:
    command = [
        Path(sys.executable).parent / "stemfield",
        "source",
        "pcm",
        "--fifo",
        tmp_path / "f",
        "--server",
        "nowhere",
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "stemfield: error: no JACK server nowhere\n"
