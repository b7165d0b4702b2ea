"""One scene, two daemons: one separates, the other has the loudspeakers."""

from __future__ import annotations

import os
import re

import numpy as np

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout

LABELS = list(load_layout("quad").labels)
BEHIND = LABELS.index("M-135")
OBJECTS = ("vocals", "bass", "drums", "other", "residual")
PERIOD = 1024
PIECE = DEMO_RATE_HZ // 2


def two_daemons(daemon, far_server, here_server, stems):
    """A separation on one server, and a renderer on the other that takes its stems from ports with these names."""
    far = daemon(
        driver="jack",
        role="separation",
        model="light",
        jack={"server_name": far_server, "client_name": "separation", "connect_inputs": ["studio:out*"]},
        separation={"margin_ms": 150},
    )
    here = daemon(
        driver="jack",
        role="renderer",
        layout="quad",
        jack={"server_name": here_server, "client_name": "room", "connect_inputs": [stems]},
        peer={"host": "127.0.0.1", "port": far.port, "bridge_ms": 50.0},  # there is none: JACK knows the way
    )
    return far, here


def tape_of(seconds):
    """The demo song in a loop, with noise so that it is never silent."""
    song = np.float32(0.45) * demo_mixture()
    frames = seconds * DEMO_RATE_HZ
    tape = np.tile(song, -(-frames // song.shape[1]))[:, :frames]
    return np.float32(tape + np.random.default_rng(0).uniform(-1e-3, 1e-3, tape.shape))


def place(room):
    """Place vocals behind, everything else in front, each at one loudspeaker."""
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", -135.0 if name == "vocals" else 45.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)
    room.settle()


def piece(client, frames=PIECE):
    """Start of the next frames of the recording."""
    at = client.at
    client.wait(at + frames + 8192)
    return at


def error_db(client, start, frames, lates):
    """Sum of all loudspeakers minus the delayed mixture, relative to the mixture, at the best of these delays."""
    heard = client.record[:, start : start + frames].astype(float).sum(0)
    errors = []
    for late in lates:
        played = client.tape[:, start - late : start - late + frames].astype(float).sum(0)
        errors.append(10 * np.log10(np.square(heard - played).sum() / np.square(played).sum()))
    return min(errors)


def kill(one):
    one.process.kill()
    one.process.wait()


def joined(server, daemon, jack_client, seconds):
    """Both daemons, the scene and a playing client, with the possible delays of the loop through the server."""
    client = jack_client(server.name, len(LABELS), tape_of(seconds))
    far, here = two_daemons(daemon, server.name, server.name, "separation:*_[LR]")
    far.start()
    here.start()
    far.wait_for("stems arrive")
    place(here)
    own = sum(int(re.search(r"latency (\d+) frames", one.log.read_text())[1]) for one in (far, here))
    return far, here, client, [own + extra * PERIOD for extra in range(4)]


def listen_to(client):
    for label, port in zip(LABELS, client.ins, strict=True):
        client.jack.connect(f"room:{label}", port)


def sounds(client, lates):
    """Whether the output is the recording to the last bits, with vocals behind."""
    start = piece(client)
    behind = np.square(client.record[BEHIND, start : start + PIECE]).sum()
    return error_db(client, start, PIECE, lates) < -90 and behind > 1e-3


def test_on_one_server_the_sum_is_the_mixture_and_the_latency_one_figure(jackd, daemon, jack_client, until):
    server = jackd(period_frames=PERIOD, sync=True)
    far, here, client, lates = joined(server, daemon, jack_client, 60)
    # Asked for before a loop of ours is closed, in which what JACK adds up grows for ever.
    until(lambda: abs(here.ask("/status/latency")[0] - 1e3 * lates[0] / DEMO_RATE_HZ) < 0.1, 10, "the whole latency")
    listen_to(client)
    client.roll()
    client.wait(2 * PIECE)
    until(lambda: sounds(client, lates), 30, "the recording, vocals from behind")

    here.send("/separation/threshold", 0.5)
    until(lambda: far.ask("/separation/threshold") == [0.5], 5, "the threshold is forwarded")
    far.send("/object/vocals/aed", 0.0, 0.0, 1.0)
    assert b"role: renderer" in far.osc.recv(65_536)

    before = client.at  # a dead worker is heard by nobody
    os.kill(far.wait_for_worker(), 9)
    piece(client, 2 * PIECE)
    assert error_db(client, before, client.at - before - 8192, lates) < -90


def test_a_side_that_is_killed_comes_back(jackd, daemon, jack_client, until):
    """With an asynchronous server: a synchronous jackd would wait for the killed client."""
    server = jackd(period_frames=PERIOD, prompt=True)
    far, here, client, lates = joined(server, daemon, jack_client, 120)
    listen_to(client)
    client.roll()
    client.wait(2 * PIECE)
    until(lambda: sounds(client, lates), 30, "sound before")
    kill(here)
    here.start()
    listen_to(client)
    until(lambda: sounds(client, lates), 30, "the renderer comes back with its scene")
    kill(far)
    far.start()
    far.wait_for("stems arrive")
    until(lambda: sounds(client, lates), 30, "the separation comes back")
