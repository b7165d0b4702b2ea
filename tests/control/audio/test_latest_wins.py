"""The newest wins, whoever offers never waits, and a fault ends nothing."""

import logging
import threading

import pytest

from stemfield.control.audio.latest_wins import Newest


def test_what_is_overtaken_is_left_out_and_the_last_is_carried_out():
    begun, go, seen = threading.Event(), threading.Event(), []

    def act(thing):
        seen.append(thing)
        begun.set()
        assert go.wait(5)

    work = Newest("test", act)
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

    work = Newest("test", act, lambda older, newer: (newer[0], max(older[1], newer[1])))
    work.offer(("a", 9.0))
    assert begun.wait(5)
    for thing in (("b", 1.0), ("c", 3.0), ("d", 0.0)):
        work.offer(thing)
    go.set()
    assert work.close(5)
    assert seen == [("a", 9.0), ("d", 3.0)]


def test_a_fault_is_told_and_the_next_is_carried_out(caplog):
    seen = []

    def act(thing):
        if thing == 1:
            raise ArithmeticError("one is too few")
        seen.append(thing)

    work = Newest("test", act)
    with caplog.at_level(logging.ERROR):
        for thing in (1, 2):
            work.offer(thing)
            work.settle(5)
    assert seen == [2]
    assert "one is too few" in caplog.text
    assert work.close(5)


@pytest.mark.parametrize("count", [1, 1000])
def test_the_last_word_of_many_threads_is_one_of_theirs(count):
    seen = []
    work = Newest("test", seen.append)
    threads = [threading.Thread(target=lambda n=n: [work.offer((n, k)) for k in range(count)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work.settle(5)
    assert seen[-1][1] == count - 1
    assert work.close(5)
