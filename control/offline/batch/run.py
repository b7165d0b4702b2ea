"""Prepares a run of a plan: its tasks, and its output folder, locked."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stemfield.control.command_errors import CommandError
from stemfield.control.offline.batch.job import job_data, load_job
from stemfield.control.offline.batch.plan import BATCH_FOLDER, Plan
from stemfield.control.offline.batch.recordings import find_recordings, normalised
from stemfield.control.offline.batch.work import WORK, Task
from stemfield.control.offline.inputs import user_config
from stemfield.layouts.problems import UserError


def output_folder(plan: Plan, path: Path) -> Path:
    """The absolute output folder of a plan in a file."""
    return normalised(path.absolute().parent / Path(plan.output).expanduser())


def find_tasks(plan: Plan, path: Path) -> list[Task]:
    """A task for every job and recording of a plan in a file.

    Raises:
        CommandError: with every problem of the recordings, the jobs and the output folder.
    """
    folder, output = path.absolute().parent, output_folder(plan, path)
    config = user_config()
    recordings, problems = find_recordings(plan.inputs, folder, output)
    tasks = []
    for kind, options in plan.jobs():
        try:
            data = job_data(kind, options, folder, config)
            job = load_job(data)
        except UserError as error:
            problems += [f"{kind}: {line}" for line in error.lines]
            continue
        tasks += [
            Task(str(source), name, str(output), data, job.suffix, job.digest) for name, source in recordings.items()
        ]
    if output.exists() and not output.is_dir():
        problems.append(f"output: {output}: expected a folder, got a file")
    if problems:
        raise CommandError([f"{path}: {problem}" for problem in problems])
    return tasks


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock the output folder for this run, and remove unfinished results of an interrupted one.

    Raises:
        CommandError: another batch uses it, or it cannot be written.
    """
    own = output / BATCH_FOLDER
    with ExitStack() as stack:
        try:
            own.mkdir(parents=True, exist_ok=True)
            stack.enter_context(tempfile.TemporaryFile(dir=output))
            fcntl.flock(stack.enter_context((own / "lock").open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError([f"{output}: another batch works in this folder"]) from error
        except OSError as error:
            problem = f"cannot be written: {error.strerror or error}"
            raise CommandError([f"output: {error.filename or output}: {problem}"]) from error
        shutil.rmtree(own / WORK, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(own / WORK, ignore_errors=True)
