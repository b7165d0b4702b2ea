"""Rendering by the computer's clock, without a sound server: nothing sounds, everything else works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine.engine import Engine

POLL_S = 0.0002
PATIENCE_S = 2.0
"""Timeout of a freewheeling clock for a separation that has kept up so far: it plays as far ahead as the latency
allows, and the margin in which a worker may be late in real time is used up."""

Sink = Callable[[NDArray[np.float32]], None]


class ClockDriver:
    """Calls the engine from its own thread, one block per period.

    Args:
        sample_rate_hz: sample rate of the timeline.
        period_frames: block length.
        sink: receives each block of feeds, float32 (outputs, period), valid during the call.
        freewheel: render each block as soon as its stems are available, at the latest when it is due.
    """

    def __init__(
        self, sample_rate_hz: int, period_frames: int, sink: Sink | None = None, *, freewheel: bool = False
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.period_frames = period_frames
        self._sink = sink
        self._freewheel = freewheel
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, engine: Engine, inputs: int) -> None:
        """Starts rendering; `inputs` is the number of mixture and direct inputs, which are silent here."""
        self._thread = threading.Thread(target=self._run, args=(engine, inputs), name="clock", daemon=True)
        self._thread.start()

    def _run(self, engine: Engine, inputs: int) -> None:
        silence = np.zeros((inputs, self.period_frames), np.float32)
        feeds = np.zeros((engine.outputs, self.period_frames), np.float32)
        period_s = self.period_frames / self.sample_rate_hz
        due, patience_s = time.monotonic(), 0.0
        while not self._stop.is_set():
            engine.process(silence, feeds)
            if self._sink is not None:
                self._sink(feeds)
            due += period_s
            if self._freewheel and self._is_ready(engine, due + patience_s):
                due, patience_s = time.monotonic(), PATIENCE_S
                continue
            patience_s = 0.0
            wait = due - time.monotonic()
            if wait > 0:
                self._stop.wait(wait)
            elif wait < -1.0:  # lost time is not made up for after a suspend or a wait
                due = time.monotonic()

    def _is_ready(self, engine: Engine, until_s: float) -> bool:
        """Whether the next block can be rendered before this time; a worker that is gone is not waited for."""
        while not engine.is_ready(self.period_frames):
            if time.monotonic() >= until_s or self._stop.is_set():
                return False
            time.sleep(POLL_S)
        return True

    def close(self) -> None:
        """Ends the thread after its current block."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
