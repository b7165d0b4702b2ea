"""Writes the chunks of a WAV file, which becomes RF64 or BW64 when its sizes need more than 32 bits.

EBU Tech 3306, ITU-R BS.2088.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import BinaryIO, Final

from stemfield.renderer.files.wave import chunk

LARGE_BYTES: Final = 2**32 - 1
"""Size from which a file cannot be RIFF."""
_DS64_BYTES: Final = 28
_MAX_FACT: Final = 2**32 - 1

Chunk = tuple[bytes, bytes]
"""Name, four bytes, and content."""


class WaveWriter:
    """Chunks, the sound, and more chunks. Equal contents give equal bytes."""

    def __init__(self, file: BinaryIO, chunks: Sequence[Chunk], large_kind: bytes = b"RF64") -> None:
        """Write the chunks before the sound.

        Args:
            file: empty file, which the caller closes.
            chunks: chunks before the sound; the content of `fact` becomes the number of frames.
            large_kind: kind of a large file, b"RF64" or b"BW64".

        Raises:
            OSError: it cannot be written.
        """
        self._file = file
        self._large_kind = large_kind
        self._fact_at: int | None = None
        file.write(b"RIFF" + bytes(4) + b"WAVE")
        file.write(chunk(b"JUNK", bytes(_DS64_BYTES)))  # space for the sizes of a large file
        for name, content in chunks:
            if name == b"fact":
                self._fact_at = file.tell() + 8
            file.write(chunk(name, content))
        file.write(b"data" + bytes(4))
        self._sound_at = file.tell()

    def complete(self, frames: int, chunks: Sequence[Chunk] = ()) -> None:
        """Write the chunks after the sound, and the sizes.

        Args:
            frames: number of frames.
            chunks: chunks after the sound.

        Raises:
            OSError: it cannot be written, or not completely.
        """
        file = self._file
        sound_bytes = file.tell() - self._sound_at
        file.write(bytes(sound_bytes % 2))
        for name, content in chunks:
            file.write(chunk(name, content))
        riff_bytes = file.tell() - 8
        large = riff_bytes >= LARGE_BYTES
        file.seek(0)
        if large:
            file.write(self._large_kind + b"\xff" * 4 + b"WAVE")
            file.write(chunk(b"ds64", struct.pack("<QQQI", riff_bytes, sound_bytes, frames, 0)))
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
