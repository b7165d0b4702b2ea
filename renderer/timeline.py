"""The shared memory between the engine and the separation worker: the mixture goes out, stems come back.

Both directions lie on one timeline of absolute frame positions, counted from the engine's start. Each side writes its
own frames and then advances an end mark (a release store), and neither waits: a reader requests positions, which exist
or not. The memory is an anonymous file (memfd) that the worker inherits as a descriptor, so that nothing is left behind
however either side dies.

Layout: a header of 64 int64 words, then float32 mixture[2][frames], stems[2 * stems][frames] and leakage[2][frames],
circular: what the stems have in common up to each frame (`dsp.leakage.LeakageMeter`).
"""

from __future__ import annotations

import mmap
import os
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.leakage import ASSUMED, KINDS, LeakageMeter
from stemfield.renderer.dsp.silence import pass_silence
from stemfield.renderer.native.operations import load, store

MAGIC: Final = 0x53544D46_00000002
HEADER_WORDS: Final = 64
# Words written by different sides are on different cache lines.
WORD_MAGIC, WORD_STEMS, WORD_FRAMES, WORD_RATE = 0, 1, 2, 3
WORD_MIXTURE_END: Final = 8
WORD_STEMS_END: Final = 16
WORD_STEMS_START: Final = 24
WORD_BEATS, WORD_LATE, WORD_LOAD, WORD_SEPARATED = 32, 33, 34, 35
WORD_THRESHOLD: Final = 40
WORD_OWNER: Final = 48
WORD_SUCCESSOR, WORD_SUCCESSOR_POSITION = 56, 57
NEVER: Final = 1 << 62
"""`stems_start` while no stem is valid."""


class TimelineError(ValueError):
    """The descriptor does not hold a timeline."""


def read_around(ring: NDArray[np.float32], start: int, frames: int) -> NDArray[np.float32]:
    """A copy of the positions [start, start + frames) of a ring, shape (n, capacity); frames are at most its capacity.

    It takes equally long after years: `np.take` would wrap as often as the ring did.
    """
    at = start % ring.shape[1]
    first = min(frames, ring.shape[1] - at)
    return np.concatenate([ring[:, at : at + first], ring[:, : frames - first]], axis=1)


class _Word:
    """A whole number in the header, as an attribute."""

    def __init__(self, word: int) -> None:
        self._word = word

    def __get__(self, timeline: Timeline, _kind: type[Timeline]) -> int:
        return int(load(timeline.word_address(self._word)))

    def __set__(self, timeline: Timeline, value: int) -> None:
        store(timeline.word_address(self._word), value)


class Timeline:
    """One shared timeline of a stereo mixture and its stereo stems.

    Attributes:
        stems: number of stereo stems.
        frames: capacity of the timeline, a power of two; positions older than that are overwritten.
        fd: file descriptor for the worker.
        owner: process id of the worker that may write stems; 0 while there was none.
        successor: process id of a successor that is ready to take over; 0 for none.
        successor_position: next mixture frame that the successor reads, as last reported.
        late: how often the worker fell behind and skipped to the present; written by the worker.
        separated: number of mixture frames that went through a model; written by the worker.
    """

    owner = _Word(WORD_OWNER)
    successor = _Word(WORD_SUCCESSOR)
    successor_position = _Word(WORD_SUCCESSOR_POSITION)
    late = _Word(WORD_LATE)
    separated = _Word(WORD_SEPARATED)

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size < 8 * HEADER_WORDS:
            message = f"descriptor {fd}: {size} bytes are no timeline"
            raise TimelineError(message)
        self.fd = fd
        self._memory = mmap.mmap(fd, size)
        self._words = np.frombuffer(self._memory, np.int64, HEADER_WORDS)
        self._floats = self._words.view(np.float64)
        self.stems = int(self._words[WORD_STEMS])
        self.frames = int(self._words[WORD_FRAMES])
        if self._words[WORD_MAGIC] != MAGIC or size != _size(self.stems, self.frames):
            message = f"descriptor {fd}: not a timeline of this version"
            raise TimelineError(message)
        self._header_address = int(self._words.ctypes.data)
        audio = np.frombuffer(self._memory, np.float32, offset=8 * HEADER_WORDS).reshape(-1, self.frames)
        self._mixture = audio[:2]
        self._stems = audio[2:-KINDS]
        self._leakage = audio[-KINDS:]
        self._meter: LeakageMeter | None = None

    @classmethod
    def create(cls, stems: int, frames: int = 1 << 17, sample_rate_hz: int = 48_000) -> Self:
        """A new, silent timeline.

        Args:
            stems: number of stereo stems, 0 or more.
            frames: capacity, a power of two.
            sample_rate_hz: sample rate of the timeline.
        """
        if stems < 0 or frames < 1 or frames & (frames - 1):
            message = f"a timeline needs stems >= 0 and frames a power of two, not {stems} and {frames}"
            raise TimelineError(message)
        fd = os.memfd_create("stemfield-timeline", os.MFD_CLOEXEC)
        os.ftruncate(fd, _size(stems, frames))
        header = np.zeros(HEADER_WORDS, np.int64)
        header[[WORD_MAGIC, WORD_STEMS, WORD_FRAMES, WORD_RATE]] = MAGIC, stems, frames, sample_rate_hz
        header[WORD_STEMS_START] = NEVER
        os.pwrite(fd, header.tobytes(), 0)
        made = cls(fd)
        made._leakage[:] = np.array(ASSUMED)[:, None]
        return made

    @classmethod
    def attach(cls, fd: int) -> Self:
        """The timeline behind an inherited descriptor.

        Raises:
            TimelineError: the descriptor holds something else.
        """
        made = cls(fd)
        # loading the compiled meter takes a quarter of a second, too long for the first stems of a successor
        LeakageMeter(int(made._words[WORD_RATE]), made.stems).measure(np.zeros((2 * made.stems, 1), np.float32))
        nothing = np.zeros(4, np.int64)
        addresses = range(nothing.ctypes.data, nothing.ctypes.data + nothing.nbytes, 8)
        pass_silence(made._mixture, made._stems, made._leakage, *addresses, 0, 0, 0)
        return made

    def word_address(self, word: int) -> int:
        """Address of a header word, for compiled code."""
        return self._header_address + 8 * word

    @property
    def mixture_address(self) -> int:
        """Address of mixture[2][frames], for compiled code."""
        return int(self._mixture.ctypes.data)

    @property
    def stems_address(self) -> int:
        """Address of stems[2 * stems][frames], for compiled code."""
        return int(self._stems.ctypes.data)

    def mixture_end(self) -> int:
        """The position after the newest mixture frame."""
        return int(load(self.word_address(WORD_MIXTURE_END)))

    def read_mixture(self, start: int, frames: int) -> NDArray[np.float32]:
        """A copy of mixture frames [start, start + frames), shape (2, frames).

        They must be older than `mixture_end()` and younger than it by less than half the capacity.
        """
        return read_around(self._mixture, start, frames)

    def restart_stems(self, position: int) -> None:
        """Forgets every stem frame; the next one written is that of `position`."""
        # The engine reads the end before the start: in this order it can never take old frames for new ones.
        store(self.word_address(WORD_STEMS_START), NEVER)
        store(self.word_address(WORD_STEMS_END), position)

    def write_stems(self, stems: NDArray[np.float32]) -> None:
        """Appends stems, shape (stems, 2, n), at `stems_end()`."""
        count = stems.shape[-1]
        if stems.shape != (self.stems, 2, count):
            message = f"stems have shape {stems.shape}, the timeline takes ({self.stems}, 2, n)"
            raise TimelineError(message)
        start = self.stems_end()
        rows = stems.reshape(2 * self.stems, count)
        at = start % self.frames
        first = min(count, self.frames - at)
        leakage = self._leakage_meter(start).measure(rows)
        for ring, written in ((self._stems, rows), (self._leakage, leakage)):
            ring[:, at : at + first] = written[:, :first]
            ring[:, : count - first] = written[:, first:]
        store(self.word_address(WORD_STEMS_END), start + count)
        if self._words[WORD_STEMS_START] == NEVER:
            store(self.word_address(WORD_STEMS_START), start)

    def write_silence(self, nap_s: float = 0.0, limit_s: float = 0.0) -> int:
        """Appends silent stems for the mixture's frames from `stems_end()` on, up to the first one that sounds.

        It equals `write_stems` with zeros, but costs less; where that would still depend on earlier stems, it does
        nothing. At most half the capacity of the timeline may be missing.

        Args:
            nap_s: time to sleep before it looks for new frames again, with a heartbeat each time.
            limit_s: time after which it returns; it returns earlier for a sound or a waiting successor.

        Returns:
            The new `stems_end()`.
        """
        start = self.stems_end()
        return self._pass_silence(start, nap_s, limit_s) if self._leakage_meter(start).is_empty else start

    def _pass_silence(self, start: int, nap_s: float, limit_s: float) -> int:
        starts = self._words[WORD_STEMS_START] == NEVER
        naps = 0 if starts or nap_s <= 0.0 else round(limit_s / nap_s)
        addresses = map(self.word_address, (WORD_MIXTURE_END, WORD_STEMS_END, WORD_SUCCESSOR, WORD_BEATS))
        rings = self._mixture, self._stems, self._leakage
        end = int(pass_silence(*rings, *addresses, start, round(1e6 * nap_s), naps))
        if end > start and starts:
            store(self.word_address(WORD_STEMS_START), start)
        return end

    def _leakage_meter(self, start: int) -> LeakageMeter:
        """The meter of this writer, which continues from the last shares of the writer before."""
        if self._meter is None:
            begin = ASSUMED
            if self._words[WORD_STEMS_START] != NEVER:
                alike, opposite = self._leakage[:, (start - 1) % self.frames].tolist()
                begin = alike, opposite
            self._meter = LeakageMeter(int(self._words[WORD_RATE]), self.stems, begin)
        return self._meter

    def blend_stems(self, stems: NDArray[np.float32], share: NDArray[np.float32]) -> None:
        """Cross-fades the newest stem frames to others.

        Args:
            stems: new stems, shape (stems, 2, n), of the positions [stems_end() - n, stems_end()), which the engine
                must not have reached.
            share: share of the new ones, 0..1, shape (n,).
        """
        count = stems.shape[-1]
        at = np.arange(self.stems_end() - count, self.stems_end()) % self.frames
        there = self._stems[:, at]
        self._stems[:, at] = there + share * (stems.reshape(2 * self.stems, count) - there)

    def stems_end(self) -> int:
        """The position after the newest stem frame."""
        return int(load(self.word_address(WORD_STEMS_END)))

    @property
    def threshold(self) -> float:
        """The global minimum for mask estimates, 0..1: set by control, read by the worker."""
        return float(self._floats[WORD_THRESHOLD])

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._floats[WORD_THRESHOLD] = value

    def beat(self) -> None:
        """Counts a heartbeat of the worker."""
        self._words[WORD_BEATS] += 1

    def beats(self) -> int:
        """Heartbeats of the worker so far."""
        return int(self._words[WORD_BEATS])

    @property
    def load(self) -> float:
        """Share of real time that the worker computes, 0..1 and more; written by the worker."""
        return float(self._floats[WORD_LOAD])

    @load.setter
    def load(self, value: float) -> None:
        self._floats[WORD_LOAD] = value

    def close(self) -> None:
        """Closes the descriptor; views held by an engine keep the memory alive."""
        os.close(self.fd)


def _size(stems: int, frames: int) -> int:
    return 8 * HEADER_WORDS + 4 * frames * (2 * (1 + stems) + KINDS)
