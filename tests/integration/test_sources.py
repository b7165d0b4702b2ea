"""Programs that `stemfield source enable` installs, started as by systemd: into the desktop's device, and by a FIFO."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from daemon_process import free_port
from pipewire import PipeWire
from servers import need

from stemfield.control.config.device import DeviceConfig
from stemfield.control.device.sink_file import sink_file
from stemfield.systemd.install import write

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
RATE_HZ = 48_000
TONE_HZ = 750.0
LEVEL = 0.25
PATIENCE_S = 30.0


def wait_for(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Home:
    """The folders of a user, the commands that he runs, and the services that his systemd would run."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.music = folder / "Music"
        for name, own in (("HOME", ""), ("XDG_CONFIG_HOME", ".config"), ("XDG_DATA_HOME", ".data")):
            (folder / own).mkdir(exist_ok=True)
            monkeypatch.setenv(name, str(folder / own))
        self.runtime = folder / "run"
        self.runtime.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(self.runtime))
        for name in ("PIPEWIRE_RUNTIME_DIR", "PIPEWIRE_REMOTE", "PIPEWIRE_CORE"):
            monkeypatch.delenv(name, raising=False)
        self.music.mkdir()
        n = np.arange(60 * RATE_HZ)
        tone = LEVEL * np.sin(2.0 * np.pi * TONE_HZ / RATE_HZ * n)
        soundfile.write(self.music / "tone.flac", np.stack([tone, 0.5 * tone], axis=1), RATE_HZ, subtype="PCM_24")
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self, *words: str) -> None:
        subprocess.run([STEMFIELD, *words], check=True, stdout=subprocess.DEVNULL)

    def start(self, *words: str, **environment: str) -> None:
        """Start a program until the end of the test."""
        process = subprocess.Popen(words, env=os.environ | environment, stderr=subprocess.DEVNULL)
        self._processes.append(process)

    def start_unit(self, file: str, *more: str) -> None:
        """Start what a unit says, whose words have no special characters."""
        text = (self.folder / ".config" / "systemd" / "user" / file).read_text()
        settings = [line.partition("=")[::2] for line in text.splitlines() if "=" in line and line[0] != "#"]
        environment = dict(shlex.split(value)[0].split("=", 1) for key, value in settings if key == "Environment")
        for key, value in settings:
            if key == "RuntimeDirectory":
                (self.runtime / value).mkdir(exist_ok=True)
            if key == "ExecStartPre":
                subprocess.run(shlex.split(value.removeprefix("-")), check=not value.startswith("-"))
            if key == "ExecStart" and value:
                self.start(*shlex.split(value), *more, **environment)

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            process.wait(10)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    made = Home(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def desktop(home: Home) -> Iterator[PipeWire]:
    """A headless PipeWire with a session manager and the device."""
    write(sink_file("stemfield", DeviceConfig().sinks("stemfield"), ""))
    server = PipeWire(home.runtime)
    server.start()
    server.run("dbus-run-session", "--", need("wireplumber"))
    yield server
    server.stop()


def mpd(port: int, *commands: str) -> dict[str, str]:
    """What MPD answers to the last command."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection, connection.makefile("rw") as lines:
        assert lines.readline().startswith("OK MPD")
        for command in commands:
            lines.write(command + "\n")
            lines.flush()
            found = []
            while not (line := lines.readline()).startswith(("OK", "ACK")):
                found.append(line.rstrip("\n").split(": ", 1))
            assert line.startswith("OK"), (command, line)
    return dict(found)


def play(port: int) -> None:
    """Have MPD play the tone, once it has found it."""

    def knows_it() -> bool:
        with suppress(OSError):
            return mpd(port, "stats")["songs"] == "1"
        return False

    wait_for(knows_it, "MPD finds the music")
    mpd(port, "add tone.flac", "play")


def check_tone(sound: np.ndarray) -> None:
    """Left is the tone, right half of it; other sound is 60 dB below."""
    n = np.arange(len(sound))
    basis = np.stack([np.sin(2.0 * np.pi * TONE_HZ / RATE_HZ * n), np.cos(2.0 * np.pi * TONE_HZ / RATE_HZ * n)], axis=1)
    found, *_ = np.linalg.lstsq(basis, sound, rcond=None)
    left, right = np.hypot(*found)
    assert left == pytest.approx(LEVEL, rel=0.01)
    assert right == pytest.approx(LEVEL / 2, rel=0.01)
    assert np.abs(sound - basis @ found).max() < 1e-3 * LEVEL


def links(desktop: PipeWire) -> list[str]:
    """Names of what plays into the device."""
    shown = subprocess.check_output([need("pw-link"), "-l"], env=desktop.environment, text=True)
    found = [line.partition("|<-")[2].strip() for line in shown.splitlines() if "|<-" in line]
    return sorted(name for name in found if "monitor" not in name)


def test_programs_play_into_the_device_of_the_desktop(home: Home, desktop: PipeWire) -> None:
    """MPD by its own output for PipeWire; ffmpeg by ALSA, as the other recipes."""
    port = free_port()
    home.run("source", "enable", "mpd", "--user", "--yes", "--no-start", "--name", "Room", "--port", str(port))
    home.start_unit("stemfield-mpd.service")
    play(port)
    wait_for(lambda: len(links(desktop)) == 2, "MPD is connected")
    assert links(desktop) == ["mpd.Room:output_FL", "mpd.Room:output_FR"]
    record = home.folder / "record.wav"
    words = [need("pw-record"), "--target=stemfield-device", "--properties={stream.capture.sink=true}", str(record)]
    recorder = subprocess.Popen(words, env=desktop.environment)
    wait_for(lambda: record.exists() and record.stat().st_size > 1.5 * RATE_HZ * 2 * 2, "the device is recorded")
    recorder.terminate()
    recorder.wait(10)
    sound, rate_hz = soundfile.read(record)
    assert rate_hz == RATE_HZ
    check_tone(sound[-RATE_HZ : -RATE_HZ // 4])
    mpd(port, "stop")
    wait_for(lambda: not links(desktop), "MPD has stopped")
    words = ["-loglevel", "error", "-re", "-i", str(home.music / "tone.flac"), "-f", "alsa", "pipewire"]
    home.start(need("ffmpeg"), *words, PIPEWIRE_NODE="stemfield-device")
    wait_for(lambda: len(links(desktop)) == 2, "ALSA's plug-in is connected to the device")


def test_mpd_plays_by_a_fifo_into_jack(home: Home, jackd, jack_client) -> None:
    server = jackd(period_frames=256, sync=True)
    home.run("service", "install", "--user", "--server", "none", "--yes", "--no-start")
    port = free_port()
    words = ["--user", "--through", "fifo", "--yes", "--no-start", "--port", str(port)]
    home.run("source", "enable", "mpd", *words)
    more = ["--server", server.name, "--connect", "studio:in?"]
    home.start_unit("stemfield-source@mpd.service.d/stemfield.conf", *more)
    home.start_unit("stemfield-mpd.service")
    client = jack_client(server.name, 2, np.zeros((0, 20 * RATE_HZ), np.float32))
    play(port)
    wait_for(lambda: all(port.number_of_connections for port in client.ins), "the source is connected")
    client.roll()
    wait_for(lambda: client.record[0, : client.at].max(initial=0.0) > 0.99 * LEVEL, "the music fades in")
    begin = client.at
    client.wait(begin + RATE_HZ)
    left, right = client.record[:, begin : begin + RATE_HZ]
    assert np.allclose(right, left / 2, atol=1e-4 * LEVEL)
    assert np.sqrt(2.0 * np.mean(left**2)) == pytest.approx(LEVEL, rel=0.01)
    crossings = np.flatnonzero((left[:-1] < 0) & (left[1:] >= 0))
    # the clocks of jackd and MPD differ, and the source follows
    assert np.diff(crossings) == pytest.approx(RATE_HZ / TONE_HZ, abs=1.5), "without a gap"
    assert np.abs(np.diff(left, 2)).max() < 1.02 * LEVEL * (2.0 * np.pi * TONE_HZ / RATE_HZ) ** 2, "without a click"
