"""A new user: the demo, the first configuration, finding the loudspeakers by ear."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import aiohttp
import jack
import numpy as np
import pexpect
import pytest
import yaml

from stemfield.control.config.configuration import load_config
from stemfield.control.doctor import speaker_test
from stemfield.control.doctor.speaker_test import SpeakerTest
from stemfield.control.network.addresses import local_networks
from stemfield.layouts.loader import load_layout

STEMFIELD = str(Path(sys.executable).parent / "stemfield")
NO_SERVER = f"stemfield-test-none-{os.getpid()}"


@pytest.fixture(autouse=True)
def _new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


class Command:
    """A stemfield command as a process."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.log = folder / f"{words[0]}.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([STEMFIELD, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def wait_for(self, text: str, seconds: float = 60) -> str:
        end = time.monotonic() + seconds
        while text not in self.log.read_text() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert text in self.log.read_text(), self.log.read_text()
        return self.log.read_text()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    running: list[Command] = []

    def start(*words: str) -> Command:
        running.append(Command(tmp_path, *words))
        return running[-1]

    yield start
    for command in running:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()


async def heard(url: str) -> np.ndarray:
    """A second of the page's headphone stream."""
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": "text/html"}) as page:
        assert page.status == 200
        assert "<html" in await page.text()
        blocks = []
        async with session.ws_connect(f"{url}panner/audio") as audio:
            rate_hz = (await audio.receive_json())["rate"]
            while sum(map(len, blocks)) < 4 * rate_hz:
                blocks.append((await audio.receive()).data)
    return np.frombuffer(b"".join(blocks), "<i2").reshape(-1, 2) / 32768


def test_the_demo_sounds_without_a_server_and_a_configuration(run, tmp_path, monkeypatch):
    monkeypatch.setenv("JACK_DEFAULT_SERVER", NO_SERVER)
    (tmp_path / ".config" / "stemfield").mkdir(parents=True)
    (tmp_path / ".config" / "stemfield" / "config.yaml").write_text("layout: [broken")  # of no interest to it
    began = time.monotonic()
    demo = run("demo")
    text = demo.wait_for("Stop with Ctrl-C")
    assert time.monotonic() - began < 60
    (url,) = set(re.findall(r"Open (http://127\.0\.0\.1:\d+/) in a browser", text))
    assert re.search(r"^█{25,}$", text, re.MULTILINE)  # the edge of a code
    assert "Listen on headphones" in text
    time.sleep(1)  # the song begins softly
    sound = asyncio.run(heard(url))
    assert np.square(sound).mean(axis=0).min() > 1e-6
    assert demo.interrupt() == 0
    assert not (tmp_path / ".local" / "state" / "stemfield").exists()


def test_the_demo_takes_the_loudspeakers_that_there_are(run, card, monkeypatch, until):
    server = card(playback=12)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    demo = run("demo")
    assert "layout   7.1.4," in demo.wait_for("Stop with Ctrl-C")
    wired = {label: f"system:playback_{n}" for n, label in enumerate(load_layout("7.1.4").labels, 1)}
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        until(lambda: connections(looker, wired) == wired, 10, "connections in the order of the layout")
    assert demo.interrupt() == 0


def connections(looker: jack.Client, labels: Iterable[str], client: str = "stemfield") -> dict[str, str]:
    """Port that each loudspeaker is connected to."""
    return {k: " ".join(p.name for p in looker.get_all_connections(f"{client}:{k}")) for k in labels}


def test_the_demo_on_headphones_and_on_the_network_by_a_word(run, card, monkeypatch, until):
    """If there is a network."""
    server = card()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    is_alone = not local_networks()
    demo = run("demo", *([] if is_alone else ["--network"]))
    text = demo.wait_for("Stop with Ctrl-C")
    assert "layout   22.2," in text
    wired = {"monitor_left": "system:playback_1", "monitor_right": "system:playback_2", "M+030": ""}
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        until(lambda: connections(looker, wired) == wired, 10, "connections to the ears")
    if not is_alone:
        url, token = re.search(r"Open (http://[\d.]+:\d+/)#token=(\S+) in a browser", text).groups()
        assert "127.0.0.1" not in url
        assert asyncio.run(statuses(f"{url}?VALUE", f"{url}?HOST_INFO&token={token}")) == [401, 200]
    assert demo.interrupt() == 0


async def statuses(*urls: str) -> list[int]:
    found = []
    async with aiohttp.ClientSession() as session:
        for url in urls:
            async with session.get(url) as answer:
                found.append(answer.status)
    return found


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Callable[..., pexpect.spawn]]:
    """A user at a terminal: `person("init")`."""
    spawned: list[pexpect.spawn] = []

    def sit(*words: str) -> pexpect.spawn:
        terminal = pexpect.spawn(STEMFIELD, list(words), encoding="utf-8", timeout=40, dimensions=(60, 200))
        terminal.logfile_read = (tmp_path / "terminal.txt").open("w")
        spawned.append(terminal)
        return terminal

    yield sit
    for terminal in spawned:
        terminal.close(force=True)
        terminal.logfile_read.close()


def test_a_first_configuration_by_questions(person, card, tmp_path, monkeypatch):
    server = card(playback=4)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    dialogue = person("init")
    dialogue.expect("JACK has 4 playback ports")
    dialogue.expect(r"Which loudspeakers are in the room\?.*quad")
    dialogue.sendline("qaud")
    dialogue.expect(r"did\s+you\s+mean\s+quad")
    dialogue.expect("Which loudspeakers")
    dialogue.sendline("")
    dialogue.expect("Where does the music come from")
    dialogue.sendline("capture")
    dialogue.expect("Which model")
    dialogue.sendline("light")
    dialogue.expect("Connect the loudspeakers to the playback ports")
    dialogue.sendline("y")
    dialogue.expect("headphones")
    dialogue.sendline("n")
    dialogue.expect("Allow phones")
    dialogue.sendline("n")
    dialogue.expect("by ear")
    dialogue.sendline("n")
    dialogue.expect(pexpect.EOF)
    dialogue.wait()
    assert dialogue.exitstatus == 0
    config = load_config(tmp_path / ".config" / "stemfield" / "config.yaml")
    assert (config.layout, config.model) == ("quad", "light")
    assert config.jack.connect_inputs == ("system:capture_1", "system:capture_2")
    assert config.jack.connect_outputs == tuple(f"system:playback_{n}" for n in range(1, 5))
    again = person("init")
    again.expect(r"exists\s+already\.\s+Overwrite\s+it\?\s.*\(n\)")
    again.sendline("")
    again.expect(r"was\s+not\s+changed")
    again.expect(pexpect.EOF)


def test_loudspeakers_by_ear(person, card, daemon, tmp_path, monkeypatch, until):
    """The user knows the loudspeaker on each port, and sometimes errs."""
    server = card(playback=5)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    room = {"system:playback_1": "M-135", "system:playback_2": "M+045", "system:playback_4": "M-045"}
    path = tmp_path / "config.yaml"
    path.write_text("layout: quad  # at home\njack:\n  connect_outputs: ['system:*']\n")
    dialogue = person("connect", "--config", str(path))

    def answer(port: str, text: str) -> None:
        dialogue.expect(f"{port} is playing. Which loudspeaker is it")
        with jack.Client("ear", no_start_server=True, servername=server.name) as ear:
            playing = connections(ear, ["M+045", "M-045", "M+135", "M-135"], "stemfield-test")
            assert set(playing.values()) == {port, ""}
        dialogue.sendline(text)

    answer("system:playback_1", "3")  # the wrong one
    answer("system:playback_2", "b")
    answer("system:playback_1", "m-135")
    answer("system:playback_2", "M+054")
    dialogue.expect(r"did\s+you\s+mean\s+M\+045")
    answer("system:playback_2", "1")
    answer("system:playback_3", "s")
    answer("system:playback_4", "r")
    answer("system:playback_4", room["system:playback_4"])
    answer("system:playback_5", "q")
    dialogue.expect("without a port: M\\+135")
    dialogue.expect("Write this into")
    dialogue.sendline("y")
    dialogue.expect(pexpect.EOF)
    dialogue.wait()
    assert dialogue.exitstatus == 0
    assert "# at home" in path.read_text()
    expected = {label: port for port, label in room.items()}
    config = yaml.safe_load(path.read_text())
    assert config["jack"] == {"connect_speakers": expected}
    running = daemon(driver="jack", layout="quad", jack=config["jack"], separation={"enabled": False})
    running.start()
    with jack.Client("looker", no_start_server=True, servername=server.name) as looker:
        assert not looker.get_ports("stemfield-test:")
        until(lambda: connections(looker, expected) == expected, 10, "the connections of the room")
        assert connections(looker, ["M+135"]) == {"M+135": ""}


def test_the_speaker_test_is_safe(card, jack_client, monkeypatch, until):
    """Two-second bursts at a low level, also for a subwoofer, which end by themselves."""
    monkeypatch.setattr(speaker_test, "LONGEST_S", 5.5)
    server = card(playback=6, sync=True)
    with SpeakerTest(load_layout("5.1"), "5.1", (), server.name) as bench:
        ear = jack_client(server.name, 2, np.zeros((1, 8 * 48_000), np.float32))
        for label, port in zip(("M+030", "LFE1"), ear.ins, strict=True):
            ear.jack.connect(f"stemfield-test:{label}", port)
        ear.roll()
        bench.play("system:playback_3")
        until(lambda: not any(thread.name == "bursts" for thread in threading.enumerate()), 10, "the end, by itself")
        ear.wait(6 * 48_000)
        end = ear.at
    full, low = ear.record[:, :end]
    loud = np.abs(ear.record[:, :end]).max()
    assert 0.01 < loud <= 10 ** (-20 / 20) * 1.01

    def sounding(feed: np.ndarray) -> np.ndarray:
        frames = feed[: len(feed) // 4800 * 4800].reshape(-1, 4800)
        return np.flatnonzero(np.abs(frames).max(axis=1) > 1e-3)

    first, second = sounding(full), sounding(low)
    assert len(first) * 0.1 == pytest.approx(2.0, abs=0.31)
    assert len(second) * 0.1 == pytest.approx(2.0, abs=0.31)
    assert first[-1] < second[0]
    power = np.square(np.abs(np.fft.rfft(low)))
    audible = np.fft.rfftfreq(len(low), 1 / 48_000) < 120
    assert power[audible].sum() > 0.98 * power.sum()  # what a subwoofer can play
