"""The command that works off a catalogue."""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from stemfield.control.offline.batch.inputs import find_recordings, plain
from stemfield.control.offline.batch.job import load_recipe, order_of
from stemfield.control.offline.batch.plan import BATCH_FOLDER, Plan, read_plan
from stemfield.control.offline.batch.report import REPORT, Report, show, summary
from stemfield.control.offline.batch.work import WORK, Task, kept
from stemfield.control.offline.inputs import user_config
from stemfield.control.problems import FAILED, CommandError, termination_waits
from stemfield.layouts.problems import UserError
from stemfield.renderer.engine.processor import compile_ahead

try:
    from stemfield.control.offline.batch import cluster as crew
except ImportError as error:
    if (error.name or "").partition(".")[0] not in ("cryptography", "dask", "distributed"):
        raise
    raise CommandError(["batch needs Dask: pip install 'stemfield[batch]'"]) from error


def batch(options: argparse.Namespace) -> int:
    """Make what a plan asks for, of every recording; what is there is not made again."""
    if options.scheduler is not None and options.workers is not None:
        raise CommandError(["--workers: the scheduler has its own; of use only without --scheduler"])
    path = Path(options.plan)
    plan = read_plan(path)
    folder = path.absolute().parent
    output = plain(folder / Path(plan.output).expanduser())
    tasks = _tasks(plan, path, folder, output)
    console = Console(stderr=True)
    with _held(output), Report(output / REPORT, as_json=options.json) as report:
        left = []
        for task in tasks:
            if (outcome := kept(task)) is not None:
                report.add(outcome)
            else:
                left.append(task)
        if left:
            _work_off(left, report, console, options)
        if options.json:
            print(json.dumps({"summary": summary(report.outcomes)}))
        else:
            show(report.outcomes, Console())
        failures = report.count("failed")
    if failures:
        raise CommandError([f"{failures} of {len(tasks)} failed: {output / REPORT}"], FAILED)
    return 0


def _tasks(plan: Plan, path: Path, folder: Path, output: Path) -> list[Task]:
    """Everything that is to be there, or every problem at once."""
    config = user_config()
    recordings, problems = find_recordings(plan.inputs, folder, output)
    tasks = []
    for kind, given in plan.jobs():
        try:
            order = order_of(kind, given, folder, config)
            recipe = load_recipe(order)
        except UserError as error:
            problems += [f"{kind}: {line}" for line in error.lines]
            continue
        tasks += [
            Task(str(source), name, str(output), order, recipe.suffix, recipe.digest)
            for name, source in recordings.items()
        ]
    if output.exists() and not output.is_dir():
        problems.append(f"output: {output}: is a file, not a folder")
    if problems:
        raise CommandError([f"{path}: {problem}" for problem in problems])
    return tasks


@contextmanager
def _held(output: Path) -> Iterator[None]:
    """The output folder for this run alone, and without the leavings of one that was broken off."""
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


def _work_off(tasks: Sequence[Task], report: Report, console: Console, options: argparse.Namespace) -> None:
    if options.scheduler is None:
        if any(task.kind in ("upmix", "adm") for task in tasks):
            with termination_waits():
                compile_ahead()  # here once, not in every worker at the same time
        hands = crew.local_crew(options.workers, options.retries)
    else:
        hands = crew.hired_crew(options.scheduler, options.timeout)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with hands as client:
        if (link := crew.dashboard_of(client)) is not None:
            print(f"dashboard: {link}", file=sys.stderr)
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
            line = bar.add_task("batch", total=len(tasks))
            for outcome in crew.outcomes(client, tasks):
                report.add(outcome)
                failures = report.count("failed")
                bar.update(line, advance=1, description=f"batch, {failures} failed" if failures else "batch")
