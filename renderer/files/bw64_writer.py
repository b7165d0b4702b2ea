"""Writes BW64 files (ITU-R BS.2088): 24-bit sound, the description of its tracks, and XML."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.files.bw64 import ENTRY, MAX_TRACKS, TrackEntry
from stemfield.renderer.files.new_file import NewFile, check_output
from stemfield.renderer.files.paths import AudioFileError
from stemfield.renderer.files.wave_writer import WaveWriter

_STEPS: Final = float(1 << 23)


class Bw64Writer(NewFile):
    """A BW64 file. The XML follows the sound, so that it may say what is known only at the end.

    Attributes:
        axml: the XML, to be set before the `with` block ends.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate_hz: int,
        tracks: int,
        entries: Sequence[TrackEntry],
        sources: Sequence[str | Path] = (),
    ) -> None:
        """Open a temporary file beside the target.

        Args:
            path: target, a `.wav` file.
            sample_rate_hz: sample rate of the sound.
            tracks: number of tracks, 1..1024.
            entries: descriptions of the tracks.
            sources: files that are being read, which must not be overwritten.

        Raises:
            AudioFileError: the suffix, the folder, the number of tracks, or the target is one of the sources.
        """
        check_bw64(Path(path), sources)
        if not 1 <= tracks <= MAX_TRACKS:
            raise AudioFileError(f"{path}: expected 1 to {MAX_TRACKS} tracks, got {tracks}")
        super().__init__(Path(path), sample_rate_hz, tracks)
        self.axml = b""
        block = 3 * tracks
        kind = struct.pack("<HHIIHH", 1, tracks, sample_rate_hz, sample_rate_hz * block, block, 24)
        with self.writing():
            chunks = (b"fmt ", kind), (b"chna", _chna(entries))
            self._wave = WaveWriter(self._file, chunks, b"BW64")

    def _append(self, block: NDArray[np.float32]) -> None:
        steps = np.rint(self._clipped(block).T.astype(np.float64) * _STEPS)
        whole = np.minimum(steps, _STEPS - 1).astype("<i4")
        self._file.write(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())

    def _complete(self) -> None:
        self._wave.complete(self.frames, [(b"axml", self.axml)] if self.axml else [])


def check_bw64(path: Path, sources: Sequence[str | Path] = ()) -> None:
    """Check whether a BW64 file can be written, before any work is done.

    Raises:
        AudioFileError: naming the first thing that is wrong.
    """
    if check_output(path, 1, sources) != ".wav":
        raise AudioFileError(f"{path}: BW64 is written to .wav files only")


def _chna(entries: Sequence[TrackEntry]) -> bytes:
    lines = [
        ENTRY.pack(entry.index + 1, entry.uid.encode(), entry.track_ref.encode(), entry.pack_ref.encode())
        for entry in entries
    ]
    return struct.pack("<HH", len({entry.index for entry in entries}), len(entries)) + b"".join(lines)
