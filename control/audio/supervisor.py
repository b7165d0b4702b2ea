"""Keeps the separation worker alive: replaces one that ends, hangs or cannot load its model, with growing delays.

The music does not depend on it: without a worker the engine plays the mixture. A worker with another model starts
beside the current one and takes over without a gap; if it fails, the current one continues.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from stemfield.renderer.timeline import Timeline
from stemfield.separation.worker.process import WorkerProcess

FIRST_DELAY_S = 0.2
MAX_DELAY_S = 30.0
HEALTHY_AFTER_S = 30.0
TIMEOUT_S = 3.0
"""Time without a sign of life after which a worker counts as hung."""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 2.0
EXIT_BAD_MODEL = 2
EXIT_TOO_SLOW = 4

Start = Callable[[bool], WorkerProcess]
"""Starts a worker, which takes over from the current one if its argument is true."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Successor:
    """A worker that takes over from the current one as soon as it is warm."""

    worker: WorkerProcess
    start: Start
    """Starts others like it, should it end later."""
    timeout_s: float
    begun_s: float
    ended: Callable[[bool], None]
    """Called with whether it took over."""


class Supervisor:
    """Supervises one worker.

    `check` and `replace` never wait and belong to one thread, which lives as long as the worker is to live; `close` may
    be called from another.

    Args:
        timeline: shared memory in which the worker gives signs of life.
        start: starts a worker.
        timeout_s: longest time between two signs of life; longer than one call of the model.

    Attributes:
        restarts: number of workers that had to be replaced.
        problem: why there is no worker, or empty.
    """

    def __init__(self, timeline: Timeline, start: Start, timeout_s: float = TIMEOUT_S) -> None:
        self._timeline = timeline
        self._start = start
        self._timeout_s = timeout_s
        self._worker: WorkerProcess | None = None
        self._successor: Successor | None = None
        self._ending: WorkerProcess | None = None
        self._kill_s = 0.0
        self._due_s = 0.0
        self._delay_s = FIRST_DELAY_S
        self._started_s = 0.0
        self._beats = 0
        self._beat_s = 0.0
        self._alive = False
        self._has_played = False
        """Whether a worker of this model was fast enough here: one that is too slow later met a busy moment."""
        self._closed = False
        self._lock = threading.Lock()
        self.restarts = 0
        self.problem = ""

    def check(self, now_s: float) -> None:
        """Look after the worker; call it a few times a second with a monotonic time."""
        with self._lock:
            if self._closed or self._old_one_is_ending(now_s):
                return
            if self._successor is not None:
                self._check_successor(self._successor, now_s)
            if self._worker is None:
                if now_s >= self._due_s:
                    self._begin(now_s)
            elif (status := self._worker.poll()) is not None:
                self._worker.wait(STOP_TIMEOUT_S)  # it has ended; this reads its last message
                reason = _reason(status, self._worker.last_message)
                self._restart(now_s, reason, again=status != EXIT_TOO_SLOW or self._has_played)
            else:
                self._check_beats(self._worker, now_s)

    def replace(
        self,
        start: Start,
        now_s: float,
        timeout_s: float = TIMEOUT_S,
        ended: Callable[[bool], None] = lambda _taken: None,
    ) -> None:
        """Replace the worker by one that is started differently: with another model.

        A worker that plays continues until the new one takes over, or for good if the new one fails.

        Args:
            start: starts the new worker, and others like it later.
            now_s: monotonic time.
            timeout_s: longest time between two signs of life of the new worker.
            ended: called once with whether it has taken over; not at all if another replacement comes first.
        """
        with self._lock:
            self._drop_successor()
            if self._worker is not None and self._alive:
                try:
                    self._successor = Successor(start(True), start, timeout_s, now_s, ended)
                except OSError as error:
                    self._refuse_successor(f"it cannot be started: {error.strerror}", ended)
                return
            ended(True)
            self._start, self._due_s, self._delay_s, self._timeout_s = start, now_s, FIRST_DELAY_S, timeout_s
            self._has_played = False
            if self._worker is not None:
                if self._ending is not None:  # the one before has had its time
                    self._ending.kill()
                    self._ending.wait(STOP_TIMEOUT_S)
                self._worker.terminate()
                self._ending, self._worker, self._kill_s = self._worker, None, now_s + STOP_TIMEOUT_S

    def close(self) -> None:
        """End the worker, and wait for that."""
        with self._lock:
            self._closed = True
            self._drop_successor()
            workers = [worker for worker in (self._worker, self._ending) if worker is not None]
            self._worker = self._ending = None
        for worker in workers:
            worker.terminate()
            try:
                worker.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(STOP_TIMEOUT_S)

    def _check_successor(self, successor: Successor, now_s: float) -> None:
        """Make the successor the worker when it has taken over, or when the current worker has ended."""
        worker, timeout_s = successor.worker, START_TIMEOUT_S + successor.timeout_s
        alone = self._worker is None or self._worker.poll() is not None
        if worker.poll() is not None:
            worker.wait(STOP_TIMEOUT_S)
            self._refuse_successor(worker.last_message or "it ended at its start", successor.ended)
        elif alone or self._timeline.owner == worker.pid:
            self._timeline.owner = worker.pid
            self._ending, self._kill_s = self._worker, now_s + STOP_TIMEOUT_S
            self._worker, self._start, self._timeout_s = worker, successor.start, successor.timeout_s
            self._successor, self._delay_s = None, FIRST_DELAY_S
            self._expect_beats(now_s)
            successor.ended(True)
        elif now_s - successor.begun_s > timeout_s:
            self._refuse_successor(f"it was not ready after {timeout_s:.0f} s", successor.ended)

    def _refuse_successor(self, reason: str, ended: Callable[[bool], None]) -> None:
        self._drop_successor()
        log.warning("separation worker of another model: %s; the current one plays on", reason)
        self.problem = reason
        ended(False)

    def _drop_successor(self) -> None:
        if self._successor is not None:
            self._successor.worker.kill()
            self._successor.worker.wait(STOP_TIMEOUT_S)
            self._successor = None
        self._timeline.successor = 0

    def _old_one_is_ending(self, now_s: float) -> bool:
        """Whether to wait for it: two workers must not write to one timeline."""
        if self._ending is not None:
            if self._ending.poll() is not None:
                self._ending.wait(STOP_TIMEOUT_S)
                self._ending = None
            elif now_s > self._kill_s:
                self._ending.kill()
        return self._ending is not None

    def _check_beats(self, worker: WorkerProcess, now_s: float) -> None:
        beats = self._timeline.beats()
        if beats != self._beats:
            self._beats, self._beat_s, self._alive, self._has_played = beats, now_s, True, True
        timeout_s = self._timeout_s if self._alive else START_TIMEOUT_S + self._timeout_s
        if now_s - self._beat_s > timeout_s:
            worker.kill()
            self._ending, self._kill_s = worker, now_s + STOP_TIMEOUT_S
            self._restart(now_s, f"it gave no sign of life for {timeout_s:.0f} s")
        elif self._alive and now_s - self._started_s > HEALTHY_AFTER_S:
            self._delay_s = FIRST_DELAY_S

    def _begin(self, now_s: float) -> None:
        try:
            self._worker = self._start(False)
        except OSError as error:
            self._restart(now_s, f"it cannot be started: {error.strerror}")
            return
        self._expect_beats(now_s)

    def _expect_beats(self, now_s: float) -> None:
        """Time a worker that has just begun."""
        self._beats, self._alive = self._timeline.beats(), False
        self._started_s = self._beat_s = now_s
        self.problem = ""

    def _restart(self, now_s: float, reason: str, *, again: bool = True) -> None:
        self._worker = None
        self._due_s = now_s + self._delay_s if again else float("inf")
        outcome = f"the next one starts in {self._delay_s:.1f} s" if again else "the recording is played as it is"
        log.warning("separation worker: %s; %s", reason, outcome)
        self._delay_s = min(2 * self._delay_s, MAX_DELAY_S)
        self.restarts += again
        self.problem = reason


def _reason(status: int, last_message: str) -> str:
    """Why a worker ended; one that was killed left no message."""
    if status in (EXIT_BAD_MODEL, EXIT_TOO_SLOW):
        return last_message
    return f"it ended with status {status}" + (f": {last_message}" if status > 0 and last_message else "")
