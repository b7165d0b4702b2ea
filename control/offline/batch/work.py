"""What a worker does: one recipe for one recording. A failure is an answer, never an exception."""

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

from stemfield.control.offline.batch.job import Order, Recipe, load_recipe
from stemfield.control.offline.batch.plan import BATCH_FOLDER
from stemfield.control.offline.batch.results import LONGEST_NAME, Result, facts_of
from stemfield.control.offline.inputs import processing_errors, recording_length
from stemfield.control.problems import CommandError
from stemfield.layouts.problems import UserError

WORK = "work"
"""In the batch's own folder: what is being made."""


@dataclass(frozen=True)
class Task:
    """One result that is to be there."""

    recording: str
    """Absolute path."""
    name: str
    output: str
    """Absolute path of the output folder."""
    order: Order
    suffix: str
    digest: str
    """Of the recipe as it is where the plan was read."""

    @property
    def kind(self) -> str:
        """What is made."""
        return str(self.order["kind"])

    @property
    def result(self) -> Result:
        """Where it goes."""
        return Result(Path(self.output), self.kind, self.name, self.suffix)


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    recording: str
    job: str
    name: str
    status: Literal["made", "kept", "failed"]
    files: list[str] = field(default_factory=list)
    """As seen from the output folder."""
    sound_s: float = 0.0
    """Length of the recording, where it was worked on."""
    took_s: float = 0.0
    worker: str = ""
    reason: str = ""
    """Why it failed, in one line."""
    notes: list[str] = field(default_factory=list)
    """What else is to be known: a file that is cut off, samples that were clipped."""


def kept(task: Task) -> Outcome | None:
    """The outcome of a task whose result is there, as far as times and sizes of files tell; else None."""
    try:
        recording = facts_of(Path(task.recording))
    except OSError:
        return None
    if not task.result.is_current(task.digest, recording):
        return None
    return Outcome(task.recording, task.kind, task.name, "kept", task.result.files())


def perform(given: dict[str, Any]) -> dict[str, Any]:
    """Sees to it that a result is there.

    Args:
        given: a task as plain data.

    Returns:
        The outcome as plain data.
    """
    task = Task(**given)
    begin_s = time.monotonic()
    with _heard() as notes:
        try:
            outcome = _made(task)
        except UserError as error:
            outcome = failed(task, "; ".join(error.lines))
        except MemoryError:
            outcome = failed(task, "not enough memory")
    known = {"took_s": time.monotonic() - begin_s, "worker": _worker(), "notes": [*notes, *outcome.notes]}
    return asdict(outcome) | known


def failed(task: Task, reason: str) -> Outcome:
    """The outcome of a task that could not be done."""
    return Outcome(task.recording, task.kind, task.name, "failed", reason=" ".join(reason.split()))


def _made(task: Task) -> Outcome:
    recipe = _recipe(json.dumps(task.order, sort_keys=True), task.digest)
    path, result = Path(task.recording), task.result
    if (size := len(os.fsencode(result.target.name))) > LONGEST_NAME:
        problem = f"the name of its result has {size} bytes: allowed {LONGEST_NAME}; give it a shorter one in the plan"
        raise CommandError([f"{path}: {problem}"])
    frames, rate_hz = recording_length(path)
    with processing_errors(task.recording):
        recording = facts_of(path, read=True)
        key = _key(recipe, path, recording["sha256"])
        if result.is_current(recipe.digest, recording, key):
            result.renew(recording)
            return Outcome(task.recording, task.kind, task.name, "kept", result.files())
        work = Path(task.output) / BATCH_FOLDER / WORK
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            made = Path(folder) / f"result{recipe.suffix}"
            notes = recipe.make(path, made)
            if facts_of(path) != {name: recording[name] for name in ("size", "mtime_ns", "ctime_ns")}:
                raise CommandError([f"{path}: changed while it was read"])
            result.put(made, key, recipe.digest, recording)
    files = result.files()
    return Outcome(task.recording, task.kind, task.name, "made", files, frames / rate_hz, notes=notes)


def _recipe(order: str, digest: str) -> Recipe:
    recipe = _loaded(order)
    if recipe.digest != digest:
        _loaded.cache_clear()  # files may be mended while a worker lives
        if (recipe := _loaded(order)).digest != digest:
            problem = "the program, model, layout or scene is another one at this worker than where the plan was read"
            raise CommandError([problem])
    return recipe


@lru_cache(maxsize=8)
def _loaded(order: str) -> Recipe:
    return load_recipe(json.loads(order))


def _key(recipe: Recipe, path: Path, content: str) -> str:
    """Of everything that the samples of a result depend on."""
    # a programme of an ADM file is called like the recording
    title = path.stem if recipe.kind == "adm" else ""
    return hashlib.sha256(json.dumps([recipe.digest, content, title]).encode()).hexdigest()


def _worker() -> str:
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:
        return ""


@contextmanager
def _heard() -> Iterator[list[str]]:
    """The warnings that this thread logs meanwhile."""
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
