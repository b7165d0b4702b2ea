"""The chunks of WAV, RF64 and BW64 files (ITU-R BS.2088), and the actual length of the sound.

A program that writes to a pipe or is killed never writes the length before the sound; one that ignores the limit of
4 GiB writes its lower 32 bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from stemfield.renderer.files.spans import Span, Window

KINDS: Final = (b"RIFF", b"RF64", b"BW64")
MP3: Final = 0x55
"""The format of MP3 frames in a WAV file."""
_MAX_CHUNKS: Final = 4096
_MAX_DS64_BYTES: Final = 1 << 20
_MAX_TEXT_BYTES: Final = 1 << 16
_IN_DS64: Final = 0xFFFFFFFF
_STREAMED: Final = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 1 << 32), range((1 << 63) - 1, 1 << 64))
"""Sizes for "until the end" of sox, of ffmpeg, and in 64 bits."""
_DATA, _DS64, _LIST, _FACT = b"data", b"ds64", b"LIST", b"fact"


@dataclass(frozen=True, slots=True)
class Wave:
    """One file; several may stand in a row.

    Attributes:
        chunks: position of each chunk's content, the first of two with one name; that of the sound as far as it exists.
        declared: bytes of sound by the header; None for "until the end".
        second: bytes of sound per second by the header; 0 for unknown.
        missing: name of a chunk other than the sound that is longer than the file, its size, and its actual size.
        stop: end of the last chunk.
    """

    chunks: dict[bytes, range]
    declared: int | None
    second: int
    missing: tuple[bytes, int, int] | None
    stop: int

    @property
    def sound(self) -> range:
        """Position of the sound."""
        return self.chunks.get(_DATA, range(0))

    def format(self, window: Window) -> bytes:
        """Content of the format chunk, if any."""
        place = self.chunks.get(b"fmt ", range(0))
        return window.bytes_at(place.start, min(len(place), _MAX_TEXT_BYTES))

    def trusted(self, window: Window) -> list[Span]:
        """The sound with a correct header, and the text chunks."""
        frame = max(int.from_bytes(self.format(window)[12:14], "little"), 1)
        sound = self.sound[: len(self.sound) // frame * frame]
        names = [b"fmt ", _LIST] if self.declared != len(self.sound) else [b"fmt ", _FACT, _LIST]
        head = b""
        for name in names:
            place = self.chunks.get(name, range(0))
            if 0 < len(place) <= _MAX_TEXT_BYTES:
                head += chunk(name, window.bytes_at(place.start, len(place)))
        total = 4 + len(head) + 8 + len(sound)
        if total < _IN_DS64:
            start = b"RIFF" + struct.pack("<I", total) + b"WAVE" + head + _DATA + struct.pack("<I", len(sound))
        else:
            sizes = chunk(_DS64, struct.pack("<QQQI", total + 36, len(sound), len(sound) // frame, 0))
            start = b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + head + _DATA + b"\xff" * 4
        return [start, sound]


def find_waves(window: Window, start: int, end: int) -> list[Wave]:
    """Every file between two positions, the first of which begins at the first one.

    Raises:
        OSError: the file cannot be read.
    """
    waves = [_wave(window, start, end)]
    while begins(window.bytes_at(waves[-1].stop, 12)) and waves[-1].sound:
        waves.append(_wave(window, waves[-1].stop, end))
    return waves


def begins(head: bytes) -> bool:
    """Whether a file begins with these bytes, of which the first 12 count."""
    return head[:4] in KINDS and head[8:12] == b"WAVE"


def _wave(window: Window, start: int, end: int) -> Wave:
    chunks: dict[bytes, range] = {}
    large: dict[bytes, int] = {}
    declared: int | None = None
    missing, second, at = None, 0, start + 12
    for _ in range(_MAX_CHUNKS):
        head = window.bytes_at(at, 8)
        if len(head) < 8 or at + 8 > end or (_DATA in chunks and begins(window.bytes_at(at, 12))):
            break
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if _DATA in chunks and not _is_name(name):
            break  # no chunk: zeros, a tag, or sound that the header does not know of
        if size == _IN_DS64:
            size = large.get(name, size)
        content, room = at + 8, end - at - 8
        if name == _DATA and _DATA not in chunks:
            second = _bytes_a_second(window, chunks)
            size, declared = _sound_bytes(window, content, size, room, second)
        elif size > room:
            missing = name, size, room
            break
        chunks.setdefault(name, range(content, content + size))
        if name == _DS64:
            large = _large_sizes(window.bytes_at(content, min(size, _MAX_DS64_BYTES)))
        at = content + size + (size % 2 if not _is_chunk(window, content + size, end) else 0)
    return Wave(chunks, declared, second, missing, min(at, end))


def _sound_bytes(window: Window, content: int, size: int, room: int, second: int) -> tuple[int, int | None]:
    """Actual and declared number of bytes of sound."""
    declared = None if any(size in each for each in _STREAMED) else size
    end = content + room
    follows = any(_is_chunk(window, content + size + pad, end) for pad in (0, size % 2))
    if size <= room and (follows or room - size <= (second if size else 1)):
        return size, size
    return room, declared


def _is_chunk(window: Window, at: int, end: int) -> bool:
    """Whether a chunk begins here that fits into the file."""
    head = window.bytes_at(at, 8)
    if len(head) < 8 or at + 8 > end:
        return False
    return _is_name(head[:4]) and (int.from_bytes(head[4:], "little") <= end - at - 8 or head[:4] in KINDS)


def _is_name(name: bytes) -> bool:
    """Whether this is a valid name of a chunk."""
    return all(0x20 <= byte < 0x7F for byte in name)


def _bytes_a_second(window: Window, chunks: dict[bytes, range]) -> int:
    place = chunks.get(b"fmt ", range(0))
    return int.from_bytes(window.bytes_at(place.start, 12)[8:12], "little") if len(place) >= 12 else 0


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk with its head, padded to an even number of bytes."""
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _large_sizes(data: bytes) -> dict[bytes, int]:
    """The 64-bit sizes of a ds64 chunk."""
    if len(data) < 28:
        return {}
    _, of_data, _, count = struct.unpack_from("<QQQI", data)
    found = {_DATA: of_data}
    for at in range(28, min(len(data) - 11, 28 + 12 * count), 12):
        name, size = struct.unpack_from("<4sQ", data, at)
        found[name] = size
    return found
