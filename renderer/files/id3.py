"""ID3 and APE tags: their ends, and the title (id3.org: ID3v2.3.0, ID3v2.4.0-structure; ID3v1)."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from stemfield.renderer.files.spans import Window

_HEAD_BYTES: Final = 10
_ID3V1_BYTES: Final = 128
_APE_HEAD_BYTES: Final = 32
_MAX_TITLE_BYTES: Final = 4096
_ENCODINGS: Final = ("latin-1", "utf-16", "utf-16-be", "utf-8")


def after_tag(window: Window, at: int) -> int:
    """End of a tag that begins here; the same position without one."""
    head = window.bytes_at(at, _APE_HEAD_BYTES)
    if head[:3] == b"ID3" and len(head) >= _HEAD_BYTES and max(head[6:10]) < 0x80:
        footer = _HEAD_BYTES if head[5] & 0x10 else 0
        end = at + _HEAD_BYTES + _synchsafe(head[6:10]) + footer
    elif head[:3] == b"TAG":
        end = at + _ID3V1_BYTES
    elif head[:8] == b"APETAGEX" and len(head) == _APE_HEAD_BYTES:
        # a footer alone has the size of what precedes it
        is_header = bool(int.from_bytes(head[20:24], "little") & 1 << 29)
        end = at + _APE_HEAD_BYTES + (int.from_bytes(head[12:16], "little") if is_header else 0)
    else:
        return at
    return min(end, window.size)


def title_of(window: Window, at: int) -> str:
    """Title of an ID3v2 tag that begins here, else of an ID3v1 tag at the end of the file, else an empty string."""
    end = after_tag(window, at)
    head = window.bytes_at(at, _HEAD_BYTES)
    if head[:3] == b"ID3" and end > at:
        version = head[3]
        name, head_bytes = (b"TT2", 6) if version == 2 else (b"TIT2", 10)
        at += _HEAD_BYTES
        while at + head_bytes <= end:
            frame = window.bytes_at(at, head_bytes)
            size = frame[3:6] if version == 2 else frame[4:8]
            length = _synchsafe(size) if version == 4 else int.from_bytes(size, "big")
            if not frame.startswith(name[:1]) and not frame[:3].isalnum():
                break
            if frame.startswith(name):
                return _text(window.bytes_at(at + head_bytes, min(length, _MAX_TITLE_BYTES, end - at - head_bytes)))
            at += head_bytes + length
    tail = window.bytes_at(max(window.size - _ID3V1_BYTES, 0), _ID3V1_BYTES)
    return tail[3:33].split(b"\0")[0].decode("latin-1").strip() if tail[:3] == b"TAG" else ""


def _synchsafe(size: bytes) -> int:
    """A number of four bytes with seven bits each."""
    return size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]


def _text(data: bytes) -> str:
    with suppress(ValueError, IndexError):
        return data[1:].decode(_ENCODINGS[data[0]]).split("\0")[0].strip()
    return ""
