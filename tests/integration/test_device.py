"""The daemon as a sound device of a desktop: a headless PipeWire with its session manager and a fake 5.1 card."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from daemon_process import Daemon
from servers import need

from stemfield.control.device.pipewire import objects_of

MANUAL = Path(__file__).parents[2] / "docs" / "desktop.md"
STEMFIELD = str(Path(sys.executable).parent / "stemfield")
CARD = """
context.objects = [ {
  factory = adapter
  args = {
    factory.name = support.null-audio-sink
    node.name = alsa_output.pci-0000_00_1f.3.analog-surround-51
    node.description = "Built-in Audio Analog Surround 5.1"
    media.class = Audio/Sink
    audio.position = [ FL FR RL RR FC LFE ]
  }
} ]
"""
"""Ports of a sound card, named and numbered as by PipeWire."""
PROGRAMS = {"server": "pipewire", "manager": "wireplumber"}
RESTARTS = 2
"""Of each program."""
PLACES = {"M+030": "FL", "M-030": "FR", "M+000": "FC", "LFE1": "LFE", "M+110": "RL", "M-110": "RR"}
CARD_NODE = "alsa_output.pci-0000_00_1f.3.analog-surround-51"
MUSIC = {f"stemfield-device:monitor_F{side}": f"stemfield:mixture_{side}" for side in "LR"}


SUPERVISOR = """
trap 'kill $!; exit' TERM
while true; do "$@" & wait $!; done
"""
"""Starts a program again whenever it ends, as systemd does."""
SUPERVISED = ("sh", "-c", SUPERVISOR, "sh")


class Desktop:
    """PipeWire and WirePlumber, and the commands that a user runs there."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        config = folder / "config"
        parts = config / "pipewire" / "pipewire.conf.d"
        parts.mkdir(parents=True)
        (parts / "card.conf").write_text(CARD)
        self.file = parts / "stemfield.conf"
        self.folder = folder / "run"
        self.folder.mkdir(mode=0o700)
        values = {"XDG_RUNTIME_DIR": self.folder, "XDG_CONFIG_HOME": config, "XDG_STATE_HOME": folder / "state"}
        for name, value in values.items():
            patch.setenv(name, str(value))
        for name in ("PIPEWIRE_RUNTIME_DIR", "PIPEWIRE_REMOTE", "JACK_DEFAULT_SERVER", "LD_LIBRARY_PATH"):
            patch.delenv(name, raising=False)
        self.environment = dict(os.environ)
        """Tests have other folders, one each."""
        self.programs: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        # as the machine's units do
        unit = (MANUAL.parents[1] / "systemd" / "stemfield-wireplumber.service").read_text()
        manager = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1].split()
        for name, command in (("server", [need("pipewire")]), ("manager", manager)):
            self.programs[name] = subprocess.Popen(
                [*SUPERVISED, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
        end_s = time.monotonic() + 60
        while "Found" not in self.metadata():
            assert time.monotonic() < end_s, "no session manager"
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """Kill a program, which its supervisor starts again; the session manager ends with the server."""
        subprocess.run(["pkill", "-9", "-s", str(self.programs[name].pid), PROGRAMS[name]], check=True)

    def stop(self, name: str) -> None:
        program = self.programs.pop(name)
        os.killpg(program.pid, signal.SIGTERM)
        program.wait(10)

    def run(self, *words: object, status: int = 0) -> str:
        done = subprocess.run([*map(str, words)], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def device(self, *words: object, status: int = 0) -> str:
        return self.run(STEMFIELD, "device", *words, status=status)

    def nodes(self) -> dict[str, int]:
        found = objects_of(self.run(need("pw-dump")))
        props = [(one["info"]["props"], one["id"]) for one in found if one["type"].endswith(":Node")]
        return {node["node.name"]: number for node, number in props}

    def links(self) -> dict[str, str]:
        """The input port of each output port that has one, by names of nodes."""
        done = subprocess.run(
            [need("pw-link"), "-l"], env=self.environment, capture_output=True, text=True, check=False
        )
        found, port = {}, ""
        for line in done.stdout.splitlines():
            if line.startswith("  |-> "):
                found[port] = line[6:]
            elif not line.startswith(" "):
                port = line
        return found

    def default(self) -> str:
        found = re.search(r"default\.configured\.audio\.sink' value:'\{ ?\"name\": ?\"([^\"]*)\"", self.metadata())
        return found[1] if found else ""

    def metadata(self) -> str:
        command = [need("pw-metadata"), "-n", "default"]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=10
        ).stdout

    def volume(self) -> str:
        return self.run(need("wpctl"), "get-volume", self.nodes()["stemfield-device"]).strip()


@pytest.fixture(scope="module")
def desktop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        one = Desktop(tmp_path_factory.mktemp("desktop"), patch)
        try:
            one.start()
            yield one
        finally:
            for name in list(one.programs):
                one.stop(name)


@pytest.fixture(scope="module")
def room(desktop, tmp_path_factory):
    """A daemon with the configuration of the manual."""
    (config,) = re.findall(r"^```yaml\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    one = Daemon(tmp_path_factory.mktemp("room"), **yaml.safe_load(config), model="light")
    try:
        one.start(through=SUPERVISED)
        yield one
    finally:
        one.close()


def wanted(links):
    return {f"stemfield:{own}": f"{CARD_NODE}:playback_{name}" for own, name in PLACES.items()} | MUSIC == links


@pytest.fixture(scope="module")
def config(room):
    return "--config", room.folder / "config.yaml"


def test_what_the_manual_lists_is_what_the_card_has(desktop, room, until):
    listed = re.findall(r"^Built-in Audio Analog Surround 5\.1:playback_\w+$", MANUAL.read_text(), re.MULTILINE)
    ports = desktop.run(need("pw-jack"), "jack_lsp").splitlines()
    assert [port for port in ports if re.match("Built-in.*:playback_", port)] == listed


def test_a_program_that_plays_into_the_device_is_in_the_room(desktop, room, config, until, tmp_path):
    assert "is not there" in desktop.device("status", *config, status=3)
    desktop.device("install", "--yes", *config)
    until(lambda: wanted(desktop.links()), 20, "the device feeds the daemon, the daemon the card")
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.2 * np.random.default_rng(1).standard_normal((96_000, 2)), 48_000)
    desktop.run(need("pw-play"), "--target", "stemfield-device", song)
    assert desktop.device("install", "--yes", *config).startswith("the device is there")
    assert room.ask("/meter/mixture")[0] > -120
    state = json.loads(desktop.device("status", "--json", *config))
    assert not state["problems"]


def test_players_are_told_the_latency_of_the_room(desktop, room, config, until):
    state = json.loads(desktop.device("status", "--json", *config))
    told_ms = state["devices"][0]["latency_ms"]
    if tuple(map(int, state["pipewire"].split(".")[:2])) < (1, 2):
        assert told_ms is None
        assert "expected 1.2" in desktop.device("status", *config)
        return
    assert told_ms == pytest.approx(room.ask("/status/latency")[0], abs=2.0)


def test_volume_and_mute_of_the_device_are_those_of_the_master(desktop, room, until):
    number = desktop.nodes()["stemfield-device"]
    desktop.run(need("wpctl"), "set-volume", number, 0.5)  # an amplitude of 0.5 cubed
    until(lambda: room.ask("/master/gain") == [pytest.approx(-18.06, abs=0.01)], 10, "the master follows the device")
    desktop.run(need("wpctl"), "set-mute", number, 1)
    until(lambda: room.ask("/master/mute") == [True], 10, "the mute too")
    for gain_db in np.linspace(-40.0, -9.0, 50):  # somebody drags a slider of the page
        room.send("/master/gain", float(gain_db))
        time.sleep(0.01)
    room.send("/master/mute", False)
    until(lambda: desktop.volume() == "Volume: 0.71", 10, "the device follows the master")
    time.sleep(0.3)
    assert room.ask("/master/gain") == [-9.0], "no echo has moved the slider"


def restart(room):
    began = room.log.read_text().count("is ready")
    subprocess.run(["pkill", "-9", "-P", str(room.process.pid)], check=True)
    while room.log.read_text().count("is ready") == began:
        time.sleep(0.05)


def test_music_goes_on_whatever_restarts(desktop, room, until):
    """The device and its connections are there again; the master, and so the device, is as loud as before."""
    time.sleep(1.0)  # the scene is saved
    for what in random.Random(3).sample(["server", "manager", "daemon"] * RESTARTS, 3 * RESTARTS):
        if what == "daemon":
            restart(room)
        else:
            desktop.kill(what)
            time.sleep(0.1)
        until(lambda: wanted(desktop.links()), 10, "all is connected again")
        until(lambda: desktop.volume() == "Volume: 0.71", 10, "the device is as loud as before")
    assert room.ask("/master/gain") == [-9.0]


def test_default_device_and_title_there_and_back(desktop, room, config, until):
    desktop.run(need("wpctl"), "set-default", desktop.nodes()[CARD_NODE])
    until(lambda: desktop.default() == CARD_NODE, 10, "the card is the default")
    desktop.device("install", "--yes", "--default", *config)
    until(lambda: desktop.default() == "stemfield-device", 10, "the device is the default")
    taken = desktop.device("install", "--yes", "--title", "Built-in Audio Analog Surround 5.1", *config, status=2)
    assert "is the name of alsa_output" in taken
    assert "expected 1 to 48 bytes" in desktop.device("install", "--yes", "--title", "a:b", *config, status=2)
    desktop.device("install", "--yes", "--title", "Living room", *config)
    until(lambda: wanted(desktop.links()), 20, "the daemon follows the new title")
    assert "Living room:monitor_FL" in desktop.run(need("pw-jack"), "jack_lsp")
    desktop.device("remove", "--yes", *config)
    until(lambda: desktop.default() == CARD_NODE, 10, "the card is the default again")
    assert "stemfield-device" not in desktop.nodes()
    assert not desktop.file.exists()
    assert desktop.device("remove", "--yes", *config).strip() == "no device is installed"


CARD_PLACES = ("FL", "FR", "RL", "RR", "FC", "LFE")
TONES_HZ = {"FL": 1330, "FR": 1440, "FC": 1550, "LFE": 50, "RL": 1660, "RR": 1770}
"""By the channels of the card, in the order of a 5.1 file; far from the crossover to the subwoofer."""


def _crosstalk(sound):
    """The largest amplitude of a tone in another channel, re its own."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))[:, None], axis=0))
    levels = spectrum[[TONES_HZ[place] for place in CARD_PLACES]]  # (tones, channels)
    return (levels * (1 - np.eye(len(levels)))).max() / levels.diagonal().min()


def test_a_film_plays_each_channel_at_its_place(desktop, room, config, until, tmp_path):
    """Where the room has the loudspeakers of the film, each plays its channel and no other, 60 dB below at most."""
    said = desktop.device("install", "--yes", "--surround", 6, "--title", "stemfield music", *config)
    assert "has other inputs from its next start on" in said
    restart(room)
    names = zip(("FL", "FR", "FC", "LFE", "SL", "SR"), TONES_HZ, strict=True)
    films = {f"stemfield-surround:monitor_{name}": f"stemfield:surround_{name}" for name, _ in names}
    time.sleep(3)
    print(desktop.links(), films, room.log.read_text()[-3000:], (room.folder / "config.yaml").read_text())
    assert films.items() <= desktop.links().items()
    time_s = np.arange(8 * 48_000)[:, None] / 48_000
    film, heard = tmp_path / "film.wav", tmp_path / "heard.wav"
    soundfile.write(film, 0.1 * np.sin(2 * np.pi * time_s * list(TONES_HZ.values())), 48_000, "FLOAT")
    play = ["--target", "stemfield-surround", "--channel-map", "surround-51", film]
    record = ["--target", CARD_NODE, "-P", "{ stream.capture.sink = true }", "--channels", 6]
    record += ["--channel-map", ",".join(CARD_PLACES), "--format", "f32", heard]
    playing = subprocess.Popen([need("pw-play"), *map(str, play)], env=desktop.environment)
    try:
        until(lambda: room.ask("/meter/object/surround_FL")[0] > -40, 10, "the film plays")
        recording = subprocess.Popen([need("pw-record"), *map(str, record)], env=desktop.environment)
        time.sleep(2.5)
        recording.send_signal(signal.SIGINT)
        recording.wait(10)
    finally:
        playing.kill()
        playing.wait()
    sound, _ = soundfile.read(heard)
    # a period that a busy machine skips is a click, but not in every second
    worst = min(_crosstalk(sound[at : at + 48_000]) for at in range(12_000, len(sound) - 48_000, 6_000))
    assert worst < 1e-3
    assert room.ask("/object/surround_FL/group") == [8]
    desktop.device("install", "--yes", "--surround", 0, *config)
    assert "stemfield-surround" not in desktop.nodes()


def test_a_changed_file_is_shown_and_kept(desktop, room, config):
    desktop.device("install", "--yes", *config)
    desktop.file.write_text(desktop.file.read_text() + "# mine\n")
    assert f"keep   {desktop.file}: changed since" in desktop.device("remove", "--yes", *config)
    assert "is not from stemfield" in desktop.device("install", "--yes", *config)
    desktop.device("remove", "--yes", *config)
    assert not desktop.file.exists()


def test_without_a_session_manager_or_a_server_nothing_is_written(desktop, room, config, until):
    desktop.stop("manager")
    until(lambda: "Found" not in desktop.metadata(), 10, "the session manager has gone")
    assert "no session manager runs" in desktop.device("install", "--yes", *config, status=1)
    desktop.stop("server")
    assert "does not run in this session" in desktop.device("install", "--yes", *config, status=1)
    assert not desktop.file.exists()
