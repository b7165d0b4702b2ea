"""Keeps the separation worker alive: one that ends, hangs or cannot load its model is replaced, ever more slowly.

The music does not depend on it: while there is no worker, the engine plays the mixture.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable

from stemfield.renderer.ring import Exchange
from stemfield.separation.process import WorkerProcess

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 30.0
PATIENCE_S = 3.0
"""A worker that gives no sign of life for so long hangs."""
START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 2.0
EXIT_BAD_MODEL = 2

log = logging.getLogger(__name__)


class Supervisor:
    """Watches one worker.

    `check` and `renew` never wait and belong to one thread, which lives as long as the worker is to live; `close` may
    come from another.

    Args:
        exchange: where the worker gives its signs of life.
        start: starts a worker.

    Attributes:
        restarts: how many workers had to be replaced.
        problem: why there is no worker, or empty.
    """

    def __init__(self, exchange: Exchange, start: Callable[[], WorkerProcess]) -> None:
        self._exchange = exchange
        self._start = start
        self._worker: WorkerProcess | None = None
        self._leaving: WorkerProcess | None = None
        self._kill_s = 0.0
        self._due_s = 0.0
        self._delay_s = FIRST_DELAY_S
        self._started_s = 0.0
        self._beats = 0
        self._beat_s = 0.0
        self._alive = False
        self._closed = False
        self._lock = threading.Lock()
        self.restarts = 0
        self.problem = ""

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._worker.pid if self._worker is not None else None

    def check(self, now_s: float) -> None:
        """Looks after the worker; to be called a few times a second with a monotonic time."""
        with self._lock:
            if self._closed or self._is_waiting_for_the_last_one(now_s):
                return
            if self._worker is None:
                if now_s >= self._due_s:
                    self._begin(now_s)
            elif (status := self._worker.poll()) is not None:
                self._worker.wait(STOP_PATIENCE_S)  # for its last words; it has ended
                reason = self._worker.last_message if status == EXIT_BAD_MODEL else f"it ended with status {status}"
                self._replace(now_s, reason)
            else:
                self._feel_pulse(self._worker, now_s)

    def renew(self, start: Callable[[], WorkerProcess], now_s: float) -> None:
        """Has the worker replaced by one that is started otherwise: another model."""
        with self._lock:
            self._start, self._due_s, self._delay_s = start, now_s, FIRST_DELAY_S
            if self._worker is not None:
                self._worker.terminate()
                self._leaving, self._worker, self._kill_s = self._worker, None, now_s + STOP_PATIENCE_S

    def close(self) -> None:
        """Ends the worker, and waits for that."""
        with self._lock:
            self._closed = True
            workers = [worker for worker in (self._worker, self._leaving) if worker is not None]
            self._worker = self._leaving = None
        for worker in workers:
            worker.terminate()
            try:
                worker.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(STOP_PATIENCE_S)

    def _is_waiting_for_the_last_one(self, now_s: float) -> bool:
        """Two workers must not write to one exchange."""
        if self._leaving is not None:
            if self._leaving.poll() is not None:
                self._leaving.wait(STOP_PATIENCE_S)
                self._leaving = None
            elif now_s > self._kill_s:
                self._leaving.kill()
        return self._leaving is not None

    def _feel_pulse(self, worker: WorkerProcess, now_s: float) -> None:
        beats = self._exchange.beats()
        if beats != self._beats:
            self._beats, self._beat_s, self._alive = beats, now_s, True
        patience_s = PATIENCE_S if self._alive else START_PATIENCE_S
        if now_s - self._beat_s > patience_s:
            worker.kill()
            self._leaving, self._kill_s = worker, now_s + STOP_PATIENCE_S
            self._replace(now_s, f"it gave no sign of life for {patience_s:.0f} s")
        elif self._alive and now_s - self._started_s > HEALTHY_AFTER_S:
            self._delay_s = FIRST_DELAY_S

    def _begin(self, now_s: float) -> None:
        try:
            self._worker = self._start()
        except OSError as error:
            self._replace(now_s, f"it cannot be started: {error.strerror}")
            return
        self._beats, self._alive = self._exchange.beats(), False
        self._started_s = self._beat_s = now_s
        self.problem = ""

    def _replace(self, now_s: float, reason: str) -> None:
        self._worker = None
        self._due_s = now_s + self._delay_s
        log.warning("separation worker: %s; the next one starts in %.1f s", reason, self._delay_s)
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        self.restarts += 1
        self.problem = reason
