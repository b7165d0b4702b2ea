"""Silence at the inputs, on a real jackd: the model rests, and the first note afterwards is whole."""

from __future__ import annotations

import urllib.request

import numpy as np
from daemon_process import free_port
from prometheus_client.parser import text_string_to_metric_families

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.separation.streaming.streaming import PAUSE_S

LABELS = list(load_layout("quad").labels)
NOTE = 2 * DEMO_RATE_HZ
REST = round((PAUSE_S + 3.5) * DEMO_RATE_HZ)
AWAY = 1237
"""The second note begins at another place in a period and in a hop."""


def test_the_model_rests_in_silence_and_the_next_note_sounds_like_the_first(jackd, daemon, jack_client):
    note = np.float32(0.5) * demo_mixture()[:, 5 * DEMO_RATE_HZ :][:, :NOTE]
    silence = np.zeros((2, REST), np.float32)
    lead = np.zeros((2, DEMO_RATE_HZ), np.float32)
    tape = np.concatenate([lead, note, silence, silence[:, :AWAY], note, silence], axis=1)
    server = jackd(period_frames=256, sync=True)
    port = free_port()
    room = daemon(
        driver="jack",
        layout="quad",
        jack={"server_name": server.name},
        separation={"margin_ms": 150},
        http={"port": port},
    )
    room.start()
    client = jack_client(server.name, len(LABELS), tape)
    client.connect("stemfield", ["mixture_L", "mixture_R"], LABELS)
    room.wait_for("stems arrive")
    room.send("/object/vocals/aed", -135.0, 0.0, 1.0)
    room.send("/object/vocals/width", 0.0)
    room.settle()

    def metrics():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            families = text_string_to_metric_families(answer.read().decode())
        return {
            sample.name.removeprefix("stemfield_"): sample.value for family in families for sample in family.samples
        }

    before = metrics()
    client.roll()
    silent_from = len(lead[0]) + NOTE
    client.wait(silent_from + round((PAUSE_S + 1.0) * DEMO_RATE_HZ))
    asleep = metrics()
    client.wait(silent_from + REST - DEMO_RATE_HZ // 2)
    still = metrics()
    client.wait_end()
    assert before["separated_seconds_total"] == 0.0, "there was only silence"
    assert 1.9 <= asleep["separated_seconds_total"] <= 2.0 + PAUSE_S + 0.5
    assert still["separated_seconds_total"] == asleep["separated_seconds_total"]
    assert still["stems_share"] == 1.0
    assert still["without_stems_seconds_total"] == before["without_stems_seconds_total"]
    assert still["worker_load"] < asleep["worker_load"]
    second = silent_from + REST + AWAY
    first, again = (client.record[:, at : at + NOTE + DEMO_RATE_HZ // 2] for at in (len(lead[0]), second))
    assert np.abs(first[LABELS.index("M-135")]).max() > 0.01, "the voice is behind"
    assert np.abs(again - first).max() < 1e-4 * np.abs(first).max()
