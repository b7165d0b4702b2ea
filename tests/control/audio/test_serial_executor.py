import threading
import time
from concurrent.futures import CancelledError

import pytest

from stemfield.control.audio.serial_executor import Lane


def test_calls_never_overlap_and_keep_their_order():
    lane, running, seen = Lane("test"), [], []

    def call(number):
        running.append(number)
        assert len(running) == 1
        time.sleep(0.005)
        running.remove(number)
        seen.append(number)
        return number

    futures = [lane.submit(lambda n=n: call(n)) for n in range(10)]
    assert [f.result(2) for f in futures] == list(range(10))
    assert seen == list(range(10))
    assert lane.close(2)


def test_what_a_call_raises_comes_to_whoever_waits_and_the_next_call_runs():
    lane = Lane("test")

    def fail():
        raise OSError("gone")

    broken, good = lane.submit(fail), lane.submit(lambda: 7)
    with pytest.raises(OSError, match="gone"):
        broken.result(2)
    assert good.result(2) == 7
    assert lane.close(2)


def test_a_call_that_has_begun_is_finished_though_nobody_waits_and_one_that_has_not_is_dropped():
    lane, began, go, done = Lane("test"), threading.Event(), threading.Event(), []

    def slow():
        began.set()
        go.wait(2)
        done.append("slow")

    first, second = lane.submit(slow), lane.submit(lambda: done.append("never"))
    began.wait(2)
    assert not first.cancel()
    assert second.cancel()
    go.set()
    assert lane.close(2)
    assert done == ["slow"]
    with pytest.raises(CancelledError):
        second.result(0)


def test_a_call_that_hangs_does_not_keep_the_caller():
    lane, go = Lane("test"), threading.Event()
    lane.submit(lambda: go.wait(5))
    assert not lane.close(0.05)
    go.set()
