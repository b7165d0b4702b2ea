"""Handover between workers: real processes on a real timeline, in real time."""

import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import toy_models as toys

from stemfield.separation.cards.card import load_card
from stemfield.separation.cards.presets import DEFAULT
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.worker.process import WorkerProcess
from stemfield.separation.worker.worker import Worker

SHIPPED_ONE = load_card(DEFAULT).folder
STEMS = ("vocals", "bass", "drums", "other")
RATE_HZ = 48000
LATENCY = 9600


@contextmanager
def worker_of(engine, model, *, successor=False):
    process = WorkerProcess(engine.timeline, model, RATE_HZ, LATENCY, stems=STEMS, successor=successor)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def toy(tmp_path):
    """A model whose vocals are the left side and whose other is the right one."""
    return Path(toys.small_wave(tmp_path / "toy", [[1.0, 0.0], [0.0, 1.0]]))


def local(engine, model, **way):
    return Worker(engine.timeline, Separator(load_card(str(model)), RATE_HZ, stems=STEMS), LATENCY, **way)


def test_the_next_model_takes_over_without_a_missing_frame(engine, toy, make_music):
    music = make_music(5 * RATE_HZ, RATE_HZ)
    block = 480
    with ExitStack() as stack:
        first = stack.enter_context(worker_of(engine, SHIPPED_ONE))
        engine.play_silence_until(engine.stems_flow)
        began = engine.timeline.mixture_end()
        second = None
        reserve = []
        for at in range(0, music.shape[1], block):
            if at == RATE_HZ // 2 // block * block:
                second = stack.enter_context(worker_of(engine, toy, successor=True))
            engine.play(music[:, at : at + block])
            reserve.append(engine.timeline.stems_end() - (engine.timeline.mixture_end() - LATENCY))
        assert first.wait(30) == 0
        assert engine.timeline.owner == second.pid
        assert engine.timeline.late == 0
        assert min(reserve) > 0  # the engine found stems at every moment
        assert engine.stems_start() <= began
        newest = engine.timeline.stems_end() - 9600
        sound = music[:, newest - began : newest - began + 4800]
        stems = engine.read_stems(newest, 4800)
        np.testing.assert_allclose(stems[0, 0], sound[0], atol=1e-4)
        assert np.abs(stems[0, 1]).max() < 1e-4


def test_stems_still_sum_where_one_model_fades_into_the_other(engine, toy, make_music):
    music = make_music(2 * RATE_HZ, RATE_HZ)
    old, successor = local(engine, SHIPPED_ONE, pid=1), local(engine, toy, pid=2)
    old.restart()
    successor.stand_by()
    passed = None
    for at in range(0, music.shape[1], 256):
        engine.push(music[:, at : at + 256])
        if passed is None:
            old.process()
            if old.hand_over():
                passed = engine.timeline.stems_end()
        successor.process()
    assert passed is not None
    assert engine.timeline.owner == 2
    assert successor.held is None
    around = slice(passed - 2000, passed + 2000)
    stems = engine.read_stems(around.start, 4000)
    np.testing.assert_allclose(stems.sum(axis=0), music[:, around], atol=1e-4)
    # cross-faded, not cut: the toy's share of the vocals grows over some milliseconds
    leak = np.abs(stems[1:3]).max(axis=(0, 1))
    assert leak[:1500].max() > 1e-3
    assert leak[2000:].max() < 1e-6


class Handover:
    """A predecessor that follows the music, and a successor that is called step by step."""

    def __init__(self, engine, model, music):
        self.old, self.successor = local(engine, model, pid=1), local(engine, model, pid=2)
        self.old.restart()
        self.successor.stand_by()
        self._engine, self._music, self._at = engine, music, 0

    def play(self, frames):
        end = self._at + frames
        while self._at < end:
            self._push()
            while self.old.process():
                pass

    def take_over(self):
        """Play on until the successor has taken over; its predecessor is gone."""
        while self.successor.process() or self.successor.held is not None:
            assert self._engine.stems_start() == 0
            self._push()

    def _push(self):
        self._engine.push(self._music[:, self._at : self._at + 480])
        self._at += 480


def test_a_successor_behind_catches_up_while_the_predecessors_stems_play(engine, toy, make_music):
    """After a delay of the machine, or with music faster than real time, the available audio is not dropped."""
    music = make_music(3 * RATE_HZ, RATE_HZ)
    both = Handover(engine, toy, music)
    old, successor, play = both.old, both.successor, both.play
    while engine.timeline.successor == 0:
        play(480)
        successor.process()
    play(2 * LATENCY + 8192)
    assert old.hand_over()
    playing = engine.timeline.mixture_end() - LATENCY
    assert successor.position + 8192 < playing < engine.timeline.stems_end()
    while successor.process():
        assert engine.stems_start() == 0
        assert engine.timeline.stems_end() > playing
    assert successor.held is None
    newest = engine.timeline.stems_end() - 30_000
    stems = engine.read_stems(newest, 30_000)
    np.testing.assert_allclose(stems.sum(axis=0), music[:, newest : newest + 30_000], atol=1e-4)


def test_a_successor_delayed_by_a_busy_machine_does_not_take_over_yet(engine, toy, make_music):
    """The last block of the warm-up took so long that the music is far ahead."""
    music = make_music(4 * RATE_HZ, RATE_HZ)
    both = Handover(engine, toy, music)
    old, successor, play = both.old, both.successor, both.play
    while successor.standby_frames < RATE_HZ // 2 - 1500:
        play(480)
        successor.process()
    assert engine.timeline.successor == 0
    feed = successor.separator.feed

    def slowly(mixture):
        play(30_000)
        return feed(mixture)

    play(4800)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(successor.separator, "feed", slowly)
        successor.process()
    assert successor.standby_frames >= RATE_HZ // 2
    assert engine.timeline.successor == 0
    while engine.timeline.successor == 0:
        play(480)
        successor.process()
    assert old.hand_over()
    both.take_over()
    assert engine.stems_start() == 0


@pytest.mark.parametrize("order", [("slow", "quick"), ("quick", "slow")])
def test_models_of_very_different_latency_follow_each_other_without_a_missing_frame(
    engine, tmp_path, make_music, order
):
    """Models with a latency of seconds and of milliseconds, in an engine whose latency is enough for both."""
    latency = 60_000
    folders = {
        "quick": toys.small_wave(tmp_path / "quick", [[1.0, 0.0], [0.0, 1.0]]),
        "slow": toys.small_wave(tmp_path / "slow", [[0.5, 0.5], [0.5, 0.5]], samples=36_000),
    }
    old, successor = (
        Worker(engine.timeline, Separator(load_card(folders[name]), RATE_HZ, stems=STEMS), latency, pid)
        for pid, name in enumerate(order, start=1)
    )
    music = make_music(5 * RATE_HZ, RATE_HZ)
    old.restart()
    passed = None
    for at in range(0, music.shape[1], 480):
        engine.push(music[:, at : at + 480])
        if at == 2 * RATE_HZ:
            successor.stand_by()
        if passed is None:
            while old.process():
                pass
            if old.hand_over():
                passed = engine.timeline.stems_end()
        if at >= 2 * RATE_HZ:
            while successor.process():
                pass
        if at > latency:
            assert engine.timeline.stems_end() > engine.timeline.mixture_end() - latency
    assert passed is not None
    assert successor.held is None
    assert engine.timeline.late == 0
    assert engine.stems_start() == 0
    newest = engine.timeline.stems_end() - 20_000
    stems = engine.read_stems(newest, 20_000)
    np.testing.assert_allclose(stems.sum(axis=0), music[:, newest : newest + 20_000], atol=1e-4)


def test_a_successor_delayed_since_its_request_catches_up_before_it_takes_over(engine, toy, make_music):
    """Music faster than real time: during the delay more of it passed than the timeline holds."""
    both = Handover(engine, toy, make_music(5 * RATE_HZ, RATE_HZ))
    old, successor, play = both.old, both.successor, both.play
    while engine.timeline.successor == 0:
        play(480)
        successor.process()
    play(engine.timeline.frames)
    assert not old.hand_over()
    successor.process()
    assert engine.timeline.successor == 0, "what it held joins nothing any more, and it asks anew"
    begun = successor.position
    while not old.hand_over():
        play(480)
        successor.process()
    assert engine.timeline.mixture_end() - begun >= RATE_HZ // 2, "its memory was cold"
    both.take_over()
    assert engine.stems_start() == 0
    assert engine.timeline.owner == successor.pid


def test_a_successor_writes_nothing_before_it_has_the_timeline(engine, toy, make_music):
    successor = local(engine, toy, pid=2)
    successor.stand_by()
    engine.push(make_music(RATE_HZ, RATE_HZ)[:, : RATE_HZ // 4])
    successor.process()
    assert engine.timeline.stems_end() == 0
    assert engine.timeline.successor == 0


def test_a_successor_gets_the_timeline_of_one_that_died(engine, toy):
    with worker_of(engine, SHIPPED_ONE) as first:
        engine.play_silence_until(engine.stems_flow)
        with worker_of(engine, toy, successor=True) as second:
            engine.play_silence_until(lambda: engine.timeline.successor or engine.timeline.owner == second.pid)
            os.kill(first.pid, signal.SIGKILL)
            engine.timeline.owner = second.pid
            engine.play_silence_until(engine.stems_flow)
            assert second.poll() is None


def test_a_model_that_is_too_slow_is_reported_and_the_active_one_continues(engine, tmp_path):
    """Nearly 700 calls a second, each of which takes many milliseconds."""
    folder = tmp_path / "slow"
    toys.slow_stream(folder)
    with worker_of(engine, SHIPPED_ONE) as first:
        engine.play_silence_until(engine.stems_flow)
        with worker_of(engine, folder, successor=True) as second:
            assert second.wait(30) == 4
            assert "s of compute per second of sound here: use it on files" in second.last_message
        assert first.poll() is None
        assert engine.timeline.owner == first.pid
