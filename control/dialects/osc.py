"""The syntax of OSC 1.0 over UDP: datagrams to messages with their times, and values to datagrams. Pure.

python-osc is not used for parsing: it loops forever on a negative element size, recurses as deep as the sender likes,
and fills truncated datagrams with zeros.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pythonosc.osc_message_builder import OscMessageBuilder

from stemfield.control.parameters.argument import Value
from stemfield.control.parameters.commands import Problem
from stemfield.layouts.problems import shown

MAX_AHEAD_S = 10.0
MAX_DEPTH = 8
MAX_MESSAGES = 1024
MAX_ADDRESS = 640
"""Maximum size in bytes: it has room for any name of an object, 128 characters of four bytes each."""
MAX_BUNDLE = 1432
"""Size in bytes that fits into an Ethernet frame."""

_BUNDLE = b"#bundle\0"
_IMMEDIATELY = 1
_NTP_TO_UNIX_S = 2_208_988_800
_NUMBERS = {ord(tag): struct.Struct(f">{code}") for tag, code in zip("ifhd", "ifqd", strict=True)}
_CONSTANTS = {ord("T"): True, ord("F"): False, ord("N"): None, ord("I"): math.inf}
_FOUR_BYTES = frozenset(b"rm")
"""Colours and MIDI messages, which no address accepts."""
_STRINGS = frozenset(b"sS")
_BRACKETS = frozenset(b"[]")
_TAGS = frozenset(_NUMBERS) | frozenset(_CONSTANTS) | _FOUR_BYTES | _STRINGS | _BRACKETS | frozenset(b"bct")


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    address: str
    arguments: list[object]
    raw_arguments: bytes
    """Type tags and data as received."""


def parse(packet: bytes, now_s: float) -> list[tuple[float | None, Message | Problem]]:
    """The messages of one datagram in order, with a problem in place of each that cannot be parsed.

    Args:
        packet: any bytes.
        now_s: seconds since the epoch. A bundle is due at its time tag, or now (None) if that is past or "immediately";
            a time tag more than 10 s ahead is a problem.
    """
    if not packet.startswith(_BUNDLE):
        return [(None, _message(packet))]
    parsed: list[tuple[float | None, Message | Problem]] = []
    for entry in _bundle(packet, now_s, None, 1):
        if len(parsed) == MAX_MESSAGES:
            parsed.append((None, Problem("#bundle", f"expected at most {MAX_MESSAGES} messages: the rest is ignored")))
            break
        parsed.append(entry)
    return parsed


def encode(address: str, tags: str, values: Sequence[Value]) -> bytes:
    """A message with these values.

    Args:
        address: OSC address.
        tags: one of f i s T per value, repeated for further values. A T becomes T or F by its value.
        values: any number.
    """
    if not tags.strip("f"):
        # Nearly everything that is sent often is positions and levels.
        return _float_head(address, len(values)) + struct.pack(f">{len(values)}f", *values)
    builder = OscMessageBuilder(address)
    for index, value in enumerate(values):
        tag = tags[index % len(tags)]
        builder.add_arg(value, ("T" if value else "F") if tag == "T" else tag)
    return bytes(builder.build().dgram)


@lru_cache(maxsize=4096)
def _float_head(address: str, count: int) -> bytes:
    """Address and type tags of a message of floats, each terminated and padded with zeros."""
    parts = address.encode(), b"," + count * b"f"
    return b"".join(part + bytes(4 - len(part) % 4) for part in parts)


def in_bundles(messages: Sequence[bytes], at_s: float | None = None) -> list[bytes]:
    """Messages in as few datagrams as possible without fragmentation; a single message is not bundled.

    Args:
        messages: encoded messages.
        at_s: their time tag, seconds since the epoch; immediately if not given.
    """
    tag = _IMMEDIATELY if at_s is None else round((at_s + _NTP_TO_UNIX_S) * 2**32)
    packets: list[bytes] = []
    inside: list[bytes] = []
    size = 16

    def close() -> None:
        packed = b"".join(struct.pack(">i", len(message)) + message for message in inside)
        alone = len(inside) == 1 and at_s is None
        packets.append(inside[0] if alone else _BUNDLE + struct.pack(">Q", tag) + packed)

    for message in messages:
        if inside and size + 4 + len(message) > MAX_BUNDLE:
            close()
            inside, size = [], 16
        inside.append(message)
        size += 4 + len(message)
    if inside:
        close()
    return packets


def _bundle(
    packet: bytes, now_s: float, outer_s: float | None, depth: int
) -> Iterator[tuple[float | None, Message | Problem]]:
    """The messages of a bundle; an inner bundle is never due before the outer one."""
    if len(packet) < 16:
        yield None, Problem("#bundle", "too short for a time tag")
        return
    if depth > MAX_DEPTH:
        yield None, Problem("#bundle", f"expected at most {MAX_DEPTH} levels of bundles")
        return
    (tag,) = struct.unpack_from(">Q", packet, 8)
    own_s = now_s if tag == _IMMEDIATELY else tag / 2**32 - _NTP_TO_UNIX_S
    at_s = max(own_s, outer_s or now_s)
    if at_s > now_s + MAX_AHEAD_S:
        yield None, Problem("#bundle", f"expected a time tag at most {MAX_AHEAD_S:g} s ahead, got {at_s - now_s:.1f} s")
        return
    due_s = at_s if at_s > now_s else None
    index = 16
    while index < len(packet):
        size = struct.unpack_from(">i", packet, index)[0] if index + 4 <= len(packet) else -1
        index += 4
        if size <= 0 or size % 4 or index + size > len(packet):
            yield None, Problem("#bundle", "the size of an element is wrong")
            return
        element = packet[index : index + size]
        index += size
        if element.startswith(_BUNDLE):
            yield from _bundle(element, now_s, due_s, depth + 1)
        else:
            yield due_s, _message(element)


def _message(packet: bytes) -> Message | Problem:
    """The message in these bytes; without type tags it has no arguments."""
    end = packet.find(0)
    if not packet.startswith(b"/") or not 1 < end <= MAX_ADDRESS:
        return Problem("", f"expected an OSC address of 2 to {MAX_ADDRESS} bytes that begins with /")
    try:
        address = packet[:end].decode()
    except UnicodeDecodeError:
        return Problem("", "the address is not UTF-8")
    start = end + 4 & ~3
    if start >= len(packet):
        return Message(address, [], b"")
    end = packet.find(0, start)
    tags = packet[start + 1 : end]
    if packet[start] != ord(",") or end < 0 or not _TAGS.issuperset(tags):
        given = packet[start : end if end >= 0 else None][:20].decode("ascii", "backslashreplace")
        return Problem(address, f"type tags: expected a comma, then any of ifdhsSbcrtmTFNI[], got {shown(given)}")
    try:
        arguments = _arguments(tags, packet, end + 4 & ~3)
    except UnicodeDecodeError:
        return Problem(address, "a string is not UTF-8")
    except (struct.error, ValueError):
        return Problem(address, "fewer arguments than type tags")
    return Message(address, arguments, packet[start:])


def _arguments(tags: bytes, packet: bytes, index: int) -> list[object]:
    """The values from an index on; arrays are flattened, as senders expect.

    Raises:
        UnicodeDecodeError: a string is not UTF-8.
        struct.error, ValueError: the packet is too short.
    """
    arguments: list[object] = []
    for tag in tags:
        if number := _NUMBERS.get(tag):
            arguments.append(number.unpack_from(packet, index)[0])
            index += number.size
        elif tag in _CONSTANTS:
            arguments.append(_CONSTANTS[tag])
        elif tag in _BRACKETS:
            continue
        elif tag in _STRINGS:
            end = packet.index(0, index)
            arguments.append(packet[index:end].decode())
            index = end + 4 & ~3
        elif tag == ord("c"):
            (letter,) = struct.unpack_from(">I", packet, index)
            arguments.append(chr(letter & 0x7F))
            index += 4
        elif tag == ord("t"):
            arguments.append(struct.unpack_from(">Q", packet, index)[0])
            index += 8
        elif tag in _FOUR_BYTES:
            arguments.append(struct.unpack_from(">4s", packet, index)[0])
            index += 4
        else:
            (size,) = struct.unpack_from(">i", packet, index)
            if not 0 <= size <= len(packet) - index - 4:
                raise ValueError(f"a blob of {size} bytes")
            arguments.append(packet[index + 4 : index + 4 + size])
            index = index + 4 + size + 3 & ~3
    return arguments
