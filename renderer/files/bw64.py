"""Reads BW64 files (ITU-R BS.2088) block by block: any number of tracks, with the chunks that describe them.

A small file is RIFF with the same chunks; RF64 and BW64 add a chunk with 64-bit sizes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.files.paths import AudioFileError, open_source
from stemfield.renderer.files.spans import Window
from stemfield.renderer.files.wave import begins, find_waves

MAX_AXML_BYTES: Final = 256 << 20
MAX_TRACKS: Final = 1024
LOWEST_RATE_HZ: Final = 8_000
HIGHEST_RATE_HZ: Final = 384_000
"""Sample rates that an engine renders."""
_MAX_SMALL_BYTES = 4 << 20
"""Maximum size of chunks other than sound and XML."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FULL_SCALE: Final = float(1 << 31)
ENTRY: Final = struct.Struct("<H12s14s11sx")
"""One line of the chna chunk."""


@dataclass(frozen=True, slots=True)
class TrackEntry:
    """One line of the chna chunk."""

    index: int
    """0-based track of the file."""
    uid: str
    """Such as `ATU_00000001`."""
    track_ref: str
    """An audioTrackFormat (`AT_...`), or in later versions an audioChannelFormat (`AC_...`)."""
    pack_ref: str
    """An audioPackFormat (`AP_...`), or nothing."""


class Bw64Reader:
    """An open file.

    Attributes:
        path: the file.
        sample_rate_hz: sample rate of the file, 8,000 to 384,000; nothing is resampled here.
        tracks: number of tracks, 1..1024.
        frames: length.
        entries: entries of the chna chunk, if any.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            AudioFileError: missing, not a BW64 file, truncated, or of an unsupported rate or sample format.
        """
        self.path = Path(path)
        self._file = open_source(self.path)
        try:
            self._chunks = _chunks_of(self._file, self.path)
            self.sample_rate_hz, self.tracks, self._kind = self._format()
            if b"data" not in self._chunks:
                self._missing("data")
            self._sound = self._chunks[b"data"]
            self._frame_bytes = self.tracks * int(self._kind[-1])
            self.frames = len(self._sound) // self._frame_bytes
            self.entries = self._entries()
        except BaseException:
            self._file.close()
            raise

    @property
    def axml(self) -> bytes:
        """The XML of the file, if any.

        Raises:
            AudioFileError: it is larger than 256 MiB.
        """
        return self._bytes(b"axml", MAX_AXML_BYTES)

    def blocks(self, block_frames: int) -> Iterator[NDArray[np.float32]]:
        """The sound from its beginning, in blocks of shape (tracks, block_frames); the last may be shorter.

        NaN and infinite samples become silence.

        Raises:
            AudioFileError: the file cannot be read on.
        """
        for at in range(0, self.frames, block_frames):
            count = min(block_frames, self.frames - at)
            try:
                self._file.seek(self._sound.start + at * self._frame_bytes)
                data = self._file.read(count * self._frame_bytes)
            except OSError as error:
                raise AudioFileError(f"{self.path}: cannot be read: {error.strerror}") from error
            if len(data) < count * self._frame_bytes:
                raise AudioFileError(f"{self.path}: became shorter while it was read")
            block = _decoded(data, self._kind).reshape(count, self.tracks).T
            yield np.ascontiguousarray(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0))

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _format(self) -> tuple[int, int, str]:
        data = self._bytes(b"fmt ", _MAX_SMALL_BYTES)
        if len(data) < 16:
            self._missing("fmt")
        tag, tracks, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", data)
        if tag == _EXTENSIBLE and len(data) >= 26:
            (tag,) = struct.unpack_from("<H", data, 24)
        if not 1 <= tracks <= MAX_TRACKS:
            raise AudioFileError(f"{self.path}: expected 1 to {MAX_TRACKS} tracks, got {tracks}")
        if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
            expected = f"expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
            raise AudioFileError(f"{self.path}: sample rate: {expected}, got {rate_hz} Hz")
        kind = {(_PCM, 16): "<i2", (_PCM, 24): "i3", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}.get(
            (tag, bits)
        )
        if kind is None:
            raise AudioFileError(
                f"{self.path}: expected integers of 16, 24 or 32 bits or floats of 32 or 64, got format {tag} with "
                f"{bits} bits"
            )
        return rate_hz, tracks, kind

    def _entries(self) -> tuple[TrackEntry, ...]:
        data = self._bytes(b"chna", _MAX_SMALL_BYTES)
        if not data:
            return ()
        count = struct.unpack_from("<H", data, 2)[0] if len(data) >= 4 else 0
        if 4 + count * ENTRY.size > len(data):
            raise AudioFileError(f"{self.path}: damaged: its chna chunk declares {count} tracks and is too short")
        found = []
        for at in range(count):
            index, *names = ENTRY.unpack_from(data, 4 + at * ENTRY.size)
            uid, track, pack = (name.split(b"\0")[0].decode("ascii", "replace").strip() for name in names)
            if index == 0 and not uid:
                continue  # kept free for more
            if not 1 <= index <= self.tracks:
                raise AudioFileError(f"{self.path}: {uid} is track {index} in chna; the file has {self.tracks}")
            found.append(TrackEntry(index - 1, uid, track, pack))
        return tuple(found)

    def _bytes(self, name: bytes, most: int) -> bytes:
        place = self._chunks.get(name, range(0))
        if len(place) > most:
            raise AudioFileError(
                f"{self.path}: its {name.decode().strip()} chunk has {len(place)} bytes; at most {most}"
            )
        self._file.seek(place.start)
        return self._file.read(len(place))

    def _missing(self, name: str) -> NoReturn:
        raise AudioFileError(f"{self.path}: damaged: there is no {name} chunk")


def _chunks_of(file: BinaryIO, path: Path) -> dict[bytes, range]:
    """Position of each chunk's content; the first of two with one name."""
    window = Window(file)
    if not begins(window.bytes_at(0, 12)):
        raise AudioFileError(f"{path}: not a BW64 or WAV file")
    first, *others = find_waves(window, 0, window.size)
    missing = first.missing
    if first.declared is not None and first.declared > len(first.sound):
        missing = b"data", first.declared, len(first.sound)
    if missing is not None:
        name, size, there = missing
        told = f"its chunk {_shown(name)} declares {size} bytes and {there} are there"
        raise AudioFileError(f"{path}: cut off: {told}")
    if others:
        raise AudioFileError(f"{path}: expected one file, got {len(others) + 1} in a row")
    return first.chunks


def _decoded(data: bytes, kind: str) -> NDArray[np.float32]:
    """Samples as floats, full scale +-1."""
    if kind == "i3":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / _FULL_SCALE).astype(np.float32)
    samples = np.frombuffer(data, kind)
    if kind.startswith("<f"):
        return samples.astype(np.float32)
    return (samples / float(1 << (8 * samples.itemsize - 1))).astype(np.float32)


def _shown(name: bytes) -> str:
    return name.decode("ascii", "replace").strip() if name.isascii() and name.decode().isprintable() else repr(name)
