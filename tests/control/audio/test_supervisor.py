"""The supervisor of the worker, with real processes in the worker's place."""

import errno
import subprocess
import sys
import time

import pytest

from stemfield.control.audio.supervisor import (
    EXIT_BAD_MODEL,
    EXIT_TOO_SLOW,
    FIRST_DELAY_S,
    START_TIMEOUT_S,
    TIMEOUT_S,
    Supervisor,
)
from stemfield.renderer.timeline import Timeline


class Stand:
    """A process with a worker's face."""

    def __init__(self, script, last_message=""):
        self._process = subprocess.Popen([sys.executable, "-c", script])
        self.pid = self._process.pid
        self.last_message = last_message
        self.poll, self.terminate, self.kill = self._process.poll, self._process.terminate, self._process.kill

    def wait(self, timeout_s):
        return self._process.wait(timeout_s)


SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"


@pytest.fixture
def keeper():
    made = []
    timeline = Timeline.create(1, 64)

    def make(*starts):
        queue = list(starts)
        started = []

        def start(_):
            given = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(given, Exception):
                raise given
            started.append(Stand(*given))
            return started[-1]

        made.append(Supervisor(timeline, start))
        return made[-1], started, timeline

    yield make
    for one in made:
        one.close()
    timeline.close()


def test_a_worker_that_ends_is_replaced_with_growing_delays(keeper):
    supervisor, started, _ = keeper(("import sys; sys.exit(3)",))
    now, gaps, last = 0.0, [], None
    for _ in range(3):
        supervisor.check(now)
        if last is not None:
            gaps.append(now - last)
        last = now
        started[-1].wait(5)
        supervisor.check(now)
        assert "status 3" in supervisor.problem
        while supervisor._due_s > now:
            now += 0.05
    assert supervisor.restarts == 3
    assert gaps[1] > 1.5 * gaps[0] >= FIRST_DELAY_S


def test_a_bad_model_is_reported_in_the_workers_words(keeper):
    supervisor, started, _ = keeper((f"import sys; sys.exit({EXIT_BAD_MODEL})", "model x: not an ONNX file"))
    supervisor.check(0.0)
    started[0].wait(5)
    supervisor.check(0.1)
    assert supervisor.problem == "model x: not an ONNX file"


def test_a_worker_without_signs_of_life_is_killed_and_replaced_only_when_it_is_gone(keeper):
    supervisor, started, timeline = keeper((SLEEP,))
    supervisor.check(0.0)
    timeline.beat()
    supervisor.check(1.0)
    supervisor.check(1.0 + TIMEOUT_S - 0.1)
    assert started[0].poll() is None
    supervisor.check(1.0 + TIMEOUT_S + 0.1)
    assert started[0].wait(5) == -9
    supervisor.check(1.0 + TIMEOUT_S + 1)
    assert len(started) == 2


def test_a_worker_that_only_starts_slowly_is_given_longer(keeper):
    supervisor, started, _ = keeper((SLEEP,))
    supervisor.check(0.0)
    supervisor.check(START_TIMEOUT_S - 0.1)
    assert started[0].poll() is None


def test_a_machine_that_cannot_start_a_process_is_tried_again(keeper):
    supervisor, started, _ = keeper(OSError(errno.EAGAIN, "Resource temporarily unavailable"), (SLEEP,))
    supervisor.check(0.0)
    assert "Resource temporarily unavailable" in supervisor.problem
    supervisor.check(FIRST_DELAY_S + 0.01)
    assert len(started) == 1


def test_another_model_waits_for_the_old_worker_without_holding_up_the_caller(keeper):
    supervisor, started, _ = keeper((STUBBORN,))
    supervisor.check(0.0)
    time.sleep(0.5)  # it ignores SIGTERM by now
    fresh = []

    def start(_):
        fresh.append(Stand(SLEEP))
        return fresh[-1]

    supervisor.replace(start, 1.0)
    supervisor.check(1.1)
    assert started[0].poll() is None, "the caller got back while the old one still lived"
    assert not fresh
    supervisor.check(10.0)  # the timeout is over
    started[0].wait(5)
    supervisor.check(10.1)
    assert len(fresh) == 1


def test_nothing_starts_after_the_close(keeper):
    supervisor, started, _ = keeper((SLEEP,))
    supervisor.check(0.0)
    supervisor.close()
    assert started[0].poll() is not None
    supervisor.check(100.0)
    assert len(started) == 1


def successor_of(supervisor, script, now_s, last_message="", told=None):
    """Replace the model; return the stand-in of its worker. Whether it took over is added to `told`."""
    made = []

    def start(_):
        made.append(Stand(script, last_message))
        return made[-1]

    supervisor.replace(start, now_s, ended=([] if told is None else told).append)
    return made[0]


@pytest.fixture
def playing(keeper):
    supervisor, started, timeline = keeper((SLEEP,))
    supervisor.check(0.0)
    timeline.beat()
    supervisor.check(0.1)
    return supervisor, started[0], timeline


def test_a_worker_plays_on_until_its_successor_has_the_timeline(playing):
    supervisor, first, timeline = playing
    told = []
    successor = successor_of(supervisor, SLEEP, 1.0, told=told)
    supervisor.check(1.1)
    assert supervisor._worker.pid == first.pid
    assert first.poll() is None
    assert told == []
    timeline.owner = successor.pid
    supervisor.check(1.2)
    assert supervisor._worker.pid == successor.pid
    assert told == [True]
    supervisor.check(10.0)  # the first one did not leave by itself
    assert first.wait(5) == -9


def test_a_successor_that_cannot_play_leaves_the_other_one_playing(playing):
    supervisor, first, timeline = playing
    told = []
    successor = successor_of(supervisor, "import sys; sys.exit(4)", 1.0, "the model is too slow", told)
    successor.wait(5)
    timeline.beat()
    supervisor.check(1.1)
    assert supervisor._worker.pid == first.pid
    assert first.poll() is None
    assert supervisor.problem == "the model is too slow"
    assert told == [False]


def test_a_successor_that_is_never_ready_is_abandoned(playing):
    supervisor, first, timeline = playing
    told = []
    successor = successor_of(supervisor, SLEEP, 1.0, told=told)
    timeline.beat()
    supervisor.check(1.0 + START_TIMEOUT_S + TIMEOUT_S + 0.1)
    assert successor.poll() == -9
    assert supervisor._worker.pid == first.pid
    assert told == [False]


def test_a_successor_takes_over_from_a_worker_that_dies(playing):
    supervisor, first, timeline = playing
    successor = successor_of(supervisor, SLEEP, 1.0)
    first.kill()
    first.wait(5)
    supervisor.check(1.1)
    assert supervisor._worker.pid == successor.pid
    assert timeline.owner == successor.pid


def test_a_second_replacement_ends_the_successor_of_the_first(playing):
    supervisor, first, _ = playing
    told = []
    one = successor_of(supervisor, SLEEP, 1.0, told=told)
    two = successor_of(supervisor, SLEEP, 1.1)
    assert one.poll() == -9
    assert told == []
    supervisor.close()
    assert two.poll() is not None
    assert first.poll() is not None


def test_replacements_in_quick_succession_leave_no_worker_behind(playing):
    supervisor, first, timeline = playing
    timeline.owner = successor_of(supervisor, SLEEP, 1.0).pid
    supervisor.check(1.1)  # it has taken over, and the first one does not leave by itself
    supervisor.replace(lambda _: Stand(SLEEP), 1.2)
    assert first.wait(5) == -9


def test_a_model_that_is_too_slow_is_not_tried_again(keeper):
    supervisor, started, _ = keeper((f"import sys; sys.exit({EXIT_TOO_SLOW})", "needs 1.4 s"))
    supervisor.check(0.0)
    started[0].wait(5)
    for now_s in (0.1, 100.0, 1e6):
        supervisor.check(now_s)
    assert len(started) == 1
    assert supervisor.problem == "needs 1.4 s"


def test_a_model_that_has_played_here_is_tried_again_though_it_is_too_slow_once(keeper):
    """The next worker may be timed in a moment in which the machine is busy."""
    supervisor, started, timeline = keeper(
        (SLEEP,), (f"import sys; sys.exit({EXIT_TOO_SLOW})", "needs 1.4 s"), (SLEEP,)
    )
    supervisor.check(0.0)
    timeline.beat()
    supervisor.check(0.1)
    started[0].kill()
    started[0].wait(5)
    supervisor.check(0.2)
    supervisor.check(0.2 + FIRST_DELAY_S)
    started[1].wait(5)
    supervisor.check(1.0)
    assert supervisor.problem == "needs 1.4 s"
    supervisor.check(1.0 + 2 * FIRST_DELAY_S)
    assert len(started) == 3
