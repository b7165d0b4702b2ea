"""A catalogue on several processes: one is killed, a file is broken, and results are as for single files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
import yaml

from stemfield.control.cli import batch as cli_batch
from stemfield.control.cli import upmix as upmix_command
from stemfield.control.command_errors import BAD_INPUT, CommandError
from stemfield.control.config.audio import MonitorConfig
from stemfield.control.config.configuration import Config
from stemfield.control.offline.batch.job import job_data
from stemfield.control.offline.batch.plan import Source, Upmix, read_plan
from stemfield.control.offline.batch.recordings import find_recordings
from stemfield.control.offline.batch.report import Report
from stemfield.control.offline.batch.run import find_tasks, locked
from stemfield.control.offline.batch.work import Outcome, kept, perform
from stemfield.control.options.commands import make_parser
from stemfield.layouts.problems import UserError

RATE = 44100
COMMAND = Path(sys.executable).with_name("stemfield")
PLAN = {"output": "out", "inputs": ["in/**/*.wav"], "defaults": {"model": "light"}, "upmix": {"layout": "stereo"}}


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")


def write_plan(folder: Path, **changes: object) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN | changes))
    return path


def write_sound(path: Path, seed: int, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2))
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


def start(plan: Path, *words: str) -> subprocess.Popen[str]:
    words = (str(COMMAND), "batch", str(plan), *words)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcomes(folder: Path) -> list[dict]:
    report = folder / "out" / "report.jsonl"
    lines = report.read_text().splitlines(keepends=True) if report.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def of_status(folder: Path, status: str) -> list[str]:
    return sorted(Path(each["recording"]).name for each in outcomes(folder) if each["status"] == status)


def told(plan: Path, *words: str) -> list[str]:
    """The lines of a plan that is refused."""
    with pytest.raises(UserError) as refused:
        cli_batch.batch(make_parser().parse_args(["batch", str(plan), *words]))
    assert refused.value.status == BAD_INPUT
    return [line.removeprefix(f"{plan}: ") for line in refused.value.lines]


def kill_a_worker(batch: subprocess.Popen[str], folder: Path, after: int, of: int) -> None:
    """Kills a worker process that is at work, in the middle of the batch."""
    deadline = time.monotonic() + 120
    while len(outcomes(folder)) < after:
        assert batch.poll() is None, batch.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(batch.pid).children(recursive=True)
    workers = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
    assert len(workers) == 2
    workers[0].send_signal(signal.SIGKILL)
    assert len(outcomes(folder)) < of - 2, "killed too late to be in the middle"


@pytest.mark.parametrize("count", [12, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_a_killed_worker_and_a_broken_file_cost_no_other_result(count: int, tmp_path: Path) -> None:
    sources = [write_sound(tmp_path / "in" / f"album {n % 3}" / f"{n:02}.wav", n) for n in range(count)]
    broken = tmp_path / "in" / "broken.wav"
    broken.write_bytes(b"RIFF\x10\0\0\0WAVEfmt nothing")
    plan = write_plan(tmp_path)
    with start(plan, "--workers", "2") as batch:
        try:
            kill_a_worker(batch, tmp_path, 3, count)
            _, errors = batch.communicate(timeout=500)
        finally:
            batch.terminate()
    assert (batch.returncode, errors.count("error:")) == (1, 1), errors
    assert of_status(tmp_path, "failed") == ["broken.wav"]
    # a worker may die after its result is in place and before it has said so: the next one finds it
    found = of_status(tmp_path, "kept")
    assert len(found) <= 1
    assert sorted(of_status(tmp_path, "made") + found) == sorted(path.name for path in sources)

    single = tmp_path / "single.wav"
    for source in sources:
        words = ["upmix", str(source), str(single), "--layout", "stereo", "--model", "light"]
        assert upmix_command.upmix(make_parser().parse_args(words)) == 0
        made = tmp_path / "out" / "upmix" / source.parent.name / source.name
        expected, rate = soundfile.read(single, dtype="float32")
        np.testing.assert_array_equal(soundfile.read(made, dtype="float32")[0], expected)
        assert soundfile.info(made).samplerate == rate
        assert np.abs(expected).max() > 0.01
    assert not (tmp_path / "out" / ".stemfield" / "work").exists()

    broken.unlink()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "upmix").rglob("*.wav")}
    assert len(times) == count
    assert cli_batch.batch(make_parser().parse_args(["batch", str(plan)])) == 0
    assert len(of_status(tmp_path, "kept")) == count
    assert times == {path: path.stat().st_mtime_ns for path in times}

    write_sound(sources[0], 1000)
    os.utime(sources[1])  # other times, the same content
    (tmp_path / "out" / "upmix" / sources[2].parent.name / sources[2].name).unlink()
    options = make_parser().parse_args(["batch", str(plan)])
    tasks = find_tasks(read_plan(plan), plan)
    left = [task for task in tasks if kept(task) is None]
    assert len(left) == 3
    again = {task.name: perform(asdict(task)) for task in left}
    assert sorted(name for name, outcome in again.items() if outcome["status"] == "made") == [
        "album 0/00",
        "album 2/02",
    ]
    assert cli_batch.batch(options) == 0
    assert len(of_status(tmp_path, "kept")) == count


def test_every_problem_of_a_plan_is_told_at_once(tmp_path: Path) -> None:
    write_sound(tmp_path / "in" / "song.wav", 1)
    write_sound(tmp_path / "in" / "song.flac", 1)
    (tmp_path / "out").write_text("")
    inputs = ["in/*", "in/sonk.wav", "nowhere/*.wav", "in"]
    plan = write_plan(tmp_path, inputs=inputs, upmix={"layout": "7.1.5"}, remix={"gains": {"vocal": -3}})
    lines = told(plan)
    assert "inputs.1: in/sonk.wav: no such file, did you mean song.wav?" in lines
    assert any(line.startswith("inputs.2: nowhere/*.wav: matches no sound file") for line in lines)
    assert "inputs.3: in: expected a file or a pattern such as in/*, got a folder" in lines
    assert any("would both be song: give one of them another name" in line for line in lines)
    assert any(line.startswith("upmix: 7.1.5: unknown name") and "7.1.4" in line for line in lines)
    assert any(line.startswith("remix: gains: ") and "got vocal, did you mean vocals?" in line for line in lines)
    assert f"output: {tmp_path / 'out'}: expected a folder, got a file" in lines


def test_unknown_keys_and_wrong_values_are_told_at_once(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("output: o\ninput: [a]\nupmix: {layoud: 5.1, format: mp3}\nremix: {gains: {vocals: 99}}\n")
    lines = told(plan)
    assert "input: unknown key, did you mean inputs?" in lines
    assert "inputs: missing" in lines
    assert "upmix.layoud: unknown key, did you mean layout?" in lines
    assert any(line.startswith("upmix.format: expected one of wav, flac, got 'mp3'") for line in lines)
    assert any("expected numbers from -120 to 20, got vocals 99" in line for line in lines)
    plan.write_text("output: o\ninputs: [a]\n")
    assert told(plan) == ["nothing to do: expected one or more of upmix, adm, separate, remix"]


@pytest.mark.parametrize("name", ["../song", "/tmp/song", "a/../../b", ".stemfield/x"])
def test_no_name_leads_out_of_the_output_folder(name: str, tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", 1)
    (line,) = told(write_plan(tmp_path, inputs=[{"path": "song.wav", "name": name}]))
    assert "expected a name within the output folder" in line


def test_a_folder_is_worked_in_by_one_batch_alone(tmp_path: Path) -> None:
    write_sound(tmp_path / "in" / "song.wav", 1)
    plan = write_plan(tmp_path)
    with locked(tmp_path / "out"):
        assert told(plan) == [f"{tmp_path / 'out'}: another batch works in this folder"]


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    write_sound(tmp_path / "in" / "song.wav", 1)
    (line,) = told(write_plan(tmp_path, output="/proc/results"))
    assert line.startswith("output: /proc/results: cannot be written: ")


def test_what_fails_in_a_batch_is_not_blamed_on_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="elsewhere"), locked(tmp_path / "out"):
        raise ConnectionError("elsewhere")


def test_a_report_that_cannot_be_written_on_is_told(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    with Report(path) as report:
        report._file.close()
        report._file = Path("/dev/full").open("w")  # noqa: SIM115 (the report closes it)
        with pytest.raises(CommandError) as refused:
            report.add(Outcome("a.wav", "upmix", "a", "made"))
    assert refused.value.status == 1
    assert refused.value.lines == (f"{path}: cannot be written: No space left on device",)


@pytest.mark.parametrize(
    ("hrtf", "expected"), [(None, "/ears/mine.sofa"), ("default", "default"), ("a.sofa", "/plans/a.sofa")]
)
def test_whose_ears_hear_is_as_the_plan_says_or_as_configured(hrtf: str | None, expected: str) -> None:
    config = Config(monitor=MonitorConfig(hrtf="/ears/mine.sofa"))
    options = Upmix(binaural=True, hrtf=hrtf).model_dump()
    assert job_data("upmix", options, Path("/plans"), config)["options"]["hrtf"] == expected


@pytest.mark.parametrize("order", [1, -1])
def test_a_name_that_is_given_comes_before_that_of_a_pattern(order: int, tmp_path: Path) -> None:
    song = write_sound(tmp_path / "in" / "song.wav", 1)
    sources = [Source(path="in/*"), Source(path="in/song.wav", name="bonus/live")][::order]
    assert find_recordings(sources, tmp_path, tmp_path / "out") == ({"bonus/live": song}, [])


def test_a_link_out_of_the_output_folder_is_not_followed(tmp_path: Path) -> None:
    from stemfield.control.offline.batch.results import OutsideError, Result

    (tmp_path / "elsewhere").mkdir()
    output = tmp_path / "out"
    (output / "upmix").mkdir(parents=True)
    (output / "upmix" / "album").symlink_to(tmp_path / "elsewhere")
    made = write_sound(output / "made.wav", 1)
    with pytest.raises(OutsideError, match="leads out of the output folder"):
        Result(output, "upmix", "album/song", ".wav").put(made, "key", "digest", {})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_scheduler_that_does_not_answer_is_told_within_its_time(tmp_path: Path) -> None:
    write_sound(tmp_path / "in" / "song.wav", 1)
    batch = start(write_plan(tmp_path), "--scheduler", "tcp://127.0.0.1:1", "--timeout", "1")
    _, errors = batch.communicate(timeout=120)
    assert batch.returncode == 2
    (line,) = errors.splitlines()
    assert line.startswith("stemfield: error: --scheduler tcp://127.0.0.1:1: no scheduler answers within 1 s")


@pytest.mark.long
def test_workers_of_a_scheduler_that_runs_already(tmp_path: Path) -> None:
    source = write_sound(tmp_path / "in" / "song.wav", 1)
    found = tmp_path / "scheduler.json"
    module = [sys.executable, "-m"]
    scheduler = [*module, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    worker = [*module, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    parts = [subprocess.Popen([*words, "--scheduler-file", str(found)], **quiet) for words in (scheduler, worker)]
    try:
        deadline = time.monotonic() + 60
        while not found.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        address = json.loads(found.read_text())["address"]
        batch = start(write_plan(tmp_path, separate={}), "--scheduler", address, "--timeout", "60")
        _, errors = batch.communicate(timeout=120)
        assert batch.returncode == 0, errors
        assert len(of_status(tmp_path, "made")) == 2
        stems = [soundfile.read(path)[0] for path in (tmp_path / "out" / "separate" / "song").iterdir()]
        np.testing.assert_allclose(np.sum(stems, axis=0), soundfile.read(source)[0], atol=1e-5)
    finally:
        for part in parts:
            part.terminate()
            part.wait(timeout=30)
