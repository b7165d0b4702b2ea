from __future__ import annotations

import itertools
import math
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemon_process import bundle_at
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import build_msg
from pythonosc.udp_client import SimpleUDPClient

from stemfield.control.hub import subscriptions
from stemfield.control.hub.costs import MAX_COST
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.actions import Subscribe, Unsubscribe
from stemfield.control.parameters.commands import SetParameter, Touch
from stemfield.control.parameters.table import TABLE
from stemfield.renderer.scene.scene import Scene

# A value of one's own for every row that holds one: sent, asked for, and expected back.
WRITTEN: dict[str, tuple[Any, ...]] = {
    "/object/{o}/type": ("plane",),
    "/object/{o}/position": (1.5, -2.25, 0.5),
    "/object/{o}/aed": (33.0, -12.0, 4.0),
    "/object/{o}/azimuth": (-100.0,),
    "/object/{o}/elevation": (45.0,),
    "/object/{o}/distance": (7.5,),
    "/object/{o}/x": (3.5,),
    "/object/{o}/y": (-3.5,),
    "/object/{o}/z": (0.75,),
    "/object/{o}/level": (0.375,),
    "/object/{o}/gain": (-7.5,),
    "/object/{o}/width": (77.0,),
    "/object/{o}/height": (66.0,),
    "/object/{o}/diffuseness": (0.625,),
    "/object/{o}/channel_lock": (12.5,),
    "/object/{o}/exclude": ("M-0*, LFE1",),
    "/object/{o}/exclude_sector": (100.0, -150.0, -45.0, 60.0),
    "/object/{o}/eq": ("peak", 1000.0, 0.5, -3.0, "highshelf", 8000.0, 0.75, 2.0),
    "/object/{o}/dref": (0.25,),
    "/object/{o}/dmax": (20.0,),
    "/object/{o}/mute": (True,),
    "/object/{o}/solo": (True,),
    "/object/{o}/name": ("piano",),
    "/object/{o}/label": ("The piano",),
    "/object/{o}/group": (3,),
    "/object/{o}/priority": (2,),
    "/object/{o}/channels": (2, 0),
    "/object/{o}/outputs": ("M+110, LFE1",),
    "/object/{o}/smooth": (2.5,),
    "/group/{group}/gain": (-5.5,),
    "/group/{group}/mute": (True,),
    "/group/{group}/rotate": (90.0,),
    "/group/{group}/links": ("position, mute",),
    "/group/{group}/mirrored": (True,),
    "/scene/follow": (True,),
    "/scene/recall/scope": ("positions, gains",),
    "/scene/recall/without": ("vocals, drums",),
    "/scene/amount": (0.25,),
    "/scene/compare": (True,),
    "/scene/distance/law": ("adm",),
    "/scene/distance/reference": (2.5,),
    "/scene/distance/floor": (-25.0,),
    "/listener/position": (0.5, -0.25, 0.125),
    "/listener/ypr": (30.0, -15.0, 5.0),
    "/speaker/{label}/gain": (-4.5,),
    "/speaker/{label}/mute": (True,),
    "/speaker/{label}/solo": (True,),
    "/monitor/gain": (-6.5,),
    "/monitor/mute": (True,),
    "/master/gain": (-9.5,),
    "/master/mute": (True,),
    "/loudness/levelling": (True,),
    "/loudness/night": (True,),
    "/loudness/target": (-23.5,),
    "/separation/threshold": (0.125,),
    "/separation/bypass": (True,),
    "/separation/model": ("second",),
    "/separation/{stem}/gain": (6.5,),
}


def test_the_list_above_is_the_table() -> None:
    assert set(WRITTEN) == {p.address for p in TABLE if p.access == "value"}


@pytest.mark.parametrize("address", WRITTEN)
def test_what_is_written_is_answered(control: Any, peer: Any, address: str) -> None:
    concrete = address.format(o="piano", group=3, label="M-030", stem="drums")
    before = control.hub.scene
    if address.endswith("/name"):
        # Where the name is part of the address, the question has to go by it.
        peer.send("/object/vocals/name", "lead")
        assert peer.ask("/object/lead/name") == ["lead"]
        return
    peer.send(concrete, *WRITTEN[address])
    expected = WRITTEN[address]
    assert peer.ask(concrete) == (list(expected) if isinstance(expected[0], str) else pytest.approx(expected, rel=1e-6))
    assert control.hub.scene != before
    assert peer.received() == []


@pytest.mark.parametrize("address", [a for a, v in WRITTEN.items() if isinstance(v[0], float)])
def test_nan_leaves_the_value_alone_and_is_reported(control: Any, peer: Any, address: str) -> None:
    concrete = address.format(o="piano", group=3, label="M-030", stem="drums")
    before = control.hub.scene
    peer.send(concrete, *(math.nan for _ in WRITTEN[address]))
    ((error, (about, reason)),) = peer.received()
    assert (error, about) == ("/error", concrete)
    assert "expected a number" in reason
    assert control.hub.scene is before
    assert control.hub.reports.counters.problems == 1


def test_infinity_is_no_truth_value(control: Any, peer: Any) -> None:
    peer.send("/object/vocals/mute", math.inf)
    assert peer.received() == [("/error", ["/object/vocals/mute", "expected true or false, got inf"])]
    assert peer.ask("/object/vocals/mute") == [False]


@pytest.mark.parametrize(
    ("address", "sent", "expected"),
    [
        ("/object/vocals/level", 11.0, 10.0),
        ("/object/vocals/gain", -500.0, -120.0),
        ("/object/vocals/elevation", 91.0, 90.0),
        ("/object/vocals/distance", 0.0, 0.01),
        ("/object/vocals/width", 361.0, 360.0),
        ("/object/vocals/smooth", -1.0, 0.0),
        ("/scene/amount", 2.0, 1.0),
        ("/separation/threshold", -0.5, 0.0),
        ("/master/gain", 21.0, 20.0),
    ],
)
def test_out_of_range_is_clamped_without_complaint(peer: Any, address: str, sent: float, expected: float) -> None:
    peer.send(address, sent)
    assert peer.ask(address) == pytest.approx([expected])
    assert peer.received() == []


def test_python_osc_client_moves_an_object(control: Any, peer: Any) -> None:
    with_client = SimpleUDPClient("127.0.0.1", control.server.port)
    with_client.send_message("/object/bass/aed", [90, 0, 2])
    assert peer.ask("/object/bass/position") == pytest.approx([0, 2, 0], abs=1e-6)
    with_client._sock.close()


def test_oscsend_moves_an_object_and_oscdump_hears_of_it(
    control: Any, peer: Any, tool: Callable[[str], str], until: Callable[..., None]
) -> None:
    oscsend, oscdump = tool("oscsend"), tool("oscdump")
    listener = peer.socket
    port = listener.getsockname()[1]
    listener.close()
    with subprocess.Popen([oscdump, "-L", str(port)], stdout=subprocess.PIPE, text=True) as dump:
        try:
            # oscdump says nothing when it is ready.
            until(lambda: f":{port:04X} " in Path("/proc/net/udp").read_text(), 5, "oscdump listens")
            server = ["127.0.0.1", str(control.server.port)]
            subprocess.run([oscsend, *server, "/subscribe", "sii", "/object/drums/[am]*", "60", str(port)], check=True)
            subprocess.run([oscsend, *server, "/object/drums/azimuth", "i", "-90"], check=True)
            subprocess.run([oscsend, *server, "/object/drums/mute", "T"], check=True)
            until(lambda: control.hub.scene.objects[2].mute, 5, "the message arrives")
            assert dump.stdout is not None
            lines = ""
            while "mute T" not in lines:
                lines += dump.stdout.readline()
            assert "/object/drums/azimuth f -90.0" in lines
            assert "/object/drums/mute F" in lines
        finally:
            dump.terminate()


def test_a_question_with_a_pattern_has_an_answer_for_each(peer: Any) -> None:
    peer.send("/object/{vocals,guitar}/level")
    assert peer.received() == [("/object/vocals/level", [1.0]), ("/object/guitar/level", [1.0])]


def test_what_holds_no_value_says_so(peer: Any) -> None:
    peer.send("/scene/save")
    peer.send("/scene/res*")
    reasons = [values[1] for address, values in peer.received() if address == "/error"]
    assert reasons == ["expected name, got 0 arguments", "has no value; it takes pressed (T)"]


def test_unknown_addresses_are_counted_and_explained(control: Any, peer: Any) -> None:
    peer.send("/object/vocal/level", 1.0)
    peer.send("/object/vocal/level")
    error = ("/error", ["/object/vocal/level", "no object 'vocal', did you mean vocals?"])
    assert peer.received() == [error, error]
    assert control.hub.reports.counters.unknown == 2


def test_errors_are_ten_a_second_for_each_sender(control: Any, peer: Any) -> None:
    for _ in range(50):
        peer.send("/nothing", 1.0)
    errors = peer.received()
    assert 10 <= len(errors) <= 12
    assert control.hub.reports.counters.problems == 50
    other = control.peer()
    other.send("/nothing", 1.0)
    assert len(other.received()) == 1


def test_a_host_of_many_ports_is_told_a_hundred(control: Any) -> None:
    told: list[bytes] = []

    async def submit() -> None:
        for port in range(1, 500):
            sum(
                control.hub.work(
                    build_msg("/nothing").dgram, Peer("127.0.0.1", port, lambda packet, _: told.append(packet))
                )
            )

    control.on_loop(submit())
    assert 100 <= len(told) <= 200
    assert control.hub.reports.counters.problems == 499


def test_an_error_is_not_answered_with_an_error(control: Any, peer: Any) -> None:
    peer.send("/error", "/object", "reason")
    peer.send("/pong", 1)
    assert peer.received() == []
    assert control.hub.reports.counters.problems == 2


def test_garbage_is_counted_and_the_next_message_is_heard(control: Any, peer: Any) -> None:
    for junk in (b"\0", b"junk", b"/x", b"#bundle\0", b"/a\0\0,s\0\0\xff\xff\xff\0", bytes(65000)):
        peer.send_bytes(junk)
    peer.send("/object/vocals/level", 0.5)
    assert [address for address, _ in peer.received()] == ["/error"] * 6
    assert control.hub.scene.objects[0].level == 0.5
    assert control.hub.reports.counters.problems == 6


def test_many_messages_at_once_are_one_change(control: Any, peer: Any) -> None:
    bundle = OscBundleBuilder(0)
    for address in ("/object/vocals/x", "/object/bass/level", "/master/gain", "/separation/drums/gain"):
        bundle.add_content(build_msg(address, [0.5]))
    peer.send_bytes(bundle.build().dgram)
    peer.received()
    ((scene, dirty),) = control.settled().changes
    assert scene is control.hub.scene
    assert dirty.objects == {0, 1}
    assert dirty.parts == {"master_gain_db", "separation"}


def test_a_change_to_the_same_value_is_no_change(control: Any, peer: Any) -> None:
    peer.send("/object/vocals/level", 1.0)
    peer.send("/master/gain", 0.0)
    peer.received()
    assert control.settled().changes == []


def test_a_bundle_for_later_is_applied_at_its_time(control: Any, peer: Any, until: Callable[..., None]) -> None:
    applied: dict[float, float] = {}
    control.hub.listen(lambda scene, _: applied.setdefault(scene.objects[0].level, time.time()))
    begin = time.time()
    # Sent in the wrong order: each has its own time.
    for delay_s, level in ((0.4, 0.25), (0.2, 0.5)):
        peer.send_bytes(bundle_at(begin + delay_s, "/object/vocals/level", level))
    peer.send_bytes(bundle_at(begin - 3, "/object/vocals/level", 2.0))
    until(lambda: 0.25 in applied, 2, "the bundle is due")
    assert list(applied) == [2.0, 0.5, 0.25]
    assert applied[2.0] - begin < 0.1
    assert applied[0.5] - begin == pytest.approx(0.2, abs=0.02)
    assert applied[0.25] - begin == pytest.approx(0.4, abs=0.02)


def test_a_bundle_too_far_ahead_and_one_too_many_are_refused(control: Any, peer: Any) -> None:
    peer.send_bytes(bundle_at(time.time() + 11, "/object/vocals/level", 0.5))
    ((_, (about, reason)),) = peer.received()
    assert about == "#bundle"
    assert "expected a time tag at most 10 s ahead" in reason
    for _ in range(1030):
        peer.send_bytes(bundle_at(time.time() + 9, "/object/vocals/level", 0.5))
        if _ % 100 == 0:
            peer.received()
    assert [reason for _, (_, reason) in peer.received()] == ["expected at most 1024 waiting bundles"] * 6
    assert control.hub.scene.objects[0].level == 1.0


def test_a_subscriber_hears_everything_once_then_what_changes(peer: Any) -> None:
    peer.send("/subscribe", "/object/*/{level,mute}", 60)
    first = peer.received()
    assert len(first) == 14
    assert ("/object/piano/level", [1.0]) in first
    peer.send("/object/bass/level", 0.5)
    peer.send("/object/bass/azimuth", 50.0)
    assert peer.receive() == ("/object/bass/level", [0.5])
    peer.send("/unsubscribe")
    peer.send("/object/bass/level", 0.25)
    assert all(values != [0.25] for _, values in peer.received())


def test_a_subscription_keeps_to_its_rate(control: Any, peer: Any) -> None:
    """Never more than was asked for, on a busy machine too; whoever asks for more hears more; the last is told."""
    mover, fast = control.peer(), control.peer()
    begin = time.monotonic()
    for one, rate_hz in ((peer, 10), (fast, 60)):
        one.send("/subscribe", "/object/vocals/x", rate_hz)
        assert one.received() == [("/object/vocals/x", [1.0])]
    sent = 0
    told: dict[Any, list[float]] = {peer: [], fast: []}
    while sent < 300 or len(told[peer]) < 5:
        sent += 1
        mover.send("/object/vocals/x", 1.0 + sent / 1000.0)
        mover.received()
        time.sleep(0.003)
        for one, values in told.items():
            values += [value for _, (value,) in one.received()]
    mover.send("/object/vocals/x", 100.0)
    mover.received()
    for one, values in told.items():
        while values[-1] != 100.0:
            values.append(one.receive()[1][0])
        assert values == sorted(values)
    seconds = time.monotonic() - begin
    assert len(told[peer]) <= 10 * seconds + 1
    assert len(told[peer]) < len(told[fast]) < sent


def test_those_who_want_the_same_are_told_the_same_whenever_they_came(control: Any, peer: Any) -> None:
    early, late = control.peer(), control.peer()
    early.send("/subscribe", "/object/*/level", 10)
    assert len(early.received()) == 7
    for level in (0.5, 0.25):
        peer.send("/object/bass/level", level)
        peer.send("/object/drums/level", level)
        peer.received()
    late.send("/subscribe", "/object/*/level", 10)
    assert ("/object/bass/level", [0.25]) in late.received()
    # Back to what was told last: the late one knows another value and has to hear of it.
    peer.send("/object/bass/level", 0.5)
    peer.received()
    time.sleep(0.25)
    assert early.received()[-1] == ("/object/bass/level", [0.5])
    assert late.received() == [("/object/bass/level", [0.5])]
    early.send("/unsubscribe")
    early.received()
    peer.send("/object/*/level", 0.125)
    peer.received()
    time.sleep(0.15)
    assert early.received() == []
    assert late.received() == [(f"/object/{o.name}/level", [0.125]) for o in control.hub.scene.objects]
    assert len(control.hub.subscriptions) == 1


def test_a_subscription_follows_a_new_name(peer: Any) -> None:
    peer.send("/subscribe", "/object/*/level", 60)
    peer.received()
    peer.send("/object/vocals/name", "lead")
    time.sleep(0.05)
    assert ("/object/lead/level", [1.0]) in peer.received()


def test_a_subscription_can_name_another_port_and_needs_renewal(
    control: Any, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "LIFETIME_S", 1.0)
    listener = control.peer()
    peer.send("/subscribe", "/scene/amount", 60, listener.port)
    assert listener.receive() == ("/scene/amount", [1.0])
    for step in range(1, 4):
        time.sleep(0.5)
        # From another socket of the same host, as command line tools do.
        control.peer().send("/renew", "/scene/amount")
        peer.send("/scene/amount", step / 8)
        assert listener.receive() == ("/scene/amount", [step / 8])
    time.sleep(1.1)
    peer.send("/scene/amount", 1.0)
    peer.received()
    assert listener.received() == []
    peer.send("/renew", "/scene/amount")
    assert peer.received() == [("/error", ["/renew", "no such subscription: subscribe again"])]


def test_subscriptions_are_bounded_and_checked(peer: Any) -> None:
    for port in range(5000, 5064):
        peer.send("/subscribe", "/scene/amount", 1, port)
    assert peer.received() == []
    peer.send("/subscribe", "/scene/amount", 1, 5064)
    peer.send("/subscribe", "/scene/amout")
    peer.send("/subscribe", "/scene/[")
    reasons = [values[1] for _, values in peer.received()]
    assert reasons == [
        "expected at most 64 subscriptions",
        "'/scene/amout': matches nothing, did you mean /scene/amount?",
        "[: '[' is not closed",
    ]


def test_ping(peer: Any) -> None:
    peer.send("/ping", 1, "two", 3.5, True)
    assert peer.receive() == ("/pong", [1, "two", 3.5, True])


def test_scenes_are_kept_and_taken_up(control: Any, peer: Any, until: Callable[..., None]) -> None:
    peer.send("/object/vocals/aed", 90, 10, 3)
    peer.send("/scene/save", "Verse 1")
    path = Path(control._folder) / "scenes" / "Verse+1.json"
    until(path.exists, 5, "the scene is saved")
    kept: Scene = control.hub.scene
    peer.send("/object/vocals/aed", 0, 0, 1)
    peer.send("/master/gain", -20)
    peer.received()
    control.settled()
    peer.send("/scene/load", "Verse 1", 4)
    assert peer.received() == []
    assert control.hub.scene.objects == kept.objects
    assert control.hub.scene.master_gain_db == -20.0
    assert control.settled().changes[-1][1].fade_s == 4.0
    assert control.settled().changes[-1][1].objects == {0}
    peer.send("/master/gain", -10)
    peer.received()
    assert control.settled().changes[-1][1].fade_s == 0.0


@pytest.mark.parametrize("name", ["../state", "/etc/passwd", "a/b", "", "x" * 65, "a.b", "a+b", "ä/b"])
def test_no_path_reaches_the_file_system(control: Any, peer: Any, name: str) -> None:
    peer.send("/scene/save", name)
    peer.send("/scene/load", name)
    errors = peer.received()
    assert [values[0] for _, values in errors] == ["/scene/save", "/scene/load"]
    assert all("expected 1 to 64 of A-Z" in values[1] for _, values in errors)
    assert not Path(control._folder).exists()


def test_a_scene_that_is_not_there(peer: Any) -> None:
    peer.send("/scene/load", "nowhere")
    assert peer.received() == [
        ("/error", ["/scene/load", "no such scene: expected none, because no scene is saved yet, got 'nowhere'"])
    ]


def bundle(message: bytes, count: int) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + count * (struct.pack(">i", len(message)) + message)


@pytest.mark.parametrize("message", [build_msg("/*/*/*").dgram, build_msg("/*/*/[!q]*", [0.5]).dgram])
def test_a_datagram_of_patterns_does_not_keep_the_loop(control: Any, message: bytes) -> None:
    peer = Peer("127.0.0.1", 9, lambda *_: None)

    async def submit() -> int:
        return int(sum(control.hub.work(bundle(message, 1000), peer)))

    before = control.hub.reports.counters.problems
    assert MAX_COST < control.on_loop(submit()) < 2 * MAX_COST + 1000
    assert control.hub.reports.counters.problems > before


def test_a_thousand_plain_messages_are_carried_out(control: Any, peer: Any) -> None:
    peer.send_bytes(bundle(build_msg("/object/vocals/level", [0.5]).dgram, 1000))
    assert peer.received() == []
    assert control.hub.reports.counters.messages == 1001


def test_what_a_bundle_for_later_asks_is_paid_for_when_it_comes(control: Any) -> None:
    told: list[bytes] = []
    peer = Peer("127.0.0.1", 9, lambda packet, _: told.append(packet))

    async def submit(packet: bytes) -> int:
        return int(sum(control.hub.work(packet, peer)))

    for address in ("/*/*/*", "/object/*/level", "/status/peers", "/ping"):
        now = control.on_loop(submit(build_msg(address).dgram))
        told.clear()
        assert control.on_loop(submit(bundle_at(time.time() + 5.0, address))) >= now > 0
        assert not told


def test_what_is_due_together_does_not_keep_the_loop(control: Any, until: Callable[..., None]) -> None:
    """A hundred bundles of one time, hundreds of answers each: other work has its turn in between."""
    answers = 0
    turns: list[int] = []

    def tell(*_: object) -> None:
        nonlocal answers
        answers += 1

    def turn() -> None:
        turns.append(answers)
        control.loop.call_soon(turn)

    async def submit() -> None:
        at_s, peer = time.time() + 3.0, Peer("127.0.0.1", 9, tell)  # long enough for a busy machine to take them
        for _ in range(100):
            sum(control.hub.work(bundle_at(at_s, "/*/*/*"), peer))
        sum(control.hub.work(bundle_at(at_s, "/scene/amount", 0.5), peer))
        turn()

    control.on_loop(submit())
    until(lambda: control.hub.scene.amount == 0.5, 20, "the last of them")
    one = answers // 100
    assert one > 200
    assert max(b - a for a, b in itertools.pairwise(turns)) <= MAX_COST + one


def test_a_connection_and_a_datagram_of_one_port_are_two_peers(control: Any) -> None:
    by_udp, by_tcp = (Peer("127.0.0.1", 9, lambda *_: None, transport=kind) for kind in ("udp", "tcp"))

    async def subscribe() -> list[int]:
        hub, counts = control.hub, []
        for command, peer in (
            (Subscribe("/scene/amount"), by_udp),
            (Subscribe("/scene/amount"), by_tcp),
            (Unsubscribe(), by_udp),
            (Touch("/object/bass", held=True), by_tcp),
            (SetParameter("/object/bass/level", (0.5,)), by_udp),
            (SetParameter("/object/bass/level", (0.25,)), by_tcp),
        ):
            hub.perform([command], peer)
            counts.append(hub.context.status.counters.read("peers"))
        return counts

    assert control.on_loop(subscribe()) == [1, 2, 1, 1, 1, 1]
    assert control.hub.scene.objects[1].level == 0.25
    assert control.hub.reports.counters.conflicts == 1
