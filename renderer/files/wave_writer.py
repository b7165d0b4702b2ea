"""What a WAV file is written of; it becomes RF64 or BW64 when its sizes take more than 32 bits.

EBU Tech 3306, ITU-R BS.2088.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import BinaryIO, Final

LARGE_BYTES: Final = 2**32 - 1
"""From here on the sizes of a RIFF file do not suffice."""
_DS64_BYTES: Final = 28
_MAX_FACT: Final = 2**32 - 1

Chunk = tuple[bytes, bytes]
"""Its name, four bytes, and its content."""


class WaveWriter:
    """Chunks, the sound, and more chunks. What is equal is written in equal bytes."""

    def __init__(
        self, file: BinaryIO, chunks: Sequence[Chunk], large_kind: bytes = b"RF64", large_bytes: int = LARGE_BYTES
    ) -> None:
        """Write what stands before the sound.

        Args:
            file: empty, and stays the caller's.
            chunks: before the sound; the content of one that is called `fact` becomes the number of frames.
            large_kind: what a large file is, b"RF64" or b"BW64".
            large_bytes: from this size on it is large.

        Raises:
            OSError: it cannot be written.
        """
        self._file = file
        self._large_kind, self._large_bytes = large_kind, large_bytes
        self._fact_at: int | None = None
        file.write(b"RIFF" + bytes(4) + b"WAVE")
        self._chunk(b"JUNK", bytes(_DS64_BYTES))  # the sizes of a large file will stand here
        for name, content in chunks:
            if name == b"fact":
                self._fact_at = file.tell() + 8
            self._chunk(name, content)
        file.write(b"data" + bytes(4))
        self._sound_at = file.tell()

    def complete(self, frames: int, chunks: Sequence[Chunk] = ()) -> None:
        """Write what stands behind the sound, and how much there is of all.

        Args:
            frames: how many there are.
            chunks: behind the sound.

        Raises:
            OSError: it cannot be written, or not all of it arrived.
        """
        file = self._file
        sound_bytes = file.tell() - self._sound_at
        file.write(bytes(sound_bytes % 2))
        for name, content in chunks:
            self._chunk(name, content)
        riff_bytes = file.tell() - 8
        large = riff_bytes >= self._large_bytes
        file.seek(0)
        if large:
            file.write(self._large_kind + b"\xff" * 4 + b"WAVE")
            self._chunk(b"ds64", struct.pack("<QQQI", riff_bytes, sound_bytes, frames, 0))
        else:
            file.write(b"RIFF" + struct.pack("<I", riff_bytes))
        if self._fact_at is not None:
            file.seek(self._fact_at)
            file.write(struct.pack("<I", min(frames, _MAX_FACT)))
        file.seek(self._sound_at - 4)
        file.write(b"\xff" * 4 if large else struct.pack("<I", sound_bytes))
        file.flush()
        if (there := os.fstat(file.fileno()).st_size) != riff_bytes + 8:
            raise OSError(0, f"{there} of {riff_bytes + 8} bytes arrived on disk")

    def _chunk(self, name: bytes, content: bytes) -> None:
        self._file.write(name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2))
