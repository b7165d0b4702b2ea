"""Writes BW64 files (ITU-R BS.2088): sound of 24 bits, which track is what, and the XML that describes it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.drivers.audiofile import AudioFileError, NewFile, check_output
from stemfield.renderer.drivers.bw64 import ENTRY, MAX_TRACKS, TrackEntry

LARGE_BYTES: Final = 2**32 - 1
"""From here on the sizes of a RIFF file do not suffice, and it becomes BW64."""
_STEPS: Final = float(1 << 23)
_DS64_BYTES = 28


class Bw64Writer(NewFile):
    """Sound, and what describes it. The XML stands behind the sound, so that it may say what is known only by then.

    Attributes:
        axml: the XML, to be set before the block is left.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate_hz: int,
        tracks: int,
        entries: Sequence[TrackEntry],
        sources: Sequence[str | Path] = (),
        large_bytes: int = LARGE_BYTES,
    ) -> None:
        """Open a temporary file beside the target.

        Args:
            path: where the file shall be; a name in `.wav`.
            sample_rate_hz: of the sound.
            tracks: 1..1024.
            entries: what each track is.
            sources: the files that are being read, which must not be overwritten.
            large_bytes: from this size on it is BW64.

        Raises:
            AudioFileError: the suffix, the folder, the number of tracks, or the target is one of the sources.
        """
        super().__init__(Path(path))
        check_bw64(self.path, sources)
        if not 1 <= tracks <= MAX_TRACKS:
            raise AudioFileError(f"{self.path}: {tracks} tracks; allowed 1 to {MAX_TRACKS}")
        self.axml = b""
        self._tracks = tracks
        self._large_bytes = large_bytes
        with self._writing():
            self._file = self._opened.enter_context(self._temporary.open("wb"))
            self._file.write(b"RIFF" + bytes(4) + b"WAVE")
            self._chunk(b"JUNK", bytes(_DS64_BYTES))  # the sizes of a large file will stand here
            block = 3 * tracks
            self._chunk(b"fmt ", struct.pack("<HHIIHH", 1, tracks, sample_rate_hz, sample_rate_hz * block, block, 24))
            self._chunk(b"chna", _chna(entries))
            self._file.write(b"data" + bytes(4))
            self._data_at = self._file.tell()

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block.

        Args:
            block: shape (tracks, n), full scale +-1.

        Raises:
            AudioFileError: the disk is full.
        """
        if block.ndim != 2 or block.shape[0] != self._tracks:
            raise ValueError(f"block has shape {block.shape}, expected ({self._tracks}, n)")
        steps = np.rint(block.T.astype(np.float64) * _STEPS)
        self.clipped += int(np.count_nonzero((steps >= _STEPS + 1) | (steps < -_STEPS)))
        whole = np.clip(steps, -_STEPS, _STEPS - 1).astype("<i4")
        with self._writing():
            self._file.write(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
        self.frames += block.shape[1]

    def _complete(self) -> None:
        data_bytes = 3 * self._tracks * self.frames
        self._file.write(bytes(data_bytes % 2))
        if self.axml:
            self._chunk(b"axml", self.axml)
        riff_bytes = self._file.tell() - 8
        large = riff_bytes >= self._large_bytes
        self._file.seek(0)
        if large:
            self._file.write(b"BW64" + b"\xff" * 4 + b"WAVE")
            self._chunk(b"ds64", struct.pack("<QQQI", riff_bytes, data_bytes, self.frames, 0))
        else:
            self._file.write(b"RIFF" + struct.pack("<I", riff_bytes))
        self._file.seek(self._data_at - 4)
        self._file.write(b"\xff" * 4 if large else struct.pack("<I", data_bytes))
        self._file.close()

    def _chunk(self, name: bytes, data: bytes) -> None:
        self._file.write(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2))


def check_bw64(path: Path, sources: Sequence[str | Path] = ()) -> None:
    """Whether a BW64 file can be written there, before any work is done.

    Raises:
        AudioFileError: naming the first thing that is wrong.
    """
    if check_output(path, 1, sources) != ".wav":
        raise AudioFileError(f"{path}: BW64 is written into .wav files alone")


def _chna(entries: Sequence[TrackEntry]) -> bytes:
    """The chunk that says what each track is."""
    lines = [
        ENTRY.pack(entry.index + 1, entry.uid.encode(), entry.track_ref.encode(), entry.pack_ref.encode())
        for entry in entries
    ]
    return struct.pack("<HH", len({entry.index for entry in entries}), len(entries)) + b"".join(lines)
