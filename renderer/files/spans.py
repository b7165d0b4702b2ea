"""Bytes for a decoder: parts of a file and replacements for other parts, read like one file."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO, Final

Span = range | bytes
"""Bytes of the file from one position to another, or given bytes."""

_WINDOW_BYTES: Final = 1 << 18


class SpanFile:
    """A file made of spans, for soundfile to read. The underlying file stays open when this one is closed.

    Attributes:
        error: error of a failed read, at which the file ends for the decoder.
    """

    def __init__(self, file: BinaryIO, spans: Sequence[Span]) -> None:
        self.error: OSError | None = None
        self._file = file
        self._spans = [span for span in spans if len(span)]
        self._starts = [0, *accumulate(map(len, self._spans))]
        self._at = 0

    def tell(self) -> int:
        """Position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek, from the beginning, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        """Read into a buffer until it is full or the end is reached; returns the number of bytes."""
        target, done = memoryview(buffer), 0
        while done < len(target) and self._at < self._starts[-1] and self.error is None:
            index = bisect_right(self._starts, self._at) - 1
            span, inside = self._spans[index], self._at - self._starts[index]
            count = min(len(target) - done, len(span) - inside)
            data = span[inside : inside + count] if isinstance(span, bytes) else self._of_file(span[inside], count)
            if not data:
                break
            target[done : done + len(data)] = data
            done += len(data)
            self._at += len(data)
        return done

    def _of_file(self, at: int, count: int) -> bytes:
        try:
            self._file.seek(at)
            return self._file.read(count)
        except OSError as error:
            self.error = error
            return b""


class Window:
    """A file for short reads at rising positions, which are read ahead in large pieces.

    Attributes:
        size: size of the file in bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self._start, self._data = 0, b""

    def bytes_at(self, at: int, count: int) -> bytes:
        """Read `count` bytes from a position, fewer at the end of the file.

        Raises:
            OSError: the file cannot be read.
        """
        if at >= self.size:
            return b""
        inside = at - self._start
        if inside < 0 or inside + count > len(self._data):
            self._file.seek(at)
            self._start, self._data = at, self._file.read(max(count, _WINDOW_BYTES))
            inside = 0
        return self._data[inside : inside + count]

    def find(self, wanted: bytes, at: int, end: int) -> int:
        """First position of these bytes between two positions, or -1."""
        while at + len(wanted) <= end:
            data = self.bytes_at(at, min(_WINDOW_BYTES, end - at))
            if (found := data.find(wanted)) >= 0:
                return at + found
            if len(data) < len(wanted):
                return -1
            at += len(data) - len(wanted) + 1
        return -1
