"""Audio files: the reader, and the writer of WAV and FLAC with any number of channels."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.renderer.files.audio_reader import READABLE, AudioReader
from stemfield.renderer.files.new_file import FLAC_CHANNELS, NewFile, check_output
from stemfield.renderer.files.paths import AudioFileError
from stemfield.renderer.files.wave_writer import WaveWriter

__all__ = ["FLAC_CHANNELS", "READABLE", "AudioFileError", "AudioReader", "AudioWriter", "check_output"]

_FLOAT: Final = 3
_SAMPLE_BYTES: Final = 4


class AudioWriter(NewFile):
    """Writes WAV with 32-bit floats, which never clip, as RF64 if large; or FLAC with 24 bits."""

    def __init__(
        self, path: str | Path, sample_rate_hz: int, channels: int, sources: Sequence[str | Path] = ()
    ) -> None:
        """Check everything that can be known before the work, then open a temporary file beside the target.

        Args:
            path: target; its suffix chooses the format.
            sample_rate_hz: sample rate of the sound.
            channels: number of channels, at most 8 for FLAC.
            sources: files that are being read, which must not be overwritten.

        Raises:
            AudioFileError: the suffix, the folder, the number of channels, or the target is one of the sources.
        """
        suffix = check_output(Path(path), channels, sources)
        super().__init__(Path(path), sample_rate_hz, channels)
        self._wave: WaveWriter | None = None
        with self.writing():
            if suffix == ".flac":
                self._sink = _Sink(self._file)
                self._flac = self._opened.enter_context(
                    soundfile.SoundFile(self._sink, "w", sample_rate_hz, channels, format="FLAC", subtype="PCM_24")
                )
                return
            frame = _SAMPLE_BYTES * channels
            kind = (_FLOAT, channels, sample_rate_hz, sample_rate_hz * frame, frame, 8 * _SAMPLE_BYTES, 0)
            chunks = (b"fmt ", struct.pack("<HHIIHHH", *kind)), (b"fact", bytes(4))
            self._wave = WaveWriter(self._file, chunks)

    def _append(self, block: NDArray[np.float32]) -> None:
        if self._wave is not None:
            self._file.write(np.ascontiguousarray(block.T, "<f4").data)
            return
        whole = self._clipped(block)
        with self._sink.telling():
            self._flac.write(np.ascontiguousarray(whole.T))

    def _complete(self) -> None:
        if self._wave is not None:
            self._wave.complete(self.frames)
            return
        with self._sink.telling():
            self._flac.close()
        self._file.seek(0)
        if (there := soundfile.info(self._file).frames) != self.frames:
            raise OSError(0, f"{there} of {self.frames} frames arrived on disk")


class _Sink:
    """A file for libsndfile to write to, which remembers errors: libsndfile reports only "System error"."""

    def __init__(self, file: BinaryIO) -> None:
        self._under = file
        self._error: OSError | None = None

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raises the error of the file, if any."""
        try:
            yield
        except (soundfile.LibsndfileError, AssertionError):
            # soundfile asserts that every frame was written
            if self._error is None:
                raise
        if self._error is not None:
            raise self._error

    def tell(self) -> int:
        """The position."""
        return self._under.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek."""
        return self._under.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Read."""
        data = self._under.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        """Write; 0 on failure."""
        try:
            return self._under.write(data) if self._error is None else 0
        except OSError as error:
            self._error = error
            return 0
