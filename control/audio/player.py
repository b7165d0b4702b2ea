"""Plays a music file into the engine, in addition to its inputs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from stemfield.control.faults import Contained
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader

BLOCK_FRAMES = 8192
REFILL_S = 0.1

log = logging.getLogger(__name__)


class Player:
    """A thread that keeps the engine's player some seconds ahead with a music file, repeated without a gap if asked.

    Raises:
        AudioFileError: the file cannot be played.
    """

    def __init__(self, path: Path, *, loop: bool) -> None:
        self._reader = AudioReader(path)
        self._loop = loop
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, engine: Engine) -> None:
        """Play from the start of the file."""
        self._reader.rewind()
        self._thread = threading.Thread(target=self._run, args=(engine,), name="player", daemon=True)
        self._thread.start()

    def _run(self, engine: Engine) -> None:
        with Contained("the music file cannot be played"):
            self._play(engine)

    def _play(self, engine: Engine) -> None:
        engine.playing(True)
        resampler = None
        if self._reader.sample_rate_hz != engine.sample_rate_hz:
            resampler = soxr.ResampleStream(self._reader.sample_rate_hz, engine.sample_rate_hz, 2)
        try:
            while not self._stop.is_set():
                block = self._reader.read_looped(BLOCK_FRAMES) if self._loop else self._reader.read(BLOCK_FRAMES)
                ended = block.shape[1] == 0
                if resampler is not None:
                    block = resampler.resample_chunk(np.ascontiguousarray(block.T), last=ended).T
                self._offer(engine, block)
                if ended:
                    break
        except AudioFileError as error:
            log.error("player: %s", error)
        finally:
            engine.playing(False)

    def _offer(self, engine: Engine, block: NDArray[np.float32]) -> None:
        while block.shape[1] and not self._stop.is_set():
            taken = engine.play(block)
            block = block[:, taken:]
            if block.shape[1]:
                self._stop.wait(REFILL_S)

    def pause(self) -> None:
        """End the thread; `start` begins again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stop.clear()

    def close(self) -> None:
        """End the thread and close the file."""
        self.pause()
        self._reader.close()
