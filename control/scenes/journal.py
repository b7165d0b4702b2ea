"""Space on disk reserved in advance, so that the last state can be saved on a full disk.

The file has two slots of fixed size, which are written alternately and in place: number, length and checksum, then the
content. After a power failure at least one slot is valid; the one with the higher number counts.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from stemfield.layouts.plain_data import PlainDataError, read_file, without_waiting

SLOT_BYTES = 1 << 20
_MAGIC = b"stemfld1"
_HEADER = struct.Struct(">8sQII")
MAX_CONTENT = SLOT_BYTES - _HEADER.size
_MAX_NUMBER = 1 << 63
"""Higher numbers are invalid."""


class Journal:
    """One journal file, which `reserve` creates."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0

    def reserve(self) -> None:
        """Reserve the space.

        Raises:
            OSError: no space, or no permission.
        """
        with open(self._path, "ab", opener=without_waiting) as file:
            os.posix_fallocate(file.fileno(), 0, 2 * SLOT_BYTES)

    def write(self, content: bytes) -> None:
        """Replace the content.

        Raises:
            OSError: larger than a slot, nothing was reserved, or the disk fails.
        """
        if len(content) > MAX_CONTENT:
            raise OSError(f"expected at most {MAX_CONTENT} bytes, got {len(content)}")
        self._number += 1
        header = _HEADER.pack(_MAGIC, self._number, len(content), zlib.crc32(content))
        self._put(self._number % 2, header + content)

    def read(self) -> bytes | None:
        """The content, or None.

        Raises:
            PlainDataError, OSError: it cannot be read, or is not a journal of this version.
        """
        try:
            whole = read_file(self._path, 2 * SLOT_BYTES)
        except FileNotFoundError:
            return None
        halves = whole[:SLOT_BYTES], whole[SLOT_BYTES:]
        number, content = max(map(self._slot, halves), key=lambda slot: slot[0])
        begin = len(_MAGIC)
        if content is None and any(half[:begin].strip(b"\0") and half[:begin] != _MAGIC for half in halves):
            raise PlainDataError("not a journal of this version")  # whose content must not be overwritten
        self._number = max(number, self._number)
        return content

    def clear(self) -> None:
        """Remove the content.

        Raises:
            OSError: the disk fails.
        """
        for slot in (0, 1):
            self._put(slot, bytes(_HEADER.size))

    def _put(self, slot: int, content: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.pwrite(file, content, slot * SLOT_BYTES)
            os.fdatasync(file)
        finally:
            os.close(file)

    def _slot(self, raw: bytes) -> tuple[int, bytes | None]:
        if len(raw) < _HEADER.size:
            return 0, None
        magic, number, length, checksum = _HEADER.unpack_from(raw)
        content = raw[_HEADER.size : _HEADER.size + length]
        whole = magic == _MAGIC and number < _MAX_NUMBER and len(content) == length and zlib.crc32(content) == checksum
        return (number, content) if whole else (0, None)
