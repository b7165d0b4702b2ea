"""Output of a daemon that starts, that returns, and that gets invalid input, on a real server."""

from __future__ import annotations

import signal
import time
from typing import Any

import numpy as np
import toy_models as toys
from jack_client import JackClient
from pipewire import StepError

from stemfield.renderer.dsp.output_fade import FALL_S, RISE_S

RATE = 48_000
FRONT = {"connect_inputs": ["studio:out*"], "connect_outputs": ["studio:in*"]}


def steady(seconds: float) -> np.ndarray:
    """Constant input: without fades, every start and end is a step of half of full scale."""
    return np.full((2, round(seconds * RATE)), 0.5, np.float32)


def is_there(client: Any) -> bool:
    """Whether there was sound in the last tenth of a second."""
    end = client.at
    return end > 4800 and bool(np.abs(client.record[:, end - 4800 : end]).min() > 0.2)


def check_steps(steps: np.ndarray, allowed: np.ndarray) -> None:
    """Check each output for steps; `StepError`, because PipeWire makes steps, and must do nothing else wrong."""
    if not (steps < allowed).all():
        raise StepError(f"{steps}: allowed {allowed}")


def check_rise(heard: np.ndarray) -> None:
    """Check for a linear fade-in from silence to a constant level."""
    level = np.abs(heard[:, -1])
    assert (level > 0.2).all()
    steps = np.abs(np.diff(heard, axis=1)).max(axis=1)
    check_steps(steps, 1.05 * level / (RISE_S * RATE))
    assert np.abs(heard[:, 0]).max() == 0.0


def test_outputs_rise_and_sink_whenever_the_daemon_or_the_server_comes_and_goes(
    jackd: Any, daemon: Any, jack_client: Any, until: Any
) -> None:
    server = jackd(period_frames=256, sync=True)
    one = daemon(
        driver="jack", layout="stereo", jack={"server_name": server.name, **FRONT}, separation={"enabled": False}
    )
    client = JackClient(server.name, 2, steady(30))
    client.roll()
    one.start()
    until(lambda: is_there(client), 10, "it is there")
    time.sleep(RISE_S)
    check_rise(client.record[:, : client.at - 1000])

    client.close()
    one.process.send_signal(signal.SIGSTOP)  # it is back only when all is there again
    server.stop(kill=True)
    server.start()
    again = jack_client(server.name, 2, steady(30))
    again.roll()
    one.process.send_signal(signal.SIGCONT)
    until(lambda: is_there(again), 15, "and after the server")
    time.sleep(RISE_S)
    check_rise(again.record[:, : again.at - 1000])

    before = again.at
    assert one.stop() == 0
    time.sleep(0.1)
    heard = again.record[:, before : again.at - 1000]
    level = np.abs(heard[:, 0])
    assert (np.abs(heard[:, -1]) == 0.0).all()
    check_steps(np.abs(np.diff(heard, axis=1)).max(axis=1), 1.05 * level / (FALL_S * RATE))


def test_rubbish_of_clients_and_models_is_silenced_and_counted(
    jackd: Any, daemon: Any, jack_client: Any, until: Any, tmp_path: Any
) -> None:
    """A loudspeaker with a ceiling stays below it, whatever its trim."""
    toys.small_wave(tmp_path / "models" / "rubbish", [[1e30, -1e30], [0.5, 0.5]])
    (tmp_path / "den.yaml").write_text(
        "name: den\nspeakers:\n"
        "  - {label: L, azimuth_deg: 30, radius_m: 2, channel: 1, max_level_db: -20, gain_db: 20}\n"
        "  - {label: R, azimuth_deg: -30, radius_m: 2, channel: 2}\n"
    )
    server = jackd(period_frames=256, sync=True)
    one = daemon(
        driver="jack",
        layout=str(tmp_path / "den.yaml"),
        jack={"server_name": server.name},
        inputs=[{"name": "guitar"}],
        separation={"margin_ms": 150},
        model="rubbish",
        model_folders=[str(tmp_path / "models")],
        monitor={"binaural": True},
    )
    tape = (0.4 * np.random.default_rng(1).standard_normal((3, 4 * RATE))).astype(np.float32)
    bad = np.random.default_rng(2).random(tape.shape) < [[0.01], [0.0], [0.3]]
    tape[bad] = np.random.default_rng(3).choice(np.float32([np.nan, np.inf, -np.inf, 3e38, -2e4]), int(bad.sum()))
    one.start()
    one.wait_for_worker()
    client = jack_client(server.name, 4, tape)
    client.connect("stemfield", ["mixture_L", "mixture_R", "guitar"], ["L", "R", "monitor_left", "monitor_right"])
    one.wait_for("stems arrive")
    one.send("/object/guitar/gain", 20.0)
    one.send("/object/guitar/eq", *(["lowpass", 90.0, 100.0, 0.0] * 16))
    one.send("/speaker/L/sweep")
    one.settle()
    client.roll()
    client.wait_end()
    end = client.at
    heard = client.record[:, :end]
    assert np.isfinite(heard).all()
    left, *others = np.abs(heard[:, RATE:]).max(axis=1)
    assert 0.05 < left <= np.float32(0.1)
    assert min(others) > 0.05
    assert max(others) <= 1.0
    until(lambda: one.ask("/status/bad_input") == bad.sum(axis=1).tolist(), 5, "what was bad is counted to the end")
    stems = one.ask("/status/bad_stems")
    assert len(stems) == 4
    assert stems[0] > RATE
    assert stems[1:] == [0, 0, 0]
    assert one.ask("/status/bad_player") == [0]
    assert one.process.poll() is None
