from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stemfield.control.config.network import HandsConfig
from stemfield.control.hub.ownership import STALE_S, Ownership
from stemfield.control.hub.peers import Peer

RANKS = {"osc": 2, "s3a": 1}
A, B, STREAM = (Peer("127.0.0.1", port, lambda *_: None) for port in (1, 2, 3))


def test_among_equals_the_last_one_wins() -> None:
    ownership = Ownership(RANKS, 1.0)
    assert ownership.claim(0, A, "osc", 0.0) == ""
    assert ownership.claim(0, B, "osc", 0.1) == ""
    assert ownership.holder(0, 0.1) == "127.0.0.1:2"


def test_a_lower_rank_waits_until_the_hand_is_still() -> None:
    ownership = Ownership(RANKS, 1.0)
    ownership.claim(0, A, "osc", 0.0)
    ownership.claim(0, A, "osc", 0.9)
    assert ownership.claim(0, STREAM, "s3a", 1.8) == "held by 127.0.0.1:1"
    assert ownership.claim(1, STREAM, "s3a", 1.8) == ""
    assert ownership.claim(0, STREAM, "s3a", 1.91) == ""
    assert ownership.claim(0, A, "osc", 1.92) == ""  # a higher rank never waits
    assert ownership.claim(0, STREAM, "s3a", 1.93) == "held by 127.0.0.1:1"


def test_a_touch_holds_against_equals_until_it_is_let_go_or_stale() -> None:
    ownership = Ownership(RANKS, 1.0)
    ownership.claim(0, A, "osc", 0.0, touch=True)
    assert ownership.claim(0, B, "osc", 20.0) == "held by 127.0.0.1:1"
    assert ownership.claim(0, A, "osc", 21.0) == ""
    assert ownership.claim(0, B, "osc", 21.0 + STALE_S - 0.1) == "held by 127.0.0.1:1"
    assert ownership.claim(0, B, "osc", 21.0 + STALE_S + 0.1) == ""
    ownership.claim(1, A, "osc", 0.0, touch=True)
    ownership.release(1, B)
    assert ownership.holder(1, 0.1) == "127.0.0.1:1"
    ownership.release(1, A)
    assert ownership.holder(1, 0.1) == ""
    ownership.claim(2, A, "osc", 0.0, touch=True)
    ownership.claim(2, A, "osc", 0.0, touch=False)
    assert ownership.claim(2, B, "osc", 0.1) == ""


def test_the_rank_of_a_connection_comes_before_that_of_its_messages() -> None:
    ownership = Ownership({"osc": 1, "web": 5}, 1.0)
    page = Peer("127.0.0.1", 9, lambda *_: None, "web")
    ownership.claim(0, page, "osc", 0.0)
    assert ownership.claim(0, A, "osc", 0.1) == "held by 127.0.0.1:9"


def test_touched_objects_refuse_others_over_sockets(control: Any, peer: Any) -> None:
    other = control.peer()
    peer.send("/adm/obj/1/azim", 30.0, "touch")
    peer.send("/object/{bass,drums}/touch", True)
    assert peer.received() == []
    other.send("/object/*/level", 0.5)
    reason = f"held by 127.0.0.1:{peer.port}"
    assert other.received() == [("/error", [f"/object/{name}/level", reason]) for name in ("vocals", "bass", "drums")]
    other.send("/object/bass/touch", 1)
    assert other.received() == [("/error", ["/object/bass", reason])]
    assert [o.level for o in control.hub.scene.objects] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    assert control.hub.reports.counters.conflicts == 4
    peer.send("/adm/obj/1/azim", "release")
    peer.send("/object/*/touch", False)
    peer.received()
    other.send("/object/*/level", 0.25)
    assert other.received() == []
    assert {o.level for o in control.hub.scene.objects} == {0.25}


def test_who_holds_an_object_can_be_subscribed_to(
    start_control: Callable[..., Any], until: Callable[..., None]
) -> None:
    control = start_control(hands=HandsConfig(hold_s=0.2))
    peer, watcher = control.peer(), control.peer()
    watcher.send("/subscribe", "/object/vocals/holder", 60)
    assert watcher.receive() == ("/object/vocals/holder", [""])
    peer.send("/object/vocals/level", 0.5)
    assert watcher.receive() == ("/object/vocals/holder", [f"127.0.0.1:{peer.port}"])
    assert watcher.receive() == ("/object/vocals/holder", [""])


@pytest.mark.parametrize(
    "address", ["/object/nobody/touch", "/adm/obj/99/touch", "/speaker/M+030/touch", "/group/0/touch", "/master/touch"]
)
def test_a_touch_of_nothing_is_counted(control: Any, peer: Any, address: str) -> None:
    peer.send(address, 1)
    peer.received()
    assert control.hub.reports.counters.problems == 1
