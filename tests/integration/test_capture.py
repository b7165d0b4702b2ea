"""`stemfield record` with a daemon on a real jackd: the file plays what was heard."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stemfield.control.offline.demo import DEMO_RATE_HZ, demo_mixture
from stemfield.layouts.loader import load_layout
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.selection import select
from stemfield.renderer.files.bw64 import Bw64Reader

LAYOUT = load_layout("22.2")
LABELS = list(LAYOUT.labels)
INPUTS = ["mixture_L", "mixture_R", "guitar", "piano_L", "piano_R"]
RATE = DEMO_RATE_HZ
COMMAND = str(Path(sys.executable).with_name("stemfield"))


@pytest.fixture
def begin(tmp_path):
    """Start `stemfield record` for a daemon, and wait until it captures."""
    running = []

    def start(room, target, *words):
        config = room.folder / "config.yaml"
        command = [COMMAND, "record", str(target), "--config", str(config), *words]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        end_s = time.monotonic() + 30
        while not room.ask("/recorder/state")[0].startswith("capturing"):
            assert time.monotonic() < end_s
            assert running[-1].poll() is None, running[-1].stderr.read()
            time.sleep(0.02)
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def played_of(path):
    with Bw64Reader(path) as reader:
        items = select(read_document(reader.axml), reader.entries).items
        feeds = np.concatenate(list(feeds_of(reader.blocks(8192), reader.sample_rate_hz, items, LAYOUT)), axis=1)
    return items, feeds


def offset_of(part, whole):
    """Position of a part in the whole sound."""
    size = 1 << (len(whole) + len(part)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole)]
    return int(likeness.argmax())


def test_what_was_heard_is_what_is_played_of_the_file(jackd, daemon, jack_client, begin, tmp_path):
    rng = np.random.default_rng(3)
    tape = np.zeros((5, 9 * RATE), np.float32)
    tape[:2] = 0.3 * demo_mixture()[:, : 9 * RATE]
    tape[2:] = rng.uniform(-0.05, 0.05, (3, 9 * RATE))
    server = jackd(period_frames=256, sync=True)
    inputs = [{"name": "guitar", "channels": 1}, {"name": "piano", "channels": 2}]
    room = daemon(driver="jack", jack={"server_name": server.name}, separation={"enabled": False}, inputs=inputs)
    room.start()
    client = jack_client(server.name, len(LABELS), tape)
    client.connect("stemfield", INPUTS, LABELS)
    room.send("/object/guitar/aed", 60.0, 20.0, 1.0)
    room.settle()
    target = tmp_path / "live.adm.wav"
    recording = begin(room, target)
    client.roll()
    client.wait(2 * RATE)
    moved = client.at
    room.send("/object/guitar/aed", -120.0, 0.0, 1.0)
    room.send("/object/residual/aed", 120.0, 0.0, 1.0)  # its sides share no loudspeaker
    client.wait(moved + 2 * RATE)
    end = client.at - RATE // 2  # what is on its way is not heard yet
    recording.send_signal(signal.SIGINT)
    out, err = recording.communicate(timeout=60)
    assert recording.returncode == 0, err
    assert out.startswith(f"{target}: 13 objects, -")
    assert not list((room.folder / "state" / "recordings" / "captures").iterdir())

    items, feeds = played_of(target)
    names = ["residual left", "residual right", "guitar", "piano left", "piano right"]
    assert [item.name for item in items[8:]] == names
    sample = client.record[:, RATE : 3 * RATE // 2]
    early = offset_of(sample.sum(axis=0), feeds.sum(axis=0)) - RATE
    heard, feeds = client.record[:, RATE // 2 : end], feeds[:, early + RATE // 2 : early + end]
    assert feeds.shape == heard.shape
    difference = np.abs(feeds - heard).max(axis=0) / np.abs(heard).max()
    different = np.flatnonzero(difference > 1e-4)  # -80 dB
    # All is the same but for the moments of the moves, which are known to within a turn of a loop that may be late.
    if len(different):
        assert moved <= different[0] + RATE // 2
        assert different[-1] + RATE // 2 < moved + RATE
    places = [[block.position[0] for block in item.blocks] for item in items if item.name == "guitar"]
    assert places == [[60.0, -120.0]]


def test_without_music_and_without_a_daemon_it_is_told_why(daemon, tmp_path):
    room = daemon(driver="clock")
    config = str(room.folder / "config.yaml")
    command = [COMMAND, "record", str(tmp_path / "a.wav"), "--config", config]

    def refusal(*more):
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=30)
        assert done.returncode in (1, 2)
        assert not (tmp_path / "a.wav").exists()
        return done.stderr

    assert "no reply from a daemon" in refusal("--seconds", "1")
    assert (
        "there is no folder"
        in subprocess.run([COMMAND, "record", str(tmp_path / "none" / "a.wav")], capture_output=True, text=True).stderr
    )


def test_by_the_clock_for_some_seconds(daemon, begin, tmp_path):
    """Without server and music the objects are silent, but the file has their positions."""
    room = daemon(driver="clock")
    room.start()
    process = begin(room, tmp_path / "a.wav", "--seconds", "1.5")
    time.sleep(0.5)
    room.send("/object/drums/aed", 90.0, 0.0, 1.0)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "10 objects, silence" in out
    with Bw64Reader(tmp_path / "a.wav") as reader:
        assert 1.2 < reader.frames / reader.sample_rate_hz < 2.5
        (item,) = [i for i in select(read_document(reader.axml), reader.entries).items if i.name == "drums left"]
    assert [block.position[0] for block in item.blocks][-1] == pytest.approx(120.0)  # as wide as 60 degrees
    assert 0.3 < float(item.blocks[1].start_s) < 1.2
