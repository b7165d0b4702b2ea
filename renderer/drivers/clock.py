"""Rendering by the computer's clock, for machines without a JACK server: nothing sounds, all else works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine import Engine

Sink = Callable[[NDArray[np.float32]], None]


class ClockDriver:
    """Calls the engine from a thread of its own, a block a period.

    Args:
        sample_rate_hz: of the timeline.
        period_frames: block length.
        sink: gets each block of feeds, float32 (speakers, period), valid during the call.
    """

    def __init__(self, sample_rate_hz: int, period_frames: int, sink: Sink | None = None) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.period_frames = period_frames
        self._sink = sink
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, engine: Engine, inputs: int, speakers: int) -> None:
        """Begins to render; `inputs` counts the engine's mixture and direct inputs, which are silent here."""
        self._thread = threading.Thread(target=self._run, args=(engine, inputs, speakers), name="clock", daemon=True)
        self._thread.start()

    def _run(self, engine: Engine, inputs: int, speakers: int) -> None:
        silence = np.zeros((inputs, self.period_frames), np.float32)
        feeds = np.zeros((speakers, self.period_frames), np.float32)
        period_s = self.period_frames / self.sample_rate_hz
        due = time.monotonic()
        while not self._stop.is_set():
            engine.process(silence, feeds)
            if self._sink is not None:
                self._sink(feeds)
            due += period_s
            wait = due - time.monotonic()
            if wait > 0:
                self._stop.wait(wait)
            elif wait < -1.0:  # a suspended machine must not make up for lost time
                due = time.monotonic()

    def close(self) -> None:
        """Ends the thread after the block it is in."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
