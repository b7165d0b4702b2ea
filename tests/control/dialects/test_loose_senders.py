"""What Max, SuperCollider, Companion and other programs send that the letter of OSC 1.0 does not have."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

from stemfield.control.dialects.osc import Message, parse
from stemfield.layouts.problems import shown


def padded(text: bytes) -> bytes:
    return text + bytes(4 - len(text) % 4)


def packet(address: str, tags: str, data: bytes = b"") -> bytes:
    return padded(address.encode()) + padded(b"," + tags.encode()) + data


def floats(*values: float) -> bytes:
    return struct.pack(f">{len(values)}f", *values)


@pytest.mark.parametrize(
    ("tags", "data", "expected"),
    [
        ("[fff]", floats(90.0, 0.0, 2.0), [90.0, 0.0, 2.0]),
        ("f[ff]", floats(90.0, 0.0, 2.0), [90.0, 0.0, 2.0]),
        ("[[f]f]f", floats(90.0, 0.0, 2.0), [90.0, 0.0, 2.0]),
        ("S", b"vox\0", ["vox"]),
        ("c", b"\0\0\0a", ["a"]),
        ("I", b"", [math.inf]),
        ("t", struct.pack(">Q", 1), [1]),
        ("rm", b"\xff\0\0\xff\0\x90\x40\x7f", [b"\xff\0\0\xff", b"\0\x90\x40\x7f"]),
        ("N", b"", [None]),
    ],
)
def test_every_type_of_osc_is_read(tags: str, data: bytes, expected: list[object]) -> None:
    ((_, message),) = parse(packet("/a", tags, data), 0.0)
    assert isinstance(message, Message)
    assert message.arguments == expected


@pytest.mark.parametrize("tags", ["c", "t", "r", "m", "[f"])
def test_a_type_whose_bytes_are_missing_is_said(tags: str) -> None:
    ((_, problem),) = parse(packet("/a", tags), 0.0)
    assert getattr(problem, "reason", "") == "fewer arguments than type tags"


@pytest.mark.parametrize(
    ("address", "tags", "data", "expected"),
    [
        ("/object/vocals/aed", "[fff]", floats(90.0, 0.0, 2.0), [90.0, 0.0, 2.0]),
        ("/adm/obj/1/aed", "[fff]", floats(90.0, 0.0, 1.0), [90.0, 0.0, 1.0]),
        ("/object/vocals/gain", "f", floats(-math.inf), [-120.0]),
        ("/master/gain", "d", struct.pack(">d", -math.inf), [-120.0]),
        ("/object/vocals/gain", "ff", floats(-6.0, 1.0), [-6.0]),
        ("/object/vocals/mute", "isf", struct.pack(">i", 1) + b"on\0\0" + floats(0.5), [True]),
        ("/object/vocals/label", "Sf", b"vox\0" + floats(1.0), ["vox"]),
    ],
)
def test_what_is_sent_is_set(
    control: Any, peer: Any, address: str, tags: str, data: bytes, expected: list[object]
) -> None:
    peer.send_bytes(packet(address, tags, data))
    assert peer.received() == []
    question = address.replace("/adm/obj/1", "/object/0")
    assert peer.ask(question) == pytest.approx(expected) if tags[0] not in "S" else peer.ask(question) == expected


def test_infinity_is_no_level(peer: Any) -> None:
    for tags, data in (("f", floats(math.inf)), ("I", b""), ("f", floats(math.nan))):
        peer.send_bytes(packet("/object/vocals/gain", tags, data))
        ((address, (_, reason)),) = peer.received()
        assert (address, reason.partition(",")[0]) == ("/error", "expected a number from -120 to 20")
    peer.send("/object/vocals/level", -math.inf)
    assert peer.received()[0][0] == "/error"


def test_a_source_with_a_fraction_is_nobody(control: Any, peer: Any) -> None:
    before = control.hub.scene
    peer.send("/spat/serv", "deg", 1.5, 90.0, 0.0, 1.0, 0.0, 0.0)
    assert peer.received() == [("/error", ["/spat/serv", "deg: expected a whole number from 1 to 10000, got 1.5"])]
    assert control.settled().hub.scene == before
    peer.send("/spat/serv", "deg", 2.0, 90.0, 0.0, 1.0, 0.0, 0.0, "extra")
    assert peer.received() == []
    assert control.hub.scene.objects[1].position[1] == pytest.approx(-1.0)
    peer.send("/object/piano/channels", 0.5, 1.0)
    assert peer.received()[0][0] == "/error"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"abc", "3 bytes"), (None, "null"), (True, "true"), (59.99999999999999, "60"), (0.10000000149011612, "0.1")],
)
def test_values_are_quoted_as_people_write_them(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_numbers_in_json_have_no_noise(control: Any, peer: Any, serve: Callable[..., Any]) -> None:
    peer.send("/object/vocals/aed", 60.0, 20.0, 1.7)
    peer.send("/object/vocals/gain", -6.1)
    peer.received()
    web = serve()
    assert web.get("/object/vocals/aed?VALUE") == (200, {"VALUE": [60.0, 20.0, 1.7]})
    assert web.get("/object/vocals/gain")[1]["VALUE"] == [-6.1]


def test_subscriptions_that_have_ended_are_not_counted(
    peer: Any, until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemfield.control.hub.subscriptions.LIFETIME_S", 2.0)
    for number in range(3):
        peer.send("/subscribe", "/scene/amount", 1 + number, 10_000 + number)
    peer.received()
    assert peer.ask("/status/peers") == [3]
    until(lambda: peer.ask("/status/peers") == [0], 10, "they have ended, and nothing else has happened")
