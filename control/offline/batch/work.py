"""What a worker process does: one job for one recording. Failures are returned, never raised."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stemfield.control.command_errors import CommandError
from stemfield.control.offline.batch.job import Job, JobData, load_job
from stemfield.control.offline.batch.plan import BATCH_FOLDER
from stemfield.control.offline.batch.results import LONGEST_NAME, Result, facts_of
from stemfield.control.offline.inputs import processing_errors, recording_length
from stemfield.layouts.problems import UserError

WORK = "work"
"""Folder of unfinished results, in the batch's own folder."""


@dataclass(frozen=True)
class Task:
    """One result to be made."""

    recording: str
    """Absolute path."""
    name: str
    output: str
    """Absolute path of the output folder."""
    job: JobData
    suffix: str
    digest: str
    """Digest of the job where the plan was read."""

    @property
    def kind(self) -> str:
        """Kind of result."""
        return str(self.job["kind"])

    @property
    def result(self) -> Result:
        """The result in the output folder."""
        return Result(Path(self.output), self.kind, self.name, self.suffix)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a task."""

    recording: str
    job: str
    name: str
    status: Literal["made", "kept", "failed"]
    files: list[str] = field(default_factory=list)
    """Relative to the output folder."""
    sound_s: float = 0.0
    """Length of the recording, if it was processed."""
    took_s: float = 0.0
    worker: str = ""
    reason: str = ""
    """Why it failed, in one line."""
    notes: list[str] = field(default_factory=list)
    """Warnings: a file that is cut off, samples that were clipped."""


def kept(task: Task) -> Outcome | None:
    """The outcome of a task whose result exists, judged by times and sizes of files; else None."""
    try:
        recording = facts_of(Path(task.recording))
    except OSError:
        return None
    if not task.result.is_current(task.digest, recording):
        return None
    return Outcome(task.recording, task.kind, task.name, "kept", task.result.files())


def perform(given: dict[str, Any]) -> dict[str, Any]:
    """Make a result unless it exists; task and outcome are plain data."""
    task = Task(**given)
    begin_s = time.monotonic()
    with _warnings() as notes:
        try:
            outcome = _made(task)
        except UserError as error:
            outcome = failed(task, "; ".join(error.lines))
        except MemoryError:
            outcome = failed(task, "not enough memory")
    known = {"took_s": time.monotonic() - begin_s, "worker": _worker(), "notes": [*notes, *outcome.notes]}
    return asdict(outcome) | known


def failed(task: Task, reason: str) -> Outcome:
    """The outcome of a task that failed."""
    return Outcome(task.recording, task.kind, task.name, "failed", reason=" ".join(reason.split()))


def _made(task: Task) -> Outcome:
    job = _job(json.dumps(task.job, sort_keys=True), task.digest)
    path, result = Path(task.recording), task.result
    if (size := len(os.fsencode(result.target.name))) > LONGEST_NAME:
        problem = f"name of its result: expected at most {LONGEST_NAME} bytes, got {size}: shorten it in the plan"
        raise CommandError([f"{path}: {problem}"])
    frames, rate_hz = recording_length(path)
    with processing_errors(task.recording):
        recording = facts_of(path, read=True)
        key = _key(job, path, recording["sha256"])
        if result.is_current(job.digest, recording, key):
            result.renew(recording)
            return Outcome(task.recording, task.kind, task.name, "kept", result.files())
        work = Path(task.output) / BATCH_FOLDER / WORK
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            made = Path(folder) / f"result{job.suffix}"
            notes = job.make(path, made)
            if facts_of(path) != {name: recording[name] for name in ("size", "mtime_ns", "ctime_ns")}:
                raise CommandError([f"{path}: changed while it was read"])
            result.put(made, key, job.digest, recording)
    files = result.files()
    return Outcome(task.recording, task.kind, task.name, "made", files, frames / rate_hz, notes=notes)


def _job(data: str, digest: str) -> Job:
    job = _loaded(data)
    if job.digest != digest:
        _loaded.cache_clear()  # files may be corrected while a worker runs
        if (job := _loaded(data)).digest != digest:
            problem = "this worker has another version of the program, model, layout or scene than the plan's reader"
            raise CommandError([problem])
    return job


@lru_cache(maxsize=8)
def _loaded(data: str) -> Job:
    return load_job(json.loads(data))


def _key(job: Job, path: Path, content: str) -> str:
    """Key of everything that the samples of a result depend on."""
    # the programme of an ADM file has the name of the recording
    title = path.stem if job.kind == "adm" else ""
    return hashlib.sha256(json.dumps([job.digest, content, title]).encode()).hexdigest()


def _worker() -> str:
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return ""


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect the warnings that this thread logs."""
    notes: list[str] = []
    thread = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and (message := record.getMessage()) not in notes:
                notes.append(message)

    logger, listener = logging.getLogger("stemfield"), Listener(logging.WARNING)
    logger.addHandler(listener)
    try:
        yield notes
    finally:
        logger.removeHandler(listener)
