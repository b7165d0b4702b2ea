"""A training whose process is killed at any moment goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from stemfield.separation.training import dataset, fit, validation
from stemfield.separation.training.network import Shape
from stemfield.separation.training.release import plot_curves

RATE_HZ = 44100
PLAN = fit.Plan(steps=4, shape=Shape(width=8, layers=1), batch=1, hops=4, validate_every=2, warm_up=2)
MOMENTS = 6
"""Number of lines of `fit.py`, spread over the run, at which the process is killed."""


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("songs")
    (root / "song").mkdir()
    for number, name in enumerate(dataset.STEMS):
        noise = 0.05 * np.random.default_rng(number).standard_normal((RATE_HZ, 2))
        soundfile.write(root / "song" / f"{name}.wav", noise, RATE_HZ, subtype="PCM_16")
    return root


def train(songs, out):
    fit.fit(PLAN, dataset.SongDataset([songs]), validation.load_clips([songs]), out)


def count_lines(action):
    """Call `action` with the number of each executed line of fit.py, until what is returned is called."""
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        if frame.f_code.co_filename != fit.__file__:
            return None
        if event == "line":
            count += 1
            action(count)
        return trace

    sys.settrace(trace)
    return lambda: sys.settrace(None)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def killed():
    """`killed(run, songs, out, number)` runs in a process of its own, which must not survive.

    PyTorch with CUDA cannot train in a fork of a process that has trained, such as this one.
    """
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:

        def run(function, songs, out, number):
            parent.stdin.write(json.dumps([function.__name__, str(songs), str(out), number]) + "\n")
            parent.stdin.flush()
            assert int(parent.stdout.readline()) == -signal.SIGKILL

        yield run


def serve():
    """Fork a process for each line, and print how it ended."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        name, songs, out, number = json.loads(line)
        if (child := os.fork()) == 0:
            globals()[name](Path(songs), Path(out), number)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def killed_at_line(songs, out, line):
    count_lines(lambda count: die() if count == line else None)
    train(songs, out)


def killed_while_saving(songs, out, number):
    whole, count = torch.save, 0

    def half(state, path):
        nonlocal count
        count += 1
        whole(state, path)
        if count == number:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            die()

    torch.save = half
    train(songs, out)


def outcome(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    weights = {name: torch.load(out / name, weights_only=True)["average"] for name in ("checkpoint.pt", "best.pt")}
    score = torch.load(out / "best.pt", weights_only=True)["score"]
    return [{key: line[key] for key in line if key != "seconds"} for line in lines], score, weights


@pytest.fixture(scope="module")
def whole(songs, tmp_path_factory):
    """The run without interruption, and the number of lines it executes."""
    out, total = tmp_path_factory.mktemp("run"), 0

    def action(count):
        nonlocal total
        total = count

    stop = count_lines(action)
    try:
        train(songs, out)
    finally:
        stop()
    return outcome(out), total


def check_resumed(songs, out, whole):
    train(songs, out)
    (lines, score, weights), (expected_lines, expected_score, expected) = outcome(out), whole
    assert lines == expected_lines
    assert score == expected_score
    for name, state in expected.items():
        assert all(torch.equal(value, weights[name][key]) for key, value in state.items())


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_goes_on(killed, songs, tmp_path, whole, moment):
    expected, lines = whole
    killed(killed_at_line, songs, tmp_path, lines // 20 + moment * lines // MOMENTS)
    check_resumed(songs, tmp_path, expected)


@pytest.mark.parametrize("number", range(1, 6))
def test_a_run_killed_while_it_saves_goes_on(killed, songs, tmp_path, whole, number):
    killed(killed_while_saving, songs, tmp_path, number)
    check_resumed(songs, tmp_path, whole[0])


def test_half_a_line_of_the_log_is_forgotten(killed, songs, tmp_path, whole):
    killed(killed_while_saving, songs, tmp_path, 4)
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text() + '{"step": 4, "lo')
    check_resumed(songs, tmp_path, whole[0])


def test_scores_of_another_kind_are_not_compared(killed, songs, tmp_path, whole):
    killed(killed_while_saving, songs, tmp_path, 4)
    best = tmp_path / "best.pt"
    old = torch.load(best, weights_only=True)
    assert "median cSDR in dB, vocals twice, on song (44100 frames)" in old["measure"]
    del old["measure"]
    torch.save({**old, "score": 99.0}, best)
    train(songs, tmp_path)
    kept = torch.load(best, weights_only=True)
    assert (kept["step"], kept["score"]) == (4, whole[0][0][-1]["score"])


def test_logs_of_old_runs_are_plotted(tmp_path):
    old = {"step": 1, "loss": 2.0, "score": 3.0, "medians": {"vocals": 1.0, "bass": None, "drums": 2.0, "other": 3.0}}
    new = {**old, "step": 2, "csdr": old["medians"], "own": {"vocals": 0.5, "bass": None}}
    for lines in ([old], [old, new], [{"step": 1, "loss": 2.0}]):
        (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        picture = tmp_path / "curves.png"
        plot_curves(tmp_path, picture)
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_clips_of_the_same_name_are_told_apart(songs, tmp_path):
    for album in ("first", "second"):
        (tmp_path / album / "01").mkdir(parents=True)
        for stem in ("vocals", "bass"):
            (tmp_path / album / "01" / f"{stem}.wav").write_bytes((songs / "song" / f"{stem}.wav").read_bytes())
    clips = validation.load_clips([tmp_path / "first", tmp_path / "second", songs])
    assert {clip.name for clip in clips} == {"first-01", "second-01", "song"}


def test_a_score_is_the_mean_of_medians_over_the_clips_that_know_the_stem():
    def rows(**stems):
        return {stem: {"csdr": value, "si_sdr_improvement": 0.0} for stem, value in stems.items()}

    result = validation.Validation(
        {"a": rows(vocals=0.4, drums=2.0), "b": rows(vocals=4.0), "c": rows(vocals=5.0, drums=4.0)}, ()
    )
    assert result.score == pytest.approx((2 * 4.0 + 3.0) / 3)
    assert result.missed == ("a",)
    assert result.own == dict.fromkeys(dataset.STEMS)


if __name__ == "__main__":
    serve()
