"""A record of each run in the state folder, which shows afterwards whether the run ended normally.

A process that the kernel kills, for lack of memory or because one of its threads exceeded its real-time budget, logs
nothing: then the record written at its start is the only trace.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
from pydantic import TypeAdapter

from stemfield.layouts.plain_data import read_file, without_waiting

FILE: Final = "run.json"
MAX_VANISHED: Final = 5
UNLIMITED: Final = -1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the daemon.

    Attributes:
        pid: process id.
        created_s: creation time of that process; another one may get the same id later.
        began_s: seconds since the epoch.
        rttime_us: longest time that a real-time thread may compute without a pause; -1 without limit.
        over_budget: whether the kernel has sent a warning for that (SIGXCPU).
        ended: whether the run ended normally.
        status: exit status of a run that ended.
        reason: error that ended it, or empty.
    """

    pid: int
    created_s: float
    began_s: float
    rttime_us: int = UNLIMITED
    over_budget: bool = False
    ended: bool = False
    status: int = 0
    reason: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it runs now."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created_s) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


_RUNS: Final = TypeAdapter(list[Run])


def last_runs(folder: Path) -> tuple[Run, ...]:
    """The latest run, then earlier ones that vanished; none without a readable record."""
    try:
        return tuple(_RUNS.validate_json(read_file(folder / FILE))[: 1 + MAX_VANISHED])
    except (OSError, ValueError):
        return ()


class LastRun:
    """The record of this run, within a `with` block; a state folder that cannot be written to is ignored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now: dict[str, Any] = {}
        self._vanished: tuple[Run, ...] = ()

    def __enter__(self) -> Self:
        before = last_runs(self._folder)
        self._vanished = tuple(run for run in before if not run.ended and not run.is_alive)[:MAX_VANISHED]
        own = Run(os.getpid(), psutil.Process().create_time(), time.time(), _rttime_us())
        self._now = asdict(own)
        self._write()
        return self

    def sounding(self) -> None:
        """Note the real-time budget again: the sound server may have limited it when the client joined."""
        self._note(rttime_us=_rttime_us())

    def over_budget(self) -> None:
        """Note SIGXCPU: the kernel will kill the process if a thread continues."""
        log.error("a real-time thread has exceeded its limit (RLIMIT_RTTIME)")
        self._note(over_budget=True)

    def _note(self, **changes: Any) -> None:
        if any(self._now.get(key) != value for key, value in changes.items()):
            self._now |= changes
            self._write()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._vanished = ()
        self._note(ended=True, status=int(error is not None), reason=str(error or ""))

    def _write(self) -> None:
        path = self._folder / FILE
        beside = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(beside, "w", encoding="utf-8", opener=without_waiting) as file:
                file.write(json.dumps([self._now, *map(asdict, self._vanished)]))
            beside.replace(path)
        except OSError as error:
            log.debug("%s: %s", path, error.strerror)
            with suppress(OSError):
                beside.unlink()


def _rttime_us() -> int:
    return min(resource.getrlimit(resource.RLIMIT_RTTIME), key=lambda limit: (limit == resource.RLIM_INFINITY, limit))
