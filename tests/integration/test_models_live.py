"""Changes of model during playback, on a real jackd: inaudible, and unusable models are refused."""

import hashlib
import re

import numpy as np
import onnx
import pytest
import toy_models as toys
import yaml
from pipewire import check_sound

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.separation.cards.presets import PRESETS

LABELS = list(load_layout("quad").labels)
OBJECTS = ("vocals", "bass", "drums", "other", "residual")
FRONT, BEHIND = [LABELS.index("M+045")], [LABELS.index("M-135")]


@pytest.fixture
def models(tmp_path):
    """Toy models: sides as instruments, in small chunks; one with seconds of latency; one that is too slow."""
    folder = tmp_path / "models"
    toys.small_wave(folder / "sides", [[1.0, 0.0], [0.0, 1.0]])
    toys.small_wave(folder / "late", samples=200_000)
    toys.slow_stream(folder / "slow")
    return folder


@pytest.fixture
def playing(jackd, daemon, jack_client, models):
    """A daemon in a square room: vocals on one loudspeaker behind, all else on one in front, at half level."""
    tape = np.tile(np.float32(0.5) * demo_mixture(), 3)  # longer than a busy machine needs for the changes
    server = jackd(period_frames=256, sync=True)
    room = daemon(
        driver="jack",
        layout="quad",
        jack={"server_name": server.name},
        separation={"margin_ms": 150},
        model_folders=[str(models)],
    )
    room.start()
    room.wait_for_worker()
    client = jack_client(server.name, len(LABELS), tape)
    client.connect("stemfield", ["mixture_L", "mixture_R"], LABELS)
    room.wait_for("stems arrive")
    for name in OBJECTS:
        room.send(f"/object/{name}/aed", -135.0 if name == "vocals" else 45.0, 0.0, 1.0)
        room.send(f"/object/{name}/width", 0.0)
    room.settle()
    return room, client


def recorded(room, client):
    """Recorded and played sound, aligned, from the first second until three seconds from now."""
    end = client.at + 3 * DEMO_RATE_HZ
    client.wait(end)
    latency = int(room.log.read_text().split("latency ")[1].split(" frames")[0])
    for late in (latency, latency + 256, latency + 512):
        heard, played = client.record[:, DEMO_RATE_HZ + late : end], client.tape[:, DEMO_RATE_HZ : end - late]
        if np.abs(heard.sum(0) - played.sum(0))[:9600].max() < 1e-4:
            return heard, played
    raise AssertionError("the recording is not found again")


def test_the_next_model_takes_over_and_no_sample_of_the_recording_is_lost(playing):
    room, client = playing
    client.roll()
    client.wait(3 * DEMO_RATE_HZ)
    room.send("/separation/model", "sides")
    room.wait_for("model sides plays")
    begin = client.at - DEMO_RATE_HZ // 2  # of what is heard then, which begins a second later
    client.wait(client.at + 2 * DEMO_RATE_HZ)
    room.send("/separation/model", "studio")
    room.wait_for(f"model {PRESETS['studio']} plays")
    end = client.at - DEMO_RATE_HZ // 2
    heard, played = recorded(room, client)
    check_sound(heard.sum(0), played.sum(0), 256, 1e-5)
    text = room.log.read_text()
    assert f"model {PRESETS['studio']} (studio) requested" in text
    assert "no stems" not in text
    between = slice(begin, begin + DEMO_RATE_HZ)
    np.testing.assert_allclose(heard[BEHIND[0], between], played[0, between], atol=1e-4)  # the left side
    later = slice(end, end + DEMO_RATE_HZ)
    assert np.abs(heard[BEHIND[0], later] - played[0, later]).max() > 1e-2


def test_a_model_that_cannot_play_here_leaves_the_present_one_playing(playing):
    room, client = playing
    worker = room.worker()
    client.roll()
    client.wait(2 * DEMO_RATE_HZ)
    for model, reason in (
        ("late", "make it the configured model, or enlarge separation.margin_ms, and restart"),
        ("slow", "s of compute per second of sound here: use it on files"),
    ):
        room.send("/separation/model", model)
        room.wait_for(reason)
        assert room.worker() == worker
    heard, played = recorded(room, client)
    check_sound(heard.sum(0), played.sum(0), 256, 1e-5)
    assert room.worker() == worker
    assert not {"model late plays", "model slow plays"} & set(re.findall(r"model \w+ plays", room.log.read_text()))
    assert np.square(heard[BEHIND]).sum() > 1e-3 * np.square(heard[FRONT]).sum()


def broken(folder, changes=None, graph=None):
    """A model like `sides` with another card or graph, and a valid checksum."""
    toys.small_wave(folder)
    if graph is not None:
        (folder / "wave.onnx").write_bytes(graph)
    data = yaml.safe_load((folder / "card.yaml").read_text()) | (changes or {})
    data["files"][0]["sha256"] = hashlib.sha256((folder / "wave.onnx").read_bytes()).hexdigest()
    (folder / "card.yaml").write_text(yaml.safe_dump(data))


def test_no_broken_model_ends_the_daemon_and_the_next_good_one_plays(daemon, models):
    """Every problem is one line in the log, whether in the card or found by the worker."""
    broken(models / "no-graph", graph=b"this is no graph")
    broken(models / "other-shape", {"chunk": {"samples": 1024, "trim": 60}})
    model = onnx.load(str(models / "sides" / "wave.onnx"))
    model.opset_import[0].version = 999
    broken(models / "opset", graph=model.SerializeToString())
    toys.small_wave(models / "not-finite", [[np.nan, np.inf], [1.0, 1.0]])
    room = daemon(
        driver="clock",
        layout="quad",
        model="no-graph",
        model_folders=[str(models)],
        separation={"margin_ms": 150},
    )
    room.start()
    room.wait_for("no usable ONNX graph")
    room.send("/separation/model", "light")
    room.wait_for("stems arrive")
    for name, reason in (("other-shape", "expected shape [1, 2, 1024] as in the card"), ("opset", "opset")):
        room.send("/separation/model", name)
        room.wait_for(f"{name}/wave.onnx: ")
        room.wait_for(reason)
    room.send("/separation/model", "not-finite")
    room.wait_for("model not-finite plays")
    assert room.ask("/ping") == []
    text = room.log.read_text()
    assert "Traceback" not in text
    assert text.count("no stems") == 0
    assert room.stop() == 0
