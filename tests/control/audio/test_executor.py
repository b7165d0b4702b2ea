"""Calls keep their order, the latest value wins, offering never waits, and an exception ends nothing."""

import logging
import threading
import time
from concurrent.futures import CancelledError

import pytest

from stemfield.control.audio.executor import LatestWins, SerialExecutor


def test_calls_never_overlap_and_keep_their_order():
    executor, running, seen = SerialExecutor("test"), [], []

    def call(number):
        running.append(number)
        assert len(running) == 1
        time.sleep(0.005)
        running.remove(number)
        seen.append(number)
        return number

    futures = [executor.submit(lambda n=n: call(n)) for n in range(10)]
    assert [f.result(2) for f in futures] == list(range(10))
    assert seen == list(range(10))
    assert executor.close(2)


def test_an_exception_reaches_the_caller_and_the_next_call_runs():
    executor = SerialExecutor("test")

    def fail():
        raise OSError("gone")

    broken, good = executor.submit(fail), executor.submit(lambda: 7)
    with pytest.raises(OSError, match="gone"):
        broken.result(2)
    assert good.result(2) == 7
    assert executor.close(2)


def test_a_call_that_has_begun_finishes_although_it_was_cancelled_and_one_that_has_not_is_dropped():
    executor, began, go, done = SerialExecutor("test"), threading.Event(), threading.Event(), []

    def slow():
        began.set()
        go.wait(2)
        done.append("slow")

    first, second = executor.submit(slow), executor.submit(lambda: done.append("never"))
    began.wait(2)
    assert not first.cancel()
    assert second.cancel()
    go.set()
    assert executor.close(2)
    assert done == ["slow"]
    with pytest.raises(CancelledError):
        second.result(0)


def test_a_call_that_hangs_does_not_keep_the_caller():
    executor, go = SerialExecutor("test"), threading.Event()
    executor.submit(lambda: go.wait(5))
    assert not executor.close(0.05)
    go.set()


def newer(_, value):
    return value


def test_what_is_overtaken_is_left_out_and_the_last_is_carried_out():
    begun, go, seen = threading.Event(), threading.Event(), []

    def act(thing):
        seen.append(thing)
        begun.set()
        assert go.wait(5)

    work = LatestWins("test", act, newer)
    work.offer(0)
    assert begun.wait(5)
    for thing in range(1, 100):
        work.offer(thing)
    go.set()
    work.settle(5)
    assert seen == [0, 99]
    work.offer(7)
    assert work.close(5)
    assert seen == [0, 99, 7]


def test_what_waits_is_merged_into_what_comes():
    begun, go, seen = threading.Event(), threading.Event(), []

    def act(thing):
        seen.append(thing)
        begun.set()
        assert go.wait(5)

    work = LatestWins("test", act, lambda older, newer: (newer[0], max(older[1], newer[1])))
    work.offer(("a", 9.0))
    assert begun.wait(5)
    for thing in (("b", 1.0), ("c", 3.0), ("d", 0.0)):
        work.offer(thing)
    go.set()
    assert work.close(5)
    assert seen == [("a", 9.0), ("d", 3.0)]


def test_an_exception_is_logged_and_the_next_value_is_handled(caplog):
    seen = []

    def act(thing):
        if thing == 1:
            raise ArithmeticError("one is too few")
        seen.append(thing)

    work = LatestWins("test", act, newer)
    with caplog.at_level(logging.ERROR):
        for thing in (1, 2):
            work.offer(thing)
            work.settle(5)
    assert seen == [2]
    assert "one is too few" in caplog.text
    assert work.close(5)


@pytest.mark.parametrize("count", [1, 1000])
def test_the_last_value_of_many_threads_is_handled(count):
    seen = []
    work = LatestWins("test", seen.append, newer)
    threads = [threading.Thread(target=lambda n=n: [work.offer((n, k)) for k in range(count)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work.settle(5)
    assert seen[-1][1] == count - 1
    assert work.close(5)
