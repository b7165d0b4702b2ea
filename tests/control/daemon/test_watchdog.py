"""When the daemon counts as alive, and when the service manager is notified, in made-up time."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from stemfield.control.daemon.watchdog import Heartbeat, ServiceManager

TURN_S = 0.1
TIMEOUT_S = 5.0

Moment = tuple[bool, int]


def living(moments: Iterable[Moment]) -> list[bool]:
    """The verdict every tenth of a second."""
    heartbeat = Heartbeat(TIMEOUT_S)
    return [heartbeat.is_alive(n * TURN_S, joined=joined, blocks=blocks) for n, (joined, blocks) in enumerate(moments)]


def turns(seconds: float) -> int:
    return round(seconds / TURN_S)


def test_it_lives_while_blocks_are_rendered() -> None:
    assert all(living((True, n) for n in range(turns(60))))


def test_it_lives_while_it_waits_for_a_server_and_while_the_code_is_compiled() -> None:
    assert all(living([(False, 0)] * turns(300)))


def test_a_callback_that_stops_while_the_server_runs_ends_it() -> None:
    told = living([(True, n) for n in range(turns(10))] + [(True, turns(10))] * turns(20))
    assert told[: turns(15)] == [True] * turns(15)
    assert not any(told[turns(15.3) :])


@pytest.mark.parametrize("away_s", [0.3, 1.0, 2.5])
def test_joining_the_same_server_again_and_again_is_no_sign_of_life(away_s: float) -> None:
    """A silent server is left after two seconds and joined again, which must not repeat forever."""
    round_ = [(True, 50)] * turns(2.0) + [(False, 50)] * turns(away_s)
    told = living([(True, n) for n in range(50)] + round_ * 20)
    assert not any(told[turns(5.0 + TIMEOUT_S + 0.3) :])


def test_a_server_that_ends_and_comes_back_after_an_hour_costs_nothing() -> None:
    before = [(True, n) for n in range(turns(5))]
    after = [(True, before[-1][1] + n) for n in range(turns(5))]
    assert all(living(before + [(False, before[-1][1])] * turns(3600) + after))


def test_another_engine_starts_to_count_at_zero() -> None:
    assert all(living([(True, n) for n in range(turns(4))] + [(True, n) for n in range(turns(4))]))


def test_the_service_manager_is_notified_twice_in_each_interval_while_blocks_are_rendered() -> None:
    sent: list[str] = []
    manager = ServiceManager(5.0, sent.append)
    manager.ready()
    for n in range(turns(60)):
        manager.update(10.0 + n * TURN_S, joined=True, blocks=min(n, turns(30)))
    assert set(sent) == {"READY=1", "WATCHDOG=1"}
    assert 30 / 2.6 <= len(sent) <= 36 / 2.4


def test_without_a_watchdog_nothing_is_sent() -> None:
    sent: list[str] = []
    manager = ServiceManager(None, sent.append)
    manager.ready()
    manager.update(10.0, joined=True, blocks=1)
    assert sent == ["READY=1"]


def test_a_start_in_progress_requests_more_time_every_second() -> None:
    sent: list[str] = []
    manager = ServiceManager(None, sent.append)
    for n in range(turns(10)):
        manager.update(100.0 + n * TURN_S, joined=False, blocks=0)
    assert set(sent) == {"EXTEND_TIMEOUT_USEC=60000000"}
    assert 9 <= len(sent) <= 10
