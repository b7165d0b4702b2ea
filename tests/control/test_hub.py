from __future__ import annotations

import math
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import build_msg
from pythonosc.udp_client import SimpleUDPClient

from stemfield.control.parameters import TABLE
from stemfield.renderer.scene import Scene

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
    "/object/{o}/group": (3,),
    "/object/{o}/priority": (2,),
    "/object/{o}/channels": (2, 0),
    "/object/{o}/outputs": ("M+110, LFE1",),
    "/object/{o}/smooth": (2.5,),
    "/scene/amount": (0.25,),
    "/scene/distance/law": ("adm",),
    "/scene/distance/reference": (2.5,),
    "/scene/distance/floor": (-25.0,),
    "/listener/position": (0.5, -0.25, 0.125),
    "/listener/ypr": (30.0, -15.0, 5.0),
    "/speaker/{label}/gain": (-4.5,),
    "/speaker/{label}/mute": (True,),
    "/speaker/{label}/solo": (True,),
    "/master/gain": (-9.5,),
    "/master/mute": (True,),
    "/separation/threshold": (0.125,),
    "/separation/bypass": (True,),
    "/separation/model": ("second",),
    "/separation/{stem}/gain": (6.5,),
}


def test_the_list_above_is_the_table() -> None:
    assert set(WRITTEN) == {p.address for p in TABLE if p.access == "value"}


@pytest.mark.parametrize("address", WRITTEN)
def test_what_is_written_is_answered(control: Any, peer: Any, address: str) -> None:
    concrete = address.format(o="piano", label="M-030", stem="drums")
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
    concrete = address.format(o="piano", label="M-030", stem="drums")
    before = control.hub.scene
    peer.send(concrete, *(math.nan for _ in WRITTEN[address]))
    ((error, (about, reason)),) = peer.received()
    assert (error, about) == ("/error", concrete)
    assert "nan: allowed a number" in reason
    assert control.hub.scene is before
    assert control.hub.counters.problems == 1


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
    assert reasons == ["0 arguments: allowed name", "holds no value; it takes pressed (T)"]


def test_unknown_addresses_are_counted_and_explained(control: Any, peer: Any) -> None:
    peer.send("/object/vocal/level", 1.0)
    peer.send("/object/vocal/level")
    error = ("/error", ["/object/vocal/level", "no object 'vocal', did you mean vocals?"])
    assert peer.received() == [error, error]
    assert control.hub.counters.unknown == 2


def test_errors_are_ten_a_second_for_each_sender(control: Any, peer: Any) -> None:
    for _ in range(50):
        peer.send("/nothing", 1.0)
    errors = peer.received()
    assert 10 <= len(errors) <= 12
    assert control.hub.counters.problems == 50
    assert control.hub.counters.errors_withheld == 50 - len(errors)
    other = control.peer()
    other.send("/nothing", 1.0)
    assert len(other.received()) == 1


def test_an_error_is_not_answered_with_an_error(control: Any, peer: Any) -> None:
    peer.send("/error", "/object", "reason")
    peer.send("/pong", 1)
    assert peer.received() == []
    assert control.hub.counters.problems == 2


def test_garbage_is_counted_and_the_next_message_is_heard(control: Any, peer: Any) -> None:
    for junk in (b"\0", b"junk", b"/x", b"#bundle\0", b"/a\0\0,s\0\0\xff\xff\xff\0", bytes(65000)):
        peer.send_bytes(junk)
    peer.send("/object/vocals/level", 0.5)
    assert [address for address, _ in peer.received()] == ["/error"] * 6
    assert control.hub.scene.objects[0].level == 0.5
    assert control.hub.counters.problems == 6


def test_many_messages_at_once_are_one_change(control: Any, peer: Any) -> None:
    bundle = OscBundleBuilder(0)
    for address in ("/object/vocals/x", "/object/bass/level", "/master/gain", "/separation/drums/gain"):
        bundle.add_content(build_msg(address, [0.5]))
    peer.send_bytes(bundle.build().dgram)
    peer.received()
    ((scene, dirty),) = control.settled().changes
    assert scene is control.hub.scene
    assert dirty.objects == {0, 1}
    assert dirty.parts == {"master", "separation"}


def test_a_change_to_the_same_value_is_no_change(control: Any, peer: Any) -> None:
    peer.send("/object/vocals/level", 1.0)
    peer.send("/master/gain", 0.0)
    peer.received()
    assert control.settled().changes == []


def bundle_at(at_s: float, address: str, *values: float) -> bytes:
    message = build_msg(address, list(values)).dgram
    tag = int((at_s + 2_208_988_800) * 2**32)
    return b"#bundle\0" + struct.pack(">Qi", tag, len(message)) + message


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
    assert "allowed at most 10 s" in reason
    for _ in range(1030):
        peer.send_bytes(bundle_at(time.time() + 9, "/object/vocals/level", 0.5))
        if _ % 100 == 0:
            peer.received()
    assert [reason for _, (_, reason) in peer.received()] == ["1024 bundles are waiting: allowed no more"] * 6
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
    mover = control.peer()
    peer.send("/subscribe", "/object/vocals/x", 10)
    ((address, _),) = peer.received()
    assert address == "/object/vocals/x"
    begin = time.monotonic()
    while time.monotonic() - begin < 0.75:
        mover.send("/object/vocals/x", time.monotonic() - begin)
        time.sleep(0.005)
    mover.send("/object/vocals/x", 5.0)
    time.sleep(0.2)
    told = [values[0] for _, values in peer.received()]
    assert 7 <= len(told) <= 10
    assert told == sorted(told)
    assert told[-1] == 5.0


def test_a_subscription_follows_a_new_name(peer: Any) -> None:
    peer.send("/subscribe", "/object/*/level", 60)
    peer.received()
    peer.send("/object/vocals/name", "lead")
    time.sleep(0.05)
    assert ("/object/lead/level", [1.0]) in peer.received()


def test_a_subscription_can_name_another_port_and_needs_renewal(
    control: Any, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemfield.control.subscriptions.LIFETIME_S", 0.3)
    listener = control.peer()
    peer.send("/subscribe", "/scene/amount", 60, listener.port)
    assert listener.receive() == ("/scene/amount", [1.0])
    for step in range(1, 5):
        time.sleep(0.15)
        # From another socket of the same host, as command line tools do.
        control.peer().send("/renew", "/scene/amount")
        peer.send("/scene/amount", step / 8)
        assert listener.receive() == ("/scene/amount", [step / 8])
    time.sleep(0.4)
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
        "64 subscriptions: allowed at most 64",
        "'/scene/amout': describes nothing, did you mean /scene/amount?",
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


@pytest.mark.parametrize("name", ["../state", "/etc/passwd", "a/b", "", "x" * 65, "a.b", "a+b", "ä"])
def test_no_path_reaches_the_file_system(control: Any, peer: Any, name: str) -> None:
    peer.send("/scene/save", name)
    peer.send("/scene/load", name)
    errors = peer.received()
    assert [values[0] for _, values in errors] == ["/scene/save", "/scene/load"]
    assert all("allowed 1 to 64 of A-Z" in values[1] for _, values in errors)
    assert not Path(control._folder).exists()


def test_a_scene_that_is_not_there(peer: Any) -> None:
    peer.send("/scene/load", "nowhere")
    assert peer.received() == [("/error", ["/scene/load", "'nowhere': no such scene: allowed none is kept yet"])]
