"""Keeps the separation worker alive: one that ends, hangs or cannot load its model is replaced, ever more slowly.

The music does not depend on it: while there is no worker, the engine plays the mixture. Another model comes in beside
the one that plays and takes over from it without a gap; if it cannot, the one that plays goes on.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from stemfield.renderer.ring import Exchange
from stemfield.separation.worker.process import WorkerProcess

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
HEALTHY_AFTER_S = 30.0
PATIENCE_S = 3.0
"""A worker that gives no sign of life for so long hangs."""
START_PATIENCE_S = 30.0
STOP_PATIENCE_S = 2.0
EXIT_BAD_MODEL = 2
EXIT_TOO_SLOW = 4

Start = Callable[[], WorkerProcess]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heir:
    """A worker that takes over from the one that plays as soon as it is warm."""

    worker: WorkerProcess
    start: Start
    """Starts others like it, should it end later."""
    patience_s: float
    begun_s: float
    ended: Callable[[bool], None]
    """Told whether it took over."""


class Supervisor:
    """Watches one worker.

    `check` and `renew` never wait and belong to one thread, which lives as long as the worker is to live; `close` may
    come from another.

    Args:
        exchange: where the worker gives its signs of life.
        start: starts a worker.
        patience_s: how long a worker may give no sign of life; longer than one call of its model takes.

    Attributes:
        restarts: how many workers had to be replaced.
        problem: why there is no worker, or empty.
    """

    def __init__(self, exchange: Exchange, start: Start, patience_s: float = PATIENCE_S) -> None:
        self._exchange = exchange
        self._start = start
        self._patience_s = patience_s
        self._worker: WorkerProcess | None = None
        self._heir: Heir | None = None
        self._leaving: WorkerProcess | None = None
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

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._worker.pid if self._worker is not None else None

    def check(self, now_s: float) -> None:
        """Looks after the worker; to be called a few times a second with a monotonic time."""
        with self._lock:
            if self._closed or self._is_waiting_for_the_last_one(now_s):
                return
            if self._heir is not None:
                self._look_at(self._heir, now_s)
            if self._worker is None:
                if now_s >= self._due_s:
                    self._begin(now_s)
            elif (status := self._worker.poll()) is not None:
                self._worker.wait(STOP_PATIENCE_S)  # for its last words; it has ended
                reason = _reason(status, self._worker.last_message)
                self._replace(now_s, reason, again=status != EXIT_TOO_SLOW or self._has_played)
            else:
                self._feel_pulse(self._worker, now_s)

    def renew(
        self,
        start: Start,
        now_s: float,
        start_heir: Start | None = None,
        patience_s: float = PATIENCE_S,
        ended: Callable[[bool], None] = lambda _taken: None,
    ) -> None:
        """Has the worker replaced by one that is started otherwise: another model.

        Args:
            start: starts such a worker.
            now_s: monotonic time.
            start_heir: starts one that takes over without a gap while there is a worker that plays. If it fails, that
                one plays on. Without, the mixture plays in between.
            patience_s: as above, of the new worker.
            ended: told, once, whether it has taken over or cannot; not at all if another wish comes first.
        """
        with self._lock:
            self._drop_heir()
            if self._worker is not None and self._alive and start_heir is not None:
                try:
                    self._heir = Heir(start_heir(), start, patience_s, now_s, ended)
                except OSError as error:
                    self._refuse_heir(f"it cannot be started: {error.strerror}")
                    ended(False)
                return
            ended(True)
            self._start, self._due_s, self._delay_s, self._patience_s = start, now_s, FIRST_DELAY_S, patience_s
            self._has_played = False
            if self._worker is not None:
                if self._leaving is not None:  # the one before has had its time
                    self._leaving.kill()
                    self._leaving.wait(STOP_PATIENCE_S)
                self._worker.terminate()
                self._leaving, self._worker, self._kill_s = self._worker, None, now_s + STOP_PATIENCE_S

    def close(self) -> None:
        """Ends the worker, and waits for that."""
        with self._lock:
            self._closed = True
            self._drop_heir()
            workers = [worker for worker in (self._worker, self._leaving) if worker is not None]
            self._worker = self._leaving = None
        for worker in workers:
            worker.terminate()
            try:
                worker.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait(STOP_PATIENCE_S)

    def _look_at(self, heir: Heir, now_s: float) -> None:
        """Makes the heir the worker when it has taken over, or when there is nobody to take over from."""
        patience_s = START_PATIENCE_S + heir.patience_s
        bereft = self._worker is None or self._worker.poll() is not None
        if heir.worker.poll() is not None:
            heir.worker.wait(STOP_PATIENCE_S)
            self._refuse_heir(heir.worker.last_message or "it ended at its start")
            heir.ended(False)
        elif bereft or self._exchange.owner == heir.worker.pid:
            self._exchange.owner = heir.worker.pid
            self._leaving, self._kill_s = self._worker, now_s + STOP_PATIENCE_S
            self._worker, self._start, self._patience_s, self._heir = heir.worker, heir.start, heir.patience_s, None
            self._beats, self._alive = self._exchange.beats(), False
            self._started_s = self._beat_s = now_s
            self._delay_s = FIRST_DELAY_S
            self.problem = ""
            heir.ended(True)
        elif now_s - heir.begun_s > patience_s:
            self._refuse_heir(f"it was not ready after {patience_s:.0f} s")
            heir.ended(False)

    def _refuse_heir(self, reason: str) -> None:
        self._drop_heir()
        log.warning("separation worker of another model: %s; the present one plays on", reason)
        self.problem = reason

    def _drop_heir(self) -> None:
        if self._heir is not None:
            self._heir.worker.kill()
            self._heir.worker.wait(STOP_PATIENCE_S)
            self._heir = None
        self._exchange.heir = 0

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
            self._beats, self._beat_s, self._alive, self._has_played = beats, now_s, True, True
        patience_s = self._patience_s if self._alive else START_PATIENCE_S + self._patience_s
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

    def _replace(self, now_s: float, reason: str, *, again: bool = True) -> None:
        self._worker = None
        self._due_s = now_s + self._delay_s if again else float("inf")
        comes = f"the next one starts in {self._delay_s:.1f} s" if again else "the recording is played as it is"
        log.warning("separation worker: %s; %s", reason, comes)
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
        self.restarts += again
        self.problem = reason


def _reason(status: int, last_message: str) -> str:
    """Why a worker ended; what killed it left it no time for words."""
    if status in (EXIT_BAD_MODEL, EXIT_TOO_SLOW):
        return last_message
    return f"it ended with status {status}" + (f": {last_message}" if status > 0 and last_message else "")
