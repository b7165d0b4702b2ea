"""What the sound is told of bundles that are still to come, while nobody else is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from daemon_process import bundle_at

from stemfield.renderer.scene.timed_scene import TimedScene


@pytest.fixture
def plans(control: Any) -> list[list[TimedScene]]:
    """Every plan, as it is made."""
    made: list[Sequence[TimedScene]] = []
    control.loop.call_soon_threadsafe(control.hub.follow, made.append)
    control.settled()
    return made  # type: ignore[return-value]


def vocals(cues: Sequence[TimedScene]) -> list[float]:
    return [cue.scene.objects[0].level for cue in cues]


def test_the_sound_knows_before_anybody_else(control: Any, peer: Any, plans: Any, until: Callable[..., None]) -> None:
    ahead_s, at_s = time.monotonic() + 0.4, time.time() + 0.4
    peer.send_bytes(bundle_at(at_s, "/object/vocals/level", 0.5))
    assert peer.ask("/object/vocals/level") == [1.0]
    until(lambda: plans, 2, "it is in sight")
    assert time.monotonic() < ahead_s
    assert control.changes == []
    assert vocals(plans[0]) == [1.0, 0.5]
    assert plans[0][1].at_s == pytest.approx(ahead_s, abs=0.001)
    until(lambda: control.hub.scene.objects[0].level == 0.5, 2, "its time")
    assert time.monotonic() >= ahead_s - 0.001
    until(lambda: len(plans[-1]) == 1, 2, "the last plan")
    assert vocals(plans[-1]) == [0.5]
    assert plans[-1][0].at_s == plans[0][1].at_s


def test_what_is_for_now_is_in_all_that_comes(peer: Any, plans: Any, until: Callable[..., None]) -> None:
    peer.send_bytes(bundle_at(time.time() + 0.24, "/object/vocals/level", 0.5))
    peer.send("/object/bass/level", 0.25)
    peer.send("/object/vocals/level", 0.75)
    until(lambda: [0.75, 0.5] in map(vocals, plans), 2, "both are planned")
    (plan,) = [plan for plan in plans if vocals(plan) == [0.75, 0.5]]
    assert [cue.scene.objects[1].level for cue in plan] == [0.25, 0.25]
    until(lambda: vocals(plans[-1]) == [0.5], 2, "the time of the later one")


def test_far_ones_come_into_sight_and_are_in_order(peer: Any, plans: Any, until: Callable[..., None]) -> None:
    begin_s = time.time()
    for at_s, level in ((1.0, 0.5), (0.95, 0.25), (1.0, 0.125)):
        peer.send_bytes(bundle_at(begin_s + at_s, "/object/vocals/level", level))
    peer.received()
    assert plans == []
    # The last that came for a time is the last that counts.
    until(lambda: [1.0, 0.25, 0.125] in map(vocals, plans), 3, "all are in sight")
    until(lambda: len(plans[-1]) == 1, 3, "all are over")
    assert vocals(plans[-1]) == [0.125]


def test_a_scene_for_later_is_read_ahead_with_its_fade(peer: Any, plans: Any, until: Callable[..., None]) -> None:
    peer.send("/object/vocals/level", 0.25)
    peer.send("/scene/save", "quiet")
    until(lambda: "quiet" in peer.ask("/scene/list"), 2, "it is saved")
    peer.send("/object/vocals/level", 1.0)
    peer.send_bytes(bundle_at(time.time() + 0.5, "/scene/load", "quiet", 3.0))
    until(lambda: [1.0, 0.25] in map(vocals, plans), 2, "it is in sight")
    until(lambda: vocals(plans[-1]) == [0.25], 2, "its time")
    foreseen = next(number for number, plan in enumerate(plans) if len(plan) == 2)
    # The plan after it may be made twice, when reading the scene takes longer than a turn of the loop.
    heard = next(plan for plan in plans[foreseen:] if vocals(plan) == [0.25])
    assert heard[0].fade_s == plans[foreseen][1].fade_s == 3.0


def test_what_will_be_refused_is_not_foreseen(control: Any, peer: Any, plans: Any, until: Callable[..., None]) -> None:
    peer.send("/object/vocals/touch", True)
    peer.received()
    other, at_s = control.peer(), time.time() + 0.5
    other.send_bytes(bundle_at(at_s, "/object/vocals/level", 0.5))
    other.send_bytes(bundle_at(at_s, "/object/nobody/level", 0.5))
    other.send_bytes(bundle_at(at_s, "/scene/load", "nowhere"))
    other.send_bytes(bundle_at(at_s + 0.01, "/object/bass/level", 0.5))
    until(lambda: any(len(plan) == 2 for plan in plans), 2, "they are in sight")
    until(lambda: control.hub.scene.objects[1].level == 0.5, 2, "their time")
    for plan in plans:
        assert set(vocals(plan)) == {1.0}
    assert len(other.received()) == 3  # told once, when it was their time


def test_what_was_foreseen_is_what_comes(control: Any, peer: Any, plans: Any, until: Callable[..., None]) -> None:
    """The same values: gains that were worked out once are not worked out again."""
    at_s = time.time() + 0.5
    peer.send_bytes(bundle_at(at_s, "/object/vocals/level", 0.5))
    peer.send_bytes(bundle_at(at_s + 0.1, "/object/bass/level", 0.5))
    until(lambda: any(len(plan) == 3 for plan in plans), 2, "both are in sight")
    until(lambda: control.hub.scene.objects[1].level == 0.5, 2, "both are over")
    until(lambda: len(plans[-1]) == 1, 2, "the last plan")
    longest = next(plan for plan in plans if len(plan) == 3)
    assert plans[-1][0].scene is longest[2].scene
    assert any(len(plan) == 2 and plan[0].scene is longest[1].scene and plan[1] is longest[2] for plan in plans)


def test_too_much_work_is_not_foreseen_and_still_done(
    control: Any, peer: Any, plans: Any, until: Callable[..., None]
) -> None:
    at_s = time.time() + 1.5  # a busy machine takes its time to send them
    for n in range(200):
        peer.send_bytes(bundle_at(at_s, "/object/*/level", n / 256))
    peer.send_bytes(bundle_at(at_s - 0.1, "/object/bass/mute", True))
    peer.send_bytes(bundle_at(at_s + 0.1, "/object/[/level", 1.0))
    peer.received()
    until(lambda: control.hub.scene.objects[1].mute, 5, "the first is over")
    assert max(map(len, plans)) == 2  # the present, and the mute
    until(lambda: vocals(plans[-1]) == [199 / 256], 2, "all are over")
    assert peer.receive() == ("/error", ["/object/[/level", "[: '[' is not closed"])
