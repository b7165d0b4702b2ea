"""Sound files, block by block: WAV, FLAC, OGG and MP3 in as stereo, WAV and FLAC out with any number of channels."""

from __future__ import annotations

import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

READABLE = (".wav", ".flac", ".ogg", ".mp3")
WRITABLE = (".wav", ".flac")

FLAC_CHANNELS = 8
"""The most channels a FLAC frame can hold (RFC 9639, section 9.1.3)."""
WAV_BYTES = int(3.9 * 2**30)
"""Above this the sizes in a WAV header come too close to 32 bits, and RF64 (EBU Tech 3306) is written."""

log = logging.getLogger(__name__)

_RUN_UP_FRAMES = 16384  # two of the longest Vorbis blocks
_CUT_WAV = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_SIZE = 0xFFFFF000  # programs that stream a WAV write 0xFFFFFFFF, or a little less, for "until the end"


class AudioFileError(ValueError):
    """A sound file that cannot be read or written. The message is one line and names the file."""


class AudioReader:
    """A sound file as a stream of stereo blocks.

    A mono file plays on both sides. Memory does not grow with the length of the file.

    Attributes:
        path: the file.
        sample_rate_hz: of the file; nothing is resampled here.
        channels: 1 or 2, as the file has them; what is read always has two.
        frames: the length that the file declares, at least 1.
        title: the title tag, else the file's name without its suffix.
        warning: what is wrong with the file although it can be read (cut off, values that are no numbers), else
            None. It is logged too. Some damage shows only while reading.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            AudioFileError: missing, not sound, empty, or more than two channels.
        """
        self.path = Path(path)
        self.warning: str | None = None
        _require_sound(self.path)
        try:
            self._file = soundfile.SoundFile(self.path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(f"{self.path}: damaged, or not a WAV, FLAC, OGG or MP3 file") from error
        self.sample_rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames = int(self._file.frames)
        self.title = str(self._file.title).strip() or self.path.stem
        self._position = 0
        self._lossy = self._file.format in ("MP3", "OGG")
        problem = None
        if self.channels > 2:
            problem = f"has {self.channels} channels; accepted are 1 (mono) and 2 (stereo)"
        elif self.frames < 1:
            problem = "holds no sound"
        if problem:
            self._file.close()
            raise AudioFileError(f"{self.path}: {problem}")
        if _is_cut(self._file.extra_info):
            self._warn(f"the file is cut off; read is what there is, {self._seconds(self.frames)}")

    @property
    def position(self) -> int:
        """The frame that is read next."""
        return self._position

    def read(self, frames: int) -> NDArray[np.float32]:
        """Read on.

        Args:
            frames: how many, at least 0.

        Returns:
            Shape (2, n), full scale +-1; n is less than `frames` only at the end of the file.

        Raises:
            AudioFileError: the file is damaged here.
        """
        try:
            sound = self._file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioFileError(
                f"{self.path}: damaged or cut off after {self._seconds(self._position)} of {self._seconds(self.frames)}"
            ) from error
        self._position += len(sound)
        if len(sound) < frames and self._position < self.frames:
            there, declared = self._seconds(self._position), self._seconds(self.frames)
            self._warn(f"the file is cut off; read is what there is, {there} of {declared}")
        if not np.isfinite(sound).all():
            self._warn("some samples are no numbers and are played as silence")
            np.nan_to_num(sound, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        stereo = np.empty((2, len(sound)), np.float32)
        stereo[:] = sound.T  # one channel is broadcast to both sides
        return stereo

    def read_looped(self, frames: int) -> NDArray[np.float32]:
        """Read on, and from the beginning again without a gap whenever the end is reached.

        Returns:
            Shape (2, frames).

        Raises:
            AudioFileError: the file is damaged here.
        """
        parts: list[NDArray[np.float32]] = []
        missing = frames
        while missing > 0:
            part = self.read(missing)
            if part.shape[1] == 0:
                if self._position == 0:
                    raise AudioFileError(f"{self.path}: holds no sound that can be read")
                self.seek(0)
            parts.append(part)
            missing -= part.shape[1]
        return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.float32)

    def blocks(self, block_frames: int) -> Iterator[NDArray[np.float32]]:
        """From the present position to the end, in blocks of shape (2, block_frames); the last may be shorter."""
        while (block := self.read(block_frames)).shape[1]:
            yield block

    def seek(self, frame: int) -> None:
        """Go to a frame, 0..frames; values outside are clamped."""
        target = min(max(frame, 0), self.frames)
        try:
            if self._lossy:
                # Frames of MP3 and Vorbis lean on those before them. libsndfile gets this wrong when it is sent back
                # a little way (MP3) and for the first block after a jump (Vorbis), never from the top or running on.
                self._file.seek(0)
                run_up = min(target, _RUN_UP_FRAMES)
                self._file.seek(target - run_up)
                self._file.read(run_up, dtype="float32")
                self._position = int(self._file.tell())
            else:
                self._position = int(self._file.seek(target))
        except soundfile.LibsndfileError as error:
            raise AudioFileError(f"{self.path}: damaged, cannot go to {self._seconds(target)}") from error

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _warn(self, text: str) -> None:
        warning = f"{self.path}: {text}"
        if warning != self.warning:
            log.warning("%s", warning)
        self.warning = warning

    def _seconds(self, frames: int) -> str:
        return f"{frames / self.sample_rate_hz:.2f} s"


class NewFile(ABC):
    """A sound file that appears under its name only when it is complete.

    Use it in a `with` block: leaving the block puts the file in place, an exception removes what was written.

    Attributes:
        path: the file.
        frames: written so far.
        clipped: samples beyond full scale that had to be limited; they are told when the file is in place.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet.

        Args:
            path: where the file shall be.
        """
        self.path = path
        self.frames = 0
        self.clipped = 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._opened = ExitStack()

    @abstractmethod
    def _complete(self) -> None:
        """Write what is still to be written, and close the file."""

    def finish(self) -> None:
        """Put the complete file in place.

        Raises:
            AudioFileError: the last of it could not be written.
        """
        try:
            with self._writing():
                self._complete()
                self._temporary.replace(self.path)
        finally:
            self.abandon()
        if self.clipped:
            told = "samples were beyond full scale and are clipped; WAV of floats keeps them"
            log.warning("%s: %d %s", self.path, self.clipped, told)

    def abandon(self) -> None:
        """Remove what was written and not put in place; a file that stood under this name before is untouched."""
        # a full disk takes the last of it no more, and nobody wants it
        with suppress(soundfile.LibsndfileError, OSError):
            self._opened.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns what fails into a line, and leaves nothing behind."""
        try:
            yield
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:
            # soundfile asserts that every frame was taken; with a full disk fewer are
            self.abandon()
            raise AudioFileError(f"{self.path}: cannot be written: {_reason(error)}") from error


class AudioWriter(NewFile):
    """WAV of 32-bit floats, in which nothing clips, RF64 when it gets large; or FLAC of 24 bits."""

    def __init__(
        self,
        path: str | Path,
        sample_rate_hz: int,
        channels: int,
        expected_frames: int,
        sources: Sequence[str | Path] = (),
    ) -> None:
        """Check everything that can be known before the work, then open a temporary file beside the target.

        Args:
            path: where the file shall be; its suffix chooses the format.
            sample_rate_hz: of the sound.
            channels: at least 1; at most 8 for FLAC.
            expected_frames: about how many will come; decides between WAV and RF64.
            sources: the files that are being read, which must not be overwritten.

        Raises:
            AudioFileError: the suffix, the folder, the number of channels, or the target is one of the sources.
        """
        super().__init__(Path(path))
        self._channels = channels
        self._flac = check_output(self.path, channels, sources) == ".flac"
        self._limit_bytes: int | None = None
        container, subtype = "FLAC", "PCM_24"
        if not self._flac:
            large = 4 * channels * expected_frames > WAV_BYTES
            container, subtype = ("RF64" if large else "WAV"), "FLOAT"
            self._limit_bytes = None if large else 2**32 - 2**16
        with self._writing():
            file = soundfile.SoundFile(
                self._temporary, "w", sample_rate_hz, channels, format=container, subtype=subtype
            )
            self._file = self._opened.enter_context(file)

    def write(self, block: NDArray[np.float32]) -> None:
        """Append a block.

        Args:
            block: shape (channels, n), full scale +-1.

        Raises:
            AudioFileError: the disk is full, or a WAV grew beyond 4 GiB although fewer frames were expected.
        """
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise ValueError(f"block has shape {block.shape}, expected ({self._channels}, n)")
        if self._limit_bytes is not None and 4 * self._channels * (self.frames + block.shape[1]) > self._limit_bytes:
            raise AudioFileError(f"{self.path}: longer than announced, and a WAV file cannot pass 4 GiB")
        if self._flac:
            self.clipped += int(np.count_nonzero(np.abs(block) > 1.0))
            block = np.clip(block, -1.0, 1.0)
        with self._writing():
            self._file.write(np.ascontiguousarray(block.T))
        self.frames += block.shape[1]

    def _complete(self) -> None:
        self._file.close()
        written = soundfile.info(self._temporary).frames
        if written != self.frames:
            raise AudioFileError(f"{self.path}: cannot be written: {written} of {self.frames} frames arrived on disk")


def check_output(path: Path, channels: int, sources: Sequence[str | Path] = ()) -> str:
    """Whether a file can be written there, before any work is done.

    Returns:
        The suffix in lower case, one of WRITABLE.

    Raises:
        AudioFileError: naming the first thing that is wrong.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise AudioFileError(f"{path}: cannot write {suffix or 'a file without suffix'}; accepted are .wav and .flac")
    if suffix == ".flac" and channels > FLAC_CHANNELS:
        raise AudioFileError(f"{path}: FLAC holds at most {FLAC_CHANNELS} channels, not {channels}; write .wav")
    if not path.parent.is_dir():
        raise AudioFileError(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise AudioFileError(f"{path}: is a folder")
    if not os.access(path.parent, os.W_OK):
        raise AudioFileError(f"{path}: no permission to write into {path.parent}")
    for source in sources:
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise AudioFileError(f"{path}: is the input itself; choose another name for the output")
    return suffix


def _require_sound(path: Path) -> None:
    """Refuse what is no sound file by its first bytes: the decoders guess wildly, and the MP3 one prints."""
    if path.is_dir():
        raise AudioFileError(f"{path}: is a folder, not a sound file")
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError:
        raise AudioFileError(f"{path}: no such file") from None
    except OSError as error:
        raise AudioFileError(f"{path}: cannot be read: {error.strerror}") from error
    wave = head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE"
    mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)
    if not (wave or mp3 or head[:4] in (b"fLaC", b"OggS")):
        raise AudioFileError(f"{path}: not a sound file; accepted are WAV, FLAC, OGG and MP3")


def _is_cut(log: str) -> bool:
    """Whether libsndfile's account of a file says that its end is missing."""
    wave = _CUT_WAV.search(log)
    if wave:
        declared, there = int(wave[1]), int(wave[2])
        return there < declared < _UNKNOWN_SIZE
    return "lacks an end-of-stream bit" in log


def _reason(error: Exception) -> str:
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else getattr(error, "strerror", None)
    return str(text or "the disk may be full").rstrip(".")
