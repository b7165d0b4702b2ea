"""The binaural monitor in a running daemon: ports, latency, head rotation and meters."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.hrtf import AnalyticHead

LABELS = list(load_layout("quad").labels)
EARS = ["monitor_left", "monitor_right"]


def test_what_is_heard_live_is_the_file_for_headphones(jackd, daemon, jack_client, tmp_path, stemfield, until):
    tape = demo_mixture()[:, : 5 * DEMO_RATE_HZ]
    song, rendered = tmp_path / "song.wav", tmp_path / "rendered.wav"
    soundfile.write(song, tape.T, DEMO_RATE_HZ, subtype="FLOAT")
    stemfield("upmix", song, rendered, "--live", "--layout", "quad", "--binaural")
    offline = soundfile.read(rendered, dtype="float32", always_2d=True)[0].T
    assert offline.shape == tape.shape

    server = jackd(period_frames=256, sync=True)
    room = daemon(
        driver="jack",
        layout="quad",
        jack={"server_name": server.name, "connect_monitor": list(server.playback)},
        separation={"margin_ms": 150},
        monitor={"binaural": True},
    )
    room.start()
    room.wait_for_worker()
    client = jack_client(server.name, 6, np.concatenate([tape, np.zeros((2, DEMO_RATE_HZ), np.float32)], axis=1))
    client.connect("stemfield", ["mixture_L", "mixture_R"], [*LABELS, *EARS])

    def on_phones(ear, phone):
        peers = client.jack.get_all_connections(client.jack.get_port_by_name(f"stemfield:{ear}"))
        return phone in [peer.name for peer in peers]

    until(lambda: all(map(on_phones, EARS, server.playback)), 5, "the configured headphones")
    room.wait_for("stems arrive")
    client.roll()
    client.wait_end()
    latency = int(room.log.read_text().split("latency ")[1].split(" frames")[0])
    latency += AnalyticHead(DEMO_RATE_HZ).latency_frames
    lives = [client.record[4:, late : late + tape.shape[1]] for late in (latency, latency + 256, latency + 512)]
    assert min(np.abs(live - offline).max() for live in lives) == 0


def test_the_head_turns_by_osc_and_the_meters_tell(daemon, tmp_path, until):
    noise = 0.1 * np.random.default_rng(0).standard_normal((3 * DEMO_RATE_HZ, 2))
    soundfile.write(tmp_path / "noise.wav", noise, DEMO_RATE_HZ)
    room = daemon(
        driver="clock",
        layout="quad",
        input=str(tmp_path / "noise.wav"),
        separation={"enabled": False},
        monitor={"binaural": True},
    )
    room.start()
    room.send("/object/*/aed", 90.0, 0.0, 1.0)
    room.send("/object/*/width", 0.0)

    def sides():
        left_peak, left, right_peak, right = room.ask("/meter/monitor")
        assert left_peak >= left - 0.1
        assert right_peak >= right - 0.1
        return left - right

    until(lambda: sides() > 3.0, 5, "louder on the left")
    room.send("/listener/ypr", 180.0, 0.0, 0.0)
    until(lambda: sides() < -3.0, 5, "louder on the right of a head that looks behind")
    for address in ("/meter/object/residual", "/meter/mixture"):
        until(lambda a=address: room.ask(a)[1] == pytest.approx(-20.0, abs=0.5), 5, address)
    until(lambda: room.ask("/meter/speaker/M+045")[1] > -25.0, 5, "it has risen out of silence")
    until(lambda: room.ask("/meter/speaker/M-045")[1] == -120.0, 5, "nothing on the right")
    room.send("/master/mute", True)
    until(lambda: room.ask("/meter/speaker/M+045")[1] == -120.0, 5, "silence")
    room.send("/speaker/M-135/identify")
    until(lambda: room.ask("/meter/speaker/M-135")[0] > -25.0, 5, "a voice from behind on the right")


def test_a_broken_head_is_one_line_and_the_daemon_does_not_start(daemon, tmp_path):
    (tmp_path / "broken.sofa").write_text("nobody")
    room = daemon(driver="clock", monitor={"binaural": True, "hrtf": str(tmp_path / "broken.sofa")})
    room.start(ready=False)
    assert room.process.wait(20) == 2
    room.process = None
    (line,) = room.log.read_text().splitlines()
    assert "broken.sofa: damaged, or not a SOFA file" in line
