from __future__ import annotations

import logging
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

from stemfield.control.dialects.native import encode_pong
from stemfield.control.dialects.osc import MAX_BUNDLE, MAX_MESSAGES, Message, encode, in_bundles, parse
from stemfield.control.dialects.registry import decode
from stemfield.control.parameters.actions import LoadScene, Ping, Renew, SaveScene, Subscribe, Unsubscribe
from stemfield.control.parameters.commands import Ask, Command, Problem, SetParameter, Timed
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.status import idle_status
from stemfield.renderer.scene.scene import default_scene

NOW_S = 1_700_000_000.0


def message(address: str, *values: object) -> bytes:
    return build_msg(address, list(values)).dgram


def bundle(at_s: float, *elements: bytes) -> bytes:
    tag = 1 if at_s == IMMEDIATELY else int((at_s + 2_208_988_800) * 2**32)
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def only(packet: bytes) -> Command | Problem:
    (timed,) = decode(packet, NOW_S)
    assert timed.at_s is None
    return timed.command


def reason(packet: bytes) -> str:
    problem = only(packet)
    assert isinstance(problem, Problem)
    return problem.reason


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (message("/object/vocals/aed", 30, 1.5, True), SetParameter("/object/vocals/aed", [30, 1.5, True])),
        (message("/object/vocals/aed"), Ask("/object/vocals/aed")),
        (b"/object/vocals/aed\0\0", Ask("/object/vocals/aed")),
        (message("/object/vocals/remove"), SetParameter("/object/vocals/remove", [])),
        (message("/object/*/remove"), SetParameter("/object/*/remove", [])),
        (message("/scene/reset"), SetParameter("/scene/reset", [])),
        (message("/scene/res*"), Ask("/scene/res*")),
        (message("/scene/save", "My scene"), SaveScene("My scene")),
        (message("/scene/load", "My scene"), LoadScene("My scene")),
        (message("/scene/load", "My scene", 3), LoadScene("My scene", 3.0)),
        (message("/subscribe", "/object/*/aed"), Subscribe("/object/*/aed")),
        (message("/subscribe", "/object/*/aed", 500, 9000), Subscribe("/object/*/aed", 60, 9000)),
        (message("/unsubscribe"), Unsubscribe(None)),
        (message("/renew", "/object/*/aed"), Renew("/object/*/aed")),
        (message("/object/vocals/name", "Ünal"), SetParameter("/object/vocals/name", ["Ünal"])),
    ],
)
def test_messages(packet: bytes, expected: Command) -> None:
    assert only(packet) == expected


def test_ping_keeps_every_argument_as_it_came() -> None:
    exotic = b"/ping\0\0\0" + b",dhTNb\0\0" + struct.pack(">dqi4s", 0.1, 2**40, 3, b"abc")
    ping = only(exotic)
    assert isinstance(ping, Ping)
    assert encode_pong(ping) == exotic.replace(b"/ping", b"/pong")


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (b"", "begins with /"),
        (b"hello\0\0\0", "begins with /"),
        (b"/never/ends", "begins with /"),
        (b"/" + b"a" * 640 + b"\0\0\0", "begins with /"),
        (b"/\xff\xfe\0", "not UTF-8"),
        (b"/a\0\0,s\0\0\xff\xff\0\0", "a string is not UTF-8"),
        (b"/a\0\0,ff\0\0\0\0\0", "fewer arguments"),
        (b"/a\0\0,s\0\0abcd", "fewer arguments"),
        (b"/a\0\0,sf\0abcdefg\0", "fewer arguments"),
        (b"/a\0\0,b\0\0\0\0\0\5abcd", "fewer arguments"),
        (b"/a\0\0,b\0\0\xff\xff\xff\xff", "fewer arguments"),
        (b"/a\0\0,f", "type tags"),
        (b"/a\0\0,x\0\0\0\0\0a", "type tags: expected a comma, then any of ifdhsSbcrtmTFNI[], got ',x'"),
        (b"/a\0\0,\xff\0\0", r"got ',\\xff'"),
        (b"/a\0\0nocomma\0", "type tags: expected a comma, then any of"),
        (message("/subscribe"), "expected pattern [rate] [port], got 0 arguments"),
        (message("/subscribe", 3), "pattern: expected a string, got 3"),
        (message("/scene/load", "a", "b"), "fade: expected a number from 0 to 10, got 'b'"),
        (message("/scene/load"), "expected name [fade] [scope] [without], got 0 arguments"),
        (b"#bundle\0\0\0", "too short"),
        (bundle(NOW_S) + struct.pack(">i", -4), "size of an element"),
        (bundle(NOW_S) + struct.pack(">i", 0), "size of an element"),
        (bundle(NOW_S) + struct.pack(">i", 8) + b"/a\0\0", "size of an element"),
        (bundle(NOW_S) + b"\0\0", "size of an element"),
        (bundle(NOW_S + 10.5, message("/a", 1)), "expected a time tag at most 10 s ahead, got 10.5 s"),
    ],
)
def test_what_cannot_be_understood_is_said(packet: bytes, expected: str) -> None:
    assert expected in reason(packet)


def test_a_bundle_is_due_at_its_time() -> None:
    first, second = message("/object/0/x", 1.0), message("/object/0/y", 2.0)
    commands = [SetParameter("/object/0/x", [1.0]), SetParameter("/object/0/y", [2.0])]
    for at_s, due in ((IMMEDIATELY, None), (NOW_S - 5, None), (NOW_S + 5, NOW_S + 5)):
        assert decode(bundle(at_s, first, second), NOW_S) == [Timed(due, c) for c in commands]


def test_a_bundle_within_is_never_due_before_the_one_around_it() -> None:
    inner = message("/object/0/x", 1.0)
    for inner_s, outer_s, due in ((1, 3, 3), (4, 3, 4), (IMMEDIATELY - NOW_S, 3, 3), (2, IMMEDIATELY - NOW_S, 2)):
        packet = bundle(NOW_S + outer_s, bundle(NOW_S + inner_s, inner))
        assert decode(packet, NOW_S) == [Timed(NOW_S + due, SetParameter("/object/0/x", [1.0]))]


def test_one_bad_message_leaves_the_others_of_its_bundle() -> None:
    packet = bundle(IMMEDIATELY, message("/object/0/x", 1.0), b"junk", message("/object/0/y", 1.0))
    kinds = [type(timed.command) for timed in decode(packet, NOW_S)]
    assert kinds == [SetParameter, Problem, SetParameter]


def test_depth_and_number_are_bounded() -> None:
    packet = message("/object/0/x", 1.0)
    for _ in range(3000):
        packet = bundle(IMMEDIATELY, packet)
    assert "expected at most 8 levels of bundles" in reason(packet)
    many = decode(bundle(IMMEDIATELY, *[message("/object/0/x", 1.0)] * (MAX_MESSAGES + 5)), NOW_S)
    assert len(many) == MAX_MESSAGES + 1
    assert isinstance(many[-1].command, Problem)


def test_the_bundles_of_python_osc_are_read() -> None:
    builder = OscBundleBuilder(NOW_S + 2.25)
    builder.add_content(build_msg("/object/0/x", [1.0]))
    (timed,) = decode(builder.build().dgram, NOW_S)
    assert timed.at_s == pytest.approx(NOW_S + 2.25, abs=1e-6)


def test_answers_are_read_by_python_osc() -> None:
    answer = OscMessage(encode("/object/vocals/aed", "fff", (30.0, -0.5, 2.0)))
    assert (answer.address, answer.params) == ("/object/vocals/aed", [30.0, -0.5, 2.0])
    assert OscMessage(encode("/a", "T", (True,))).params == [True]
    assert OscMessage(encode("/a", "T", (False,))).params == [False]
    assert OscMessage(encode("/a", "i", (3, 4))).params == [3, 4]
    assert OscMessage(encode("/a", "i", ())).params == []
    for values in ((), (1.5,), (-120.0, 0.1, 3.0, 4.0)):
        for address in ("/a", "/ab", "/abc", "/meter/object/Größe"):
            assert encode(address, "f", values) == build_msg(address, list(values)).dgram
    assert OscMessage(encode("/error", "ss", ("", "Größe"))).params == ["", "Größe"]


CONTEXT = Context(("M+030", "M-030"), default_scene([("guitar", (0,))]), status=idle_status())
addresses = st.sampled_from(
    ["/object/vocals/aed", "/object/*/level", "/object/{0,1}/name", "/scene/load", "/subscribe", "/x"]
)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
values = st.lists(
    st.one_of(
        st.floats(width=32), st.integers(-(2**63), 2**63 - 1), texts, st.booleans(), st.none(), st.binary(min_size=1)
    ),
    max_size=4,
)
valid = st.builds(lambda address, args: build_msg(address, [*args]).dgram, addresses, values)
packets = st.one_of(valid, st.builds(bundle, st.sampled_from([0.0, NOW_S, NOW_S + 3, NOW_S + 99]), valid, valid))


@given(valid)
def test_messages_are_read_as_python_osc_reads_them(packet: bytes) -> None:
    ((at_s, got),) = parse(packet, NOW_S)
    expected = OscMessage(packet)
    assert at_s is None
    assert isinstance(got, Message)
    assert got.address == expected.address
    # By their spelling, because no NaN equals another.
    assert repr(got.arguments) == repr(expected.params)


def carry_out(packet: bytes) -> None:
    """Everything that bytes alone decide; a problem leaves the scene as it is."""
    for timed in decode(packet, NOW_S):
        if isinstance(timed.command, SetParameter):
            scene, problems = apply(CONTEXT.defaults, timed.command, CONTEXT)
            if problems and "*" not in timed.command.address and "{" not in timed.command.address:
                assert scene == CONTEXT.defaults


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_bytes(packet: bytes) -> None:
    carry_out(packet)
    carry_out(b"/object/vocals/aed\0\0" + packet)
    carry_out(b"#bundle\0" + packet)


@given(packets, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6), st.integers(0, 400))
@settings(max_examples=1000, deadline=None)
def test_damaged_packets(packet: bytes, damage: list[tuple[int, int]], end: int) -> None:
    carry_out(packet)
    damaged = bytearray(packet)
    for place, byte in damage:
        damaged[place % len(damaged)] = byte
    carry_out(bytes(damaged))
    carry_out(bytes(damaged[: end % (len(damaged) + 1)]))


def test_hostile_bytes_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        decode(b"/a\0\0,cI\0", NOW_S)
        decode(bundle(IMMEDIATELY, b"junk"), NOW_S)
    assert not caplog.records


def test_messages_a_second() -> None:
    scene = CONTEXT.defaults
    packet = message("/object/vocals/aed", 30.0, 10.0, 2.0)
    best = 0.0
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(1000):
            for timed in decode(packet, NOW_S):
                assert isinstance(timed.command, SetParameter)
                scene, _ = apply(scene, timed.command, CONTEXT)
        best = max(best, 1000 / (time.perf_counter() - begin))
    # A quarter of what an idle machine of two slow cores does, because tests share theirs.
    assert best > 10_000, f"{best:.0f} messages a second"


def test_messages_told_at_once_fit_into_a_frame_and_come_in_order() -> None:
    messages = [message(f"/object/object-number-{n}/aed", float(n), 0.0, 1.0) for n in range(100)]
    packets = in_bundles(messages)
    assert 3 < len(packets) < 6
    assert max(map(len, packets)) <= MAX_BUNDLE
    found = [entry for packet in packets for _, entry in parse(packet, NOW_S)]
    assert [entry.arguments[0] for entry in found if isinstance(entry, Message)] == [float(n) for n in range(100)]
    assert in_bundles(messages[:1]) == messages[:1]
    assert in_bundles([]) == []
    assert in_bundles([bytes(5000)]) == [bytes(5000)]


def test_bundles_carry_a_time():
    packets = in_bundles([encode("/a", "f", (1.0,)), encode("/b", "f", (2.0,))], 1_000.5)
    (packet,) = packets
    assert [(at, m.address) for at, m in parse(packet, 1_000.0)] == [(1_000.5, "/a"), (1_000.5, "/b")]
    (alone,) = in_bundles([encode("/a", "f", (1.0,))], 1_000.5)
    assert parse(alone, 1_000.0)[0][0] == 1_000.5
