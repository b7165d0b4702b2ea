"""An audio file that appears under its name only when it is complete."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.renderer.files.part_file import PartFile
from stemfield.renderer.files.paths import AudioFileError, target_problem

WRITABLE: Final = (".wav", ".flac")
FLAC_CHANNELS: Final = 8
"""Maximum number of channels in FLAC (RFC 9639, section 9.1.3)."""

log = logging.getLogger(__name__)


class NewFile(ABC):
    """An audio file to write.

    Use it in a `with` block: the end of the block puts the file in place, an exception removes it.

    Attributes:
        path: target.
        frames: number of frames written so far.
        clipped: samples beyond full scale that were clipped; they are reported when the file is in place.
    """

    def __init__(self, path: Path, sample_rate_hz: int, channels: int) -> None:
        """Open a temporary file beside the target.

        Raises:
            AudioFileError: it cannot be written there.
        """
        self.path = path
        self.frames = 0
        self.clipped = 0
        self._sample_rate_hz = sample_rate_hz
        self._channels = channels
        self._loudest = (0.0, 0, 0)
        try:
            self._part = PartFile(path.parent)
        except OSError as error:
            raise AudioFileError(f"{path}: cannot be written: {reason(error)}") from error
        self._opened = ExitStack()

    @property
    def _file(self) -> BinaryIO:
        return self._part.file

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block.

        Args:
            block: shape (channels, n), full scale +-1.

        Raises:
            AudioFileError: the disk is full.
        """
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise ValueError(f"block has shape {block.shape}, expected ({self._channels}, n)")
        with self.writing():
            self._append(block)
        self.frames += block.shape[1]

    @abstractmethod
    def _append(self, block: NDArray[np.float32]) -> None:
        """Write a block of the right shape."""

    @abstractmethod
    def _complete(self) -> None:
        """Write the end of the file."""

    def seal(self) -> Path:
        """Complete the file and keep it under its temporary name, until it is abandoned.

        Returns:
            The temporary name.

        Raises:
            AudioFileError: its end could not be written.
        """
        with self.writing():
            self._complete()
        return self._part.path

    def finish(self) -> None:
        """Put the complete file in place.

        Raises:
            AudioFileError: its end could not be written.
        """
        try:
            with self.writing():
                self._complete()
                self._part.put(self.path)
        finally:
            self.abandon()
        if self.clipped:
            peak, frame, channel = self._loudest
            most = f"by {20 * math.log10(peak):.1f} dB at most"
            where = f"in channel {channel + 1} at {frame / self._sample_rate_hz:.2f} s"
            told = f"{self.clipped} samples were beyond full scale and are clipped, {most}, {where}"
            log.warning("%s: %s; WAV of floats keeps them", self.path, told)

    def _clipped(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """A block of shape (channels, n), clipped to full scale; clipped samples are counted."""
        levels = np.abs(block)
        if count := int(np.count_nonzero(levels > 1.0)):
            self.clipped += count
            channel, frame = np.unravel_index(np.argmax(levels), levels.shape)
            self._loudest = max(self._loudest, (float(levels[channel, frame]), self.frames + int(frame), int(channel)))
            block = np.clip(block, -1.0, 1.0)
        return block

    def abandon(self) -> None:
        """Remove the temporary file; a file that existed under the name before is untouched."""
        try:
            self._opened.close()
        except (soundfile.LibsndfileError, OSError):
            pass  # the disk is full, and the rest is not wanted
        finally:
            self._part.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns failures into errors of one line, and removes the file."""
        try:
            yield
        except (soundfile.LibsndfileError, OSError) as error:
            self.abandon()
            raise AudioFileError(f"{self.path}: cannot be written: {reason(error)}") from error


def check_output(path: Path, channels: int, sources: Sequence[str | Path] = ()) -> str:
    """Check whether a file can be written, before any work is done.

    Returns:
        The suffix in lower case, one of WRITABLE.

    Raises:
        AudioFileError: naming the first thing that is wrong.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise AudioFileError(f"{path}: expected a .wav or .flac file, got {suffix or 'no suffix'}")
    if suffix == ".flac" and channels > FLAC_CHANNELS:
        raise AudioFileError(f"{path}: FLAC: expected at most {FLAC_CHANNELS} channels, got {channels}; write .wav")
    if problem := target_problem(path):
        raise AudioFileError(f"{path}: {problem}")
    try:
        for source in sources:
            if path.exists() and Path(source).exists() and path.samefile(source):
                raise AudioFileError(f"{path}: is the input itself; choose another name for the output")
    except OSError as error:  # the name is too long
        raise AudioFileError(f"{path}: cannot be written: {reason(error)}") from error
    return suffix


def reason(error: Exception) -> str:
    """Why a file cannot be written."""
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else getattr(error, "strerror", None)
    return str(text or error).rstrip(".")
