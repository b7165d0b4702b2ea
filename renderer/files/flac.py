"""Lengths of the streams in a FLAC file: the header may lack them or be wrong (RFC 9639, sections 8.2, 9.1).

The last frame has its position in the music.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from stemfield.renderer.files.checksum import crc
from stemfield.renderer.files.spans import Span, Window

MARKER: Final = b"fLaC"
_INFO_BYTES: Final = 42
"""Marker, block header, and STREAMINFO."""
_TAIL_BYTES: Final = 1 << 20
"""More than two stereo frames."""
_HEAD_BYTES: Final = 16
_TAGS: Final = (b"TAG", b"APETAGEX", b"ID3")
"""Data that programs write after the last frame."""


@dataclass(frozen=True, slots=True)
class FlacStream:
    """One stream.

    Attributes:
        place: position in the file.
        info: its first bytes, up to the end of STREAMINFO.
        counted: samples up to the end of the last complete frame; 0 without one.
        cut_at: end of that frame, if the file ends within the next one.
    """

    place: range
    info: bytes
    counted: int
    cut_at: int | None

    @property
    def rate_hz(self) -> int:
        """The sample rate."""
        return int.from_bytes(self.info[18:21], "big") >> 4

    @property
    def declared(self) -> int:
        """Length by the header; 0 for unknown."""
        return int.from_bytes(self.info[21:26], "big") & (1 << 36) - 1

    def trusted(self) -> list[Span]:
        """The stream with a correct header."""
        total = (self.info[21] >> 4) << 36 | max(self.declared, self.counted)
        info = self.info[:21] + total.to_bytes(5, "big") + self.info[26:]
        end = self.place.stop if self.declared or self.cut_at is None else self.cut_at
        return [info, range(self.place.start + _INFO_BYTES, end)]


def find_streams(window: Window, start: int, end: int) -> list[FlacStream]:
    """Every stream between two positions, the first of which begins at the first one.

    Raises:
        OSError: the file cannot be read.
    """
    starts, at = [], start
    while (at := window.find(MARKER, at, end)) >= 0:
        block = window.bytes_at(at + 4, 4)
        if block[:1] in (b"\0", b"\x80") and block[1:] == b"\0\0\x22":
            starts.append(at)
        at += 1
    return [_stream(window, range(*pair)) for pair in pairwise([*starts, end])]


def _stream(window: Window, place: range) -> FlacStream:
    info = window.bytes_at(place.start, _INFO_BYTES)
    begin = max(place.stop - _TAIL_BYTES, place.start + len(info))
    tail = window.bytes_at(begin, place.stop - begin)
    block = int.from_bytes(info[8:10], "big")
    before, last = (0, 0, 0), (0, 0, 0)
    for at, number, size, by_sample in _headers(tail):
        first = number if by_sample else number * block
        # a header without a predecessor is a coincidence
        if first == last[1] or before == last == (0, 0, 0):
            before, last = last, (at, first + size, first)
    ends = [len(tail), *(end for mark in _TAGS if (end := tail.find(mark, last[0])) >= 0)]
    if last[1] and all(crc(tail[last[0] : end], 16, 0x8005) for end in ends):
        return FlacStream(place, info, last[2], begin + last[0])
    return FlacStream(place, info, last[1], None)


def _headers(data: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """Position, number, samples, and whether numbers count samples, of everything that looks like a frame header."""
    at = -1
    while (at := data.find(b"\xff", at + 1)) >= 0:
        head = data[at : at + _HEAD_BYTES]
        if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1 or not head[2] >> 4:
            continue
        ones = 8 - (head[4] ^ 0xFF).bit_length()
        length = max(ones, 1)
        if ones in (1, 8):
            continue
        number = head[4] & 0x7F >> ones
        for byte in head[5 : 4 + length]:
            number = number << 6 | byte & 0x3F
        code, end = head[2] >> 4, 4 + length
        if code in (6, 7):
            size = int.from_bytes(head[end : end + code - 5], "big") + 1
            end += code - 5
        else:
            size = 192 if code == 1 else 576 << code - 2 if code < 6 else 256 << code - 8
        end += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
        if end < len(head) and crc(head[:end], 8, 0x07) == head[end]:
            yield at, number, size, bool(head[1] & 1)
