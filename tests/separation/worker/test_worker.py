"""The worker as a real process on a real timeline, in real time."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import toy_models as toys

from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.worker.process import WorkerProcess
from stemfield.separation.worker.worker import MAX_BLOCK_FRAMES, Worker

MODEL = load_card(DEFAULT).folder
LATENCY = 8192
"""Generous, for a machine that is busy with other things."""


@contextmanager
def working(engine, model=MODEL, latency=LATENCY):
    """A worker that has ended afterwards, and with it the thread that reads its messages."""
    worker = WorkerProcess(engine.timeline, model, engine.sample_rate_hz, latency)
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(10)


def test_stems_arrive_in_time_and_equal_the_separators(engine, card, make_music, separate):
    separator = Separator(card, 48000)
    music = make_music(48_000, 48000)
    with working(engine):
        engine.play_silence_until(engine.stems_flow)
        start = engine.timeline.mixture_end()
        behind = engine.play(music)
        engine.play(np.zeros((2, 9600), np.float32))
        assert engine.stems_start() < start
        assert behind.max() <= LATENCY
        assert np.percentile(behind, 20) <= separator.latency_frames
        assert engine.timeline.late == 0
        assert 0.01 < engine.timeline.load < 1.0
        assert np.array_equal(engine.read_stems(start, 48_000), separate(separator, music))


def test_starts_at_the_present_and_skips_earlier_audio(engine, make_music):
    engine.push(make_music(30_000, 48000))
    with working(engine):
        engine.play_silence_until(engine.stems_flow)
        assert engine.stems_start() >= 30_000


def test_the_threshold_reaches_the_masks(engine, card, make_music, separate):
    music = make_music(12_000, 48000)
    separator = Separator(card, 48000)
    separator.threshold = 0.7
    engine.timeline.threshold = 0.7
    with working(engine):
        engine.play_silence_until(engine.stems_flow)
        start = engine.timeline.mixture_end()
        engine.play(np.pad(music, ((0, 0), (0, 9600))))
        assert np.array_equal(engine.read_stems(start, 12_000), separate(separator, music))


@pytest.mark.parametrize(("told", "used"), [(0.25, 0.25), (7.0, 1.0), (-1.0, 0.0), (float("nan"), 0.0)])
def test_a_threshold_out_of_range_is_clamped(engine, card, told, used):
    worker = Worker(engine.timeline, Separator(card, 48000), LATENCY)
    worker.restart()
    engine.timeline.threshold = told
    engine.push(np.ones((2, 512), np.float32))
    assert worker.process()
    assert worker.separator.threshold == used


def test_it_beats_while_waiting_for_a_hop(engine, card, make_music):
    worker = Worker(engine.timeline, Separator(card, 48000), LATENCY)
    worker.restart()
    music = make_music(2048, 48000)
    written = []
    for at in range(0, 2048, 64):
        engine.push(music[:, at : at + 64])
        worker.process()
        written.append(engine.timeline.stems_end())
    assert engine.timeline.beats() == 32
    assert sorted(set(written)) == list(range(0, 2048 - card.latency_samples + 512 + 1, 512))
    assert written.index(512) == card.latency_samples // 64 - 1


def play_slowly(engine, worker, sound, blocks=4, block=256):
    """Pushes a sound in blocks of a period; the worker looks after every fourth one only, until it has caught up."""
    for at in range(0, sound.shape[1], blocks * block):
        for start in range(at, min(at + blocks * block, sound.shape[1]), block):
            engine.push(sound[:, start : start + block])
        while worker.process() or (worker.separator.is_asleep and worker.nap() and worker.process()):
            pass


def test_silence_is_passed_without_the_model_and_the_first_note_is_whole(engine, card, make_music, separate):
    separator = Separator(card, 48000)
    worker = Worker(engine.timeline, separator, LATENCY)
    worker.restart()
    music = make_music(9_000, 48000)
    tail = np.zeros((2, 2 * 48_000), np.float32)
    play_slowly(engine, worker, np.concatenate([music, tail], axis=1))
    assert worker.nap()
    assert engine.timeline.stems_end() == engine.timeline.mixture_end()
    separated = engine.timeline.separated
    assert separated > 9_000
    engine.timeline.load = 1.0  # as if the model took all the time
    play_slowly(engine, worker, tail[:, :24_000])
    assert engine.timeline.separated == separated
    assert engine.timeline.stems_end() == engine.timeline.mixture_end()
    assert engine.timeline.load < 0.8
    first = engine.timeline.mixture_end() + 777
    play_slowly(engine, worker, np.pad(music, ((0, 0), (777, 9_000))))
    assert engine.timeline.late == 0
    assert engine.timeline.separated > separated + 9_000
    assert np.array_equal(engine.read_stems(first, 9_000), separate(Separator(card, 48000), music))
    assert not engine.read_stems(first - 48_000, 48_000).any()


def test_who_has_something_to_do_does_not_nap(engine, card):
    worker = Worker(engine.timeline, Separator(card, 48000), LATENCY)
    worker.restart()
    assert worker.nap()
    engine.push(np.ones((2, 511), np.float32))
    assert not worker.process(), "too little for a step"
    assert not worker.nap()
    engine.push(np.ones((2, 1), np.float32))
    assert worker.process()
    assert not worker.nap()
    worker.stand_by()
    assert not worker.nap(), "a successor waits for its predecessor"


def test_a_stop_request_ends_it_with_status_0(engine):
    with working(engine) as worker:
        engine.play_silence_until(engine.stems_flow)
        assert worker.poll() is None
        started = time.perf_counter()
        worker.terminate()
        assert worker.wait(5) == 0
        assert time.perf_counter() - started < 2.0
        assert worker.last_message == ""


def test_ctrl_c_is_left_to_the_parent(engine):
    with working(engine) as worker:
        engine.play_silence_until(engine.stems_flow)
        os.kill(worker.pid, signal.SIGINT)
        before = engine.timeline.beats()
        engine.play_silence_until(lambda: engine.timeline.beats() > before + 20)
        assert worker.poll() is None


def test_killed_in_mid_song_the_next_one_takes_over(engine, make_music):
    music = make_music(24_000, 48000)
    with working(engine) as first:
        engine.play_silence_until(engine.stems_flow)
        engine.play(music)
        first.kill()
        assert first.wait(5) == -signal.SIGKILL
        killed_at = engine.timeline.mixture_end()
    with working(engine):
        engine.play_silence_until(lambda: engine.stems_start() >= killed_at and engine.stems_flow())


def test_after_a_standstill_it_skips_to_the_present(engine, make_music):
    music = make_music(48_000, 48000)
    with working(engine) as worker:
        engine.play_silence_until(engine.stems_flow)
        os.kill(worker.pid, signal.SIGSTOP)
        engine.push(music)
        engine.push(np.zeros((2, LATENCY + MAX_BLOCK_FRAMES), np.float32))
        present = engine.timeline.mixture_end()
        os.kill(worker.pid, signal.SIGCONT)
        engine.play_silence_until(lambda: engine.stems_start() >= present and engine.stems_flow())
        assert engine.timeline.late == 1
        assert worker.poll() is None


def test_a_short_standstill_is_caught_up_without_a_gap(engine, card, make_music, separate):
    music = make_music(24_000, 48000)
    with working(engine) as worker:
        engine.play_silence_until(engine.stems_flow)
        start = engine.timeline.mixture_end()
        engine.play(music[:, :8000])
        os.kill(worker.pid, signal.SIGSTOP)
        engine.push(music[:, 8000:15_000])
        os.kill(worker.pid, signal.SIGCONT)
        engine.play(music[:, 15_000:])
        engine.play(np.zeros((2, 9600), np.float32))
        assert engine.timeline.late == 0
        assert np.array_equal(engine.read_stems(start, 24_000), separate(Separator(card, 48000), music))


@pytest.mark.parametrize(
    ("model", "latency", "reason"),
    [
        (Path("/nowhere/first"), LATENCY, "/nowhere/first: cannot be read: No such file or directory"),
        (MODEL, 100, f"latency: expected at least {load_card(DEFAULT).latency_samples} frames, got 100"),
    ],
)
def test_an_unusable_model_or_argument_ends_it_with_status_2_and_the_reason(engine, caplog, model, latency, reason):
    with working(engine, model, latency) as worker:
        assert worker.wait(20) == 2
        assert worker.last_message == reason
        assert [record.getMessage() for record in caplog.records] == [f"separation worker {worker.pid}: {reason}"]


def may_run_in_real_time():
    try_it = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    return subprocess.run([sys.executable, "-c", try_it], stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_it_has_realtime_priority_if_permitted(engine, tmp_path):
    """Except with chunk models, which would occupy the CPU for too long."""
    chunks = Path(toys.small_wave(tmp_path / "toy", [[0.1, 0.1]] * 4, sources=toys.FOUR))
    for model, wanted in ((MODEL, os.SCHED_RR), (chunks, os.SCHED_OTHER)):
        with working(engine, model) as worker:
            engine.play_silence_until(lambda: engine.timeline.owner == worker.pid)
            policy = os.sched_getscheduler(worker.pid) & ~os.SCHED_RESET_ON_FORK
            assert policy == (wanted if may_run_in_real_time() else os.SCHED_OTHER)
            if policy == os.SCHED_RR:
                assert os.sched_getparam(worker.pid).sched_priority == 1


def test_an_timeline_for_other_stems_is_refused(engine_of_three):
    with working(engine_of_three) as worker:
        assert worker.wait(20) == 2
        assert worker.last_message == "stems: expected 3 as in the timeline, got 4"


@pytest.fixture
def engine_of_three(engine):
    three = type(engine)(stems=3)
    yield three
    three.timeline.close()


PARENT = f"""
import sys, time
from pathlib import Path
from stemfield.renderer.timeline import Timeline
from stemfield.separation.worker.process import WorkerProcess
timeline = Timeline.create(4)
worker = WorkerProcess(timeline, Path({str(MODEL)!r}), 48000, 8192)
while not timeline.beats():
    time.sleep(0.01)
print(worker.pid, flush=True)
time.sleep(60)
"""


def gone(pid):
    """Whether the process has ended, even if it has not been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("stopped", [False, True])
def test_it_is_killed_with_its_parent_even_if_it_hangs(stopped):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        parent.kill()
    deadline = time.monotonic() + 5.0
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(pid)
