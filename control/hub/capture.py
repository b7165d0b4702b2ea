"""Writes the audio of every object to a file while it plays, in a thread of its own.

The file begins at a known frame of the engine, which aligns it with the recorded control. The audio is read from the
engine, with any driver, because a JACK client could record loudspeakers only.
"""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

from stemfield.control.faults import Contained, cause
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.files.audiofile import AudioFileError, AudioWriter

MAX_BYTES = 64 << 30
MAX_CAPTURES = 16
LEFT_FREE_BYTES = 1 << 30
READ_S = 0.1
GONE_S = 3.0
"""Timeout without calls of the engine, after which its driver is gone."""
_BLOCK_FRAMES = 8192


class Capture:
    """A running capture of what an engine plays; the file appears when it is complete.

    Attributes:
        problem: why it ended by itself, or nothing.
        runs: whether audio is being written.

    Raises:
        RefusedError: nothing calls the engine, or there are too many captures.
        AudioFileError: the file cannot be written.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        if engine.frame_at(time.monotonic()) <= 0:
            raise RefusedError("nothing is playing: there is no sound to capture")
        self._latest_s = 0.0
        self.problem = ""
        limit_frames = MAX_BYTES // (4 * engine.sources)
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(set(path.parent.glob("*.wav")) - {path}) >= MAX_CAPTURES:
            raise RefusedError(f"expected at most {MAX_CAPTURES} captures in {path.parent}: delete one")
        self._writer = AudioWriter(path, engine.sample_rate_hz, engine.sources)
        self._stopping, self._finishing = threading.Event(), threading.Event()
        self.runs = True
        self._first = engine.capture.start()
        self._last = self._first + limit_frames
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def seconds(self) -> float:
        """Time in the file at which a change made now is audible; never decreases."""
        frames = self._engine.frame_at(time.monotonic()) - self._first
        self._latest_s = max(self._latest_s, frames / self._engine.sample_rate_hz)
        return self._latest_s

    def stop(self) -> None:
        """End it now, without waiting."""
        self._stopping.set()

    def finish(self) -> None:
        """End it, and wait until the file is complete."""
        self._stopping.set()
        self._finishing.set()
        self._thread.join()

    def _run(self) -> None:
        with Contained() as fault:
            try:
                with self._writer:
                    try:
                        self._write()
                    finally:
                        self._engine.capture.stop()
                        self.runs = False
                    self._finishing.wait()
            except AudioFileError as error:
                self.problem = str(error)
        if fault.error is not None:
            self.problem = f"{self._writer.path}: {cause(fault.error)}"

    def _write(self) -> None:
        ring, at, called_s = self._engine.capture, self._first, time.monotonic()
        while not self._stopping.wait(READ_S) or (ring.end or 0) > at:
            end = ring.end or 0
            while at < end:
                block = ring.read(at, min(at + _BLOCK_FRAMES, end))
                if block is None:
                    self.problem = "the disk is too slow: the rest is lost"
                    return
                self._writer.write(block)
                at += block.shape[1]
            if self._engine.frame_at(time.monotonic()) > 0:
                called_s = time.monotonic()
            elif time.monotonic() - called_s > GONE_S:
                self.problem = "the audio driver is gone: it ends here"
            if shutil.disk_usage(self._writer.path.parent).free < LEFT_FREE_BYTES:
                self.problem = f"less than {LEFT_FREE_BYTES >> 30} GiB of disk space: it ends here"
            if at >= self._last:
                self.problem = f"expected at most {MAX_BYTES >> 30} GiB: it ends here"
            if self._stopping.is_set() or self.problem:
                return
