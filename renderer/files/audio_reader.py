"""Reads audio files block by block: WAV, FLAC, OGG and MP3 as stereo, to the end of their actual contents."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.renderer.files.contents import ContentsError, Stream, contents_of
from stemfield.renderer.files.decoder_messages import decoder_messages
from stemfield.renderer.files.paths import AudioFileError, open_source
from stemfield.renderer.files.spans import Span, SpanFile, Window

READABLE: Final = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3")

_PIECE_FRAMES: Final = 1 << 16

log = logging.getLogger(__name__)


class AudioReader:
    """A sound file as a stream of stereo blocks.

    A mono file plays on both sides. Memory does not grow with the length of the file. Files are decoded once, from the
    beginning on, because decoders give other samples after a seek.

    Attributes:
        path: the file.
        sample_rate_hz: sample rate of the file; nothing is resampled here.
        channels: 1 or 2 in the file; blocks always have two.
        frames: length, at least 1, by its frames, pages and chunks, whatever its header says.
        title: the title tag, else the file's name without its suffix.
        warnings: faults of a file that can be read nevertheless (truncated, NaN). They are also logged when reading
            begins. Some damage shows only while reading.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            AudioFileError: missing, not an audio file, empty, or more than two channels.
        """
        self.path = Path(path)
        self.warnings: list[str] = []
        with ExitStack() as stack:
            self._file = stack.enter_context(open_source(self.path))
            with self._reading():
                self._streams, title, notes = contents_of(Window(self._file))
            facts = [self._look(stream) for stream in self._streams]
            self.sample_rate_hz, self.channels = facts[0].rate_hz, max(fact.channels for fact in facts)
            self.frames = sum(fact.frames for fact in facts)
            self._check(facts)
            # a tag may hold anything, and a title goes into XML
            title = facts[0].title.strip() or title or self.path.stem
            self.title = title.encode("utf-8", "replace").decode()
            self._notes = [f"{self.path}: {note}" for note in notes]
            self.warnings += self._notes
            stack.pop_all()
        self._position = 0
        self._next = 0
        self._stream: _Decoder | None = None

    def read(self, frames: int) -> NDArray[np.float32]:
        """Read on.

        Args:
            frames: number of frames, at least 0.

        Returns:
            Shape (2, n), full scale +-1; n is less than `frames` only at the end of the file.

        Raises:
            AudioFileError: the file is damaged here.
        """
        while self._notes:
            log.warning("%s", self._notes.pop(0))
        parts: list[NDArray[np.float32]] = []
        missing = frames
        while missing > 0 and (part := self._read_on(missing)) is not None:
            parts.append(part)
            missing -= part.shape[1]
        if missing and self._position < self.frames:
            there, declared = self._seconds(self._position), self._seconds(self.frames)
            self._warn(f"the file is cut off; read is what there is, {there} of {declared}")
        return np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), np.float32)

    def _read_on(self, most: int) -> NDArray[np.float32] | None:
        """The next frames; None at the end."""
        while True:
            if self._stream is None:
                if self._next == len(self._streams):
                    return None
                with self._reading(), decoder_messages():
                    self._stream = _Decoder(self._file, self._streams[self._next].spans)
                self._next += 1
            with self._reading(), decoder_messages() as told:
                sound = self._stream.read_on(min(most, _PIECE_FRAMES))
            if told:
                self._warn("some of its sound is damaged, and is not as it was")
            if len(sound):
                break
            self._stream.close()
            self._stream = None
        self._position += len(sound)
        if not np.isfinite(sound).all():
            self._warn("some samples are no numbers and are played as silence")
            np.nan_to_num(sound, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        loudest = self._streams[self._next - 1].loudest
        if np.abs(sound).max() > loudest:
            self._warn("it is damaged: some samples are louder than any sound, and are played as silence")
            sound[np.abs(sound) > loudest] = 0.0
        stereo = np.empty((2, len(sound)), np.float32)
        stereo[:] = sound.T  # one channel is broadcast to both sides
        return stereo

    def read_looped(self, frames: int) -> NDArray[np.float32]:
        """Read on, and restart from the beginning without a gap at the end.

        Returns:
            Shape (2, frames).

        Raises:
            AudioFileError: the file is damaged here.
        """
        parts = [self.read(frames)]
        missing = frames - parts[0].shape[1]
        while missing:
            if self._position == 0:
                raise AudioFileError(f"{self.path}: holds no sound that can be read")
            self.rewind()
            parts.append(self.read(missing))
            missing -= parts[-1].shape[1]
        return np.concatenate(parts, axis=1)

    def blocks(self, block_frames: int) -> Iterator[NDArray[np.float32]]:
        """From the current position to the end, in blocks of shape (2, block_frames); the last may be shorter."""
        while (block := self.read(block_frames)).shape[1]:
            yield block

    def rewind(self) -> None:
        """Go back to the beginning."""
        self._end_stream()
        self._position = self._next = 0

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        self._end_stream()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _look(self, stream: Stream) -> _Facts:
        """Reads the parameters of a stream."""
        try:
            with decoder_messages(), _Decoder(self._file, stream.spans) as decoder:
                facts = _Facts(int(decoder.samplerate), decoder.channels, int(decoder.frames), str(decoder.title))
                if stream.counted:
                    return facts
                frames = 0
                while count := len(decoder.read_on(_PIECE_FRAMES)):
                    frames += count
                return replace(facts, frames=frames)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioFileError(f"{self.path}: damaged, or not a WAV, FLAC, OGG or MP3 file") from error

    def _check(self, facts: Sequence[_Facts]) -> None:
        rates = list(dict.fromkeys(fact.rate_hz for fact in facts))
        if self.channels > 2:
            raise AudioFileError(f"{self.path}: expected 1 (mono) or 2 (stereo) channels, got {self.channels}")
        if len(rates) > 1:
            told = ", then ".join(f"{rate_hz} Hz" for rate_hz in rates)
            raise AudioFileError(f"{self.path}: its sample rate changes: {told}; convert it to one rate")
        if self.frames < 1:
            raise AudioFileError(f"{self.path}: holds no sound")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turns failures into errors of one line."""
        try:
            yield
        except ContentsError as error:
            raise AudioFileError(f"{self.path}: {error}") from error
        except OSError as error:
            raise AudioFileError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        except soundfile.LibsndfileError as error:
            raise AudioFileError(
                f"{self.path}: damaged or cut off after {self._seconds(self._position)} of {self._seconds(self.frames)}"
            ) from error

    def _warn(self, text: str) -> None:
        warning = f"{self.path}: {text}"
        if warning not in self.warnings:
            self.warnings.append(warning)
            log.warning("%s", warning)

    def _seconds(self, frames: int) -> str:
        return f"{frames / self.sample_rate_hz:.2f} s"


@dataclass(frozen=True, slots=True)
class _Facts:
    """Parameters of a stream by its decoder."""

    rate_hz: int
    channels: int
    frames: int
    title: str


class _Decoder(soundfile.SoundFile):  # type: ignore[misc]
    """Reads a stream from beginning to end, without soundfile's seek after a block, which loses MP3's bit reservoir."""

    def __init__(self, file: BinaryIO, spans: Sequence[Span]) -> None:
        self._bytes = SpanFile(file, spans)
        super().__init__(self._bytes)
        self._left = int(self.frames)

    def seekable(self) -> bool:
        """Never seeks."""
        return False

    def read_on(self, most: int) -> NDArray[np.float32]:
        """Shape (n, channels); nothing at the end.

        Raises:
            LibsndfileError: it is damaged here.
            OSError: the file cannot be read.
        """
        # a FLAC decoder that is asked for more reads behind the last frame, and fails
        sound: NDArray[np.float32] = self.read(min(most, self._left), dtype="float32", always_2d=True)
        if self._bytes.error is not None:
            raise self._bytes.error
        self._left -= len(sound)
        return sound
