"""Sound and control recorded together: what the recorder does with an engine that somebody calls."""

from __future__ import annotations

import argparse
import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemfield.control.cli.record import record
from stemfield.control.command_errors import CommandError
from stemfield.control.hub import capture
from stemfield.control.hub.recorder import Recorder
from stemfield.control.scenes.recording import RecordingError, captured_objects
from stemfield.renderer.engine.capture import CaptureTable
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.processor import compile_ahead
from stemfield.renderer.files.audiofile import AudioFileError
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.files.part_file import PartFile

RATE = 48_000
PERIOD = 480


class Clock:
    """Calls an engine in time, with a count of frames on its one direct input."""

    def __init__(self) -> None:
        compile_ahead()
        self.engine = Engine(RATE, 0, 3, 2, 4, 100)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        begun_s, frames = time.monotonic(), 0
        while not self._stop.wait(max(begun_s + frames / RATE - time.monotonic(), 0.0)):
            counted = np.tile(np.arange(frames, frames + PERIOD, dtype=np.float32) / RATE, (3, 1))
            self.engine.process(counted, np.zeros((2, PERIOD), np.float32))
            frames += PERIOD

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.engine.timeline.close()


@pytest.fixture
def clock() -> Iterator[Clock]:
    made = Clock()
    yield made
    made.close()


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def recorder(control: Any, clock: Clock, tmp_path: Path, reported: list[str]) -> Iterator[Recorder]:
    made = control.recorder(tmp_path / "recordings", reported.append, lambda: clock.engine)
    time.sleep(0.1)  # the engine is called
    yield made
    control.on_loop(made.close())


def captured(tmp_path: Path, name: str) -> tuple[Path, np.ndarray]:
    path = tmp_path / "recordings" / "captures" / f"{name}.jsonl"
    with Bw64Reader(path.with_suffix(".wav")) as reader:
        assert (reader.sample_rate_hz, reader.tracks) == (RATE, 13)
        return path, np.concatenate(list(reader.blocks(4096)), axis=1)


def test_a_change_stands_at_the_frame_at_which_it_is_heard(
    peer: Any, recorder: Recorder, clock: Clock, tmp_path: Path, until: Callable[..., None]
) -> None:
    peer.send("/recorder/capture", "Take 1")
    assert peer.ask("/recorder/state") == ["capturing Take 1"]
    time.sleep(0.5)
    before = clock.engine.counters().position_frames
    peer.send("/object/guitar/aed", 90, 0, 1)
    peer.received()
    after = clock.engine.counters().position_frames
    time.sleep(0.3)
    peer.send("/recorder/stop", 1)
    stopped = clock.engine.counters().position_frames
    until(lambda: (tmp_path / "recordings" / "captures" / "Take+1.wav").exists(), 5, "the sound")
    path, sound = captured(tmp_path, "Take+1")
    counted = np.rint(sound[10] * RATE).astype(int)
    assert (np.diff(counted) == 1).all()  # no frame is missing, and none comes twice
    first = int(counted[0])
    assert abs(first + sound.shape[1] - stopped) < RATE / 2
    steps = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    (moved,) = [step for step in steps if step[1:] == ["/object/5/position", pytest.approx([0.0, 1.0, 0.0])]]
    slack = 0.05 * RATE  # a busy machine
    assert before - slack < first + moved[0] * RATE < after + PERIOD + slack
    assert [(o.name, o.channels) for o in captured_objects(path).objects[5:]] == [("guitar", (0,)), ("piano", (1, 2))]
    assert peer.ask("/recorder/list") == []


def test_it_ends_when_the_disk_is_too_slow(
    peer: Any, recorder: Recorder, clock: Clock, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(clock.engine.capture), "read", lambda *_: None)
    peer.send("/recorder/capture", "x")
    peer.wait_idle()
    assert reported == ["capturing x: the disk is too slow: the rest is lost"]


def test_it_ends_when_the_driver_is_gone(
    peer: Any, recorder: Recorder, clock: Clock, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "GONE_S", 0.2)
    peer.send("/recorder/capture", "x")
    clock._stop.set()
    peer.wait_idle()
    assert reported == ["capturing x: the audio driver is gone: it ends here"]


def test_the_last_of_the_disk_is_left(
    peer: Any, recorder: Recorder, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "LEFT_FREE_BYTES", 1 << 60)
    peer.send("/recorder/capture", "x")
    peer.wait_idle()
    assert reported == [f"capturing x: less than {1 << 30} GiB of disk space: it ends here"]


def test_there_are_not_too_many(peer: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "recordings" / "captures"
    folder.mkdir(parents=True)
    for number in range(capture.MAX_CAPTURES):
        (folder / f"{number}.wav").touch()
    peer.send("/recorder/capture", "x")
    reason = f"expected at most 16 captures in {folder}: delete one"
    assert peer.received() == [("/error", ["/recorder/capture", reason])]
    peer.send("/recorder/capture", "3")  # in place of one of them
    assert peer.ask("/recorder/state") == ["capturing 3"]


def test_what_is_refused_ends_nothing_and_no_file_is_written_twice(
    peer: Any,
    recorder: Recorder,
    clock: Clock,
    tmp_path: Path,
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(name: str) -> str:
        peer.send("/recorder/capture", name)
        ((_, (_, reason)),) = peer.received()
        return str(reason)

    peer.send("/recorder/capture", "x")
    peer.received()
    begun = clock.engine.counters().position_frames
    assert refused("x") == "'x' is being written: use another name, or /recorder/stop first"
    monkeypatch.setattr(capture, "MAX_CAPTURES", 0)
    assert "expected at most" in refused("y")
    engine, recorder._engine = recorder._engine, lambda: None
    assert "nothing is playing" in refused("y")
    recorder._engine = engine
    assert peer.ask("/recorder/state") == ["capturing x"]
    until(lambda: clock.engine.counters().position_frames > begun + 0.3 * RATE, 5, "it goes on")
    peer.send("/recorder/stop", 1)
    until(lambda: (tmp_path / "recordings" / "captures" / "x.wav").exists(), 5, "the sound")
    assert captured(tmp_path, "x")[1].shape[1] > 0.2 * RATE


def test_it_ends_when_the_disk_fails(
    peer: Any, recorder: Recorder, reported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("stemfield.control.hub.capture.shutil.disk_usage", fail)
    peer.send("/recorder/capture", "x")
    peer.wait_idle()
    folder = tmp_path / "recordings" / "captures"
    assert reported == [f"capturing x: {folder / 'x.wav'}: Input/output error"]
    assert [path.name for path in folder.iterdir()] == ["x.jsonl"]


def test_what_a_killed_daemon_began_is_cleared_away(control: Any, tmp_path: Path) -> None:
    folder = tmp_path / "recordings" / "captures"
    folder.mkdir(parents=True)
    others = [folder / ".d.wav.part", folder / "e.wav"]
    for path in (folder / ".stemfield-0123.part", *others):
        path.touch()
    begun = PartFile(folder)

    control.on_loop(control.recorder(tmp_path / "recordings", print).close())
    assert sorted(folder.iterdir()) == sorted([begun.path, *others])
    begun.remove()


def test_where_no_file_can_be_made_the_command_says_where_the_capture_is(
    control: Any,
    recorder: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def export(*_: Any) -> None:
        raise AudioFileError("the disk is full")

    monkeypatch.setattr("stemfield.control.cli.record.export_tracks", export)
    (tmp_path / "c.yaml").write_text(f"state_folder: {tmp_path}\n")
    options = argparse.Namespace(
        config=str(tmp_path / "c.yaml"),
        target=str(tmp_path / "a.wav"),
        layout="quad",
        port=control.server.port,
        seconds=0.3,
    )
    with pytest.raises(CommandError, match="the disk is full"):
        record(options)
    sound, lines = sorted((tmp_path / "recordings" / "captures").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert (sound.suffix, lines.suffix) == (".wav", ".jsonl")
    assert f"the capture is kept in {lines} and {sound}" in capsys.readouterr().err


def test_it_ends_when_it_is_too_long(
    peer: Any, recorder: Recorder, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MAX_BYTES", 4 * 13 * 1000)
    peer.send("/recorder/capture", "x")
    peer.wait_idle()
    assert "expected at most" in reported[0]


@pytest.mark.parametrize("name", ["", "../x", "a/b", "x" * 65])
def test_a_name_reaches_no_other_folder(peer: Any, recorder: Recorder, name: str, tmp_path: Path) -> None:
    peer.send("/recorder/capture", name)
    ((address, (about, reason)),) = peer.received()
    assert (address, about) == ("/error", "/recorder/capture")
    assert "expected 1 to 64" in reason
    assert not (tmp_path / "recordings").exists()


def test_without_anything_that_plays_it_is_refused(control: Any, peer: Any, tmp_path: Path) -> None:
    made = control.recorder(tmp_path, print)
    peer.send("/recorder/capture", "x")
    assert peer.received() == [("/error", ["/recorder/capture", "nothing is playing: there is no sound to capture"])]
    idle = Engine(RATE, 0, 3, 2, 4, 100)
    made._engine = lambda: idle
    peer.send("/recorder/capture", "x")
    assert peer.received() == [("/error", ["/recorder/capture", "nothing is playing: there is no sound to capture"])]
    idle.timeline.close()
    control.on_loop(made.close())


def test_a_recording_without_sound_is_no_capture(tmp_path: Path) -> None:
    entries = ('[1e999, "a", [0]]', '[9, "a", [1e999]]', '[9, "\\ud800", [0]]', '[0, "a", [0]]', "[9, 1, [0]]", "7")
    for text in (
        *("", '{"stemfield": "recording", "format": 1}\n', '{"inputs": [[1]]}\n', "x\n", "[1]\n"),
        *(f'{{"inputs": [{entry}]}}\n' for entry in entries),
        '{"inputs": [' + ",".join(f'[{n}, "o{n}", [0]]' for n in range(9, 200)) + "]}\n",
    ):
        (tmp_path / "a.jsonl").write_text(text)
        with pytest.raises(RecordingError, match="expected the `inputs` of a capture"):
            captured_objects(tmp_path / "a.jsonl")


def test_one_recording_after_the_other(
    peer: Any, recorder: Recorder, clock: Clock, tmp_path: Path, until: Callable[..., None]
) -> None:
    for name in ("a", "b"):
        peer.send("/recorder/capture", name)
        assert peer.ask("/recorder/state") == [f"capturing {name}"]
        time.sleep(0.5)
    peer.send("/recorder/record", "c")
    assert peer.ask("/recorder/state") == ["recording c"]
    peer.send("/recorder/stop", 1)
    peer.wait_idle()
    for name in ("a", "b"):
        until(lambda name=name: (tmp_path / "recordings" / "captures" / f"{name}.wav").exists(), 5, name)
        assert captured(tmp_path, name)[1].shape[1] > 0
    assert peer.ask("/recorder/list") == ["c"]
    assert clock.engine.memory.stage(CaptureTable).table[CaptureTable.RING] == 0
