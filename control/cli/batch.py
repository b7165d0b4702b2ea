"""`stemfield batch`: makes what a plan lists."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from stemfield.control.command_errors import FAILED, CommandError, termination_waits
from stemfield.control.offline.batch.plan import read_plan
from stemfield.control.offline.batch.report import REPORT, Report, show, summary
from stemfield.control.offline.batch.run import find_tasks, locked, output_folder
from stemfield.control.offline.batch.work import Task, kept
from stemfield.renderer.engine.processor import compile_ahead

try:
    from stemfield.control.offline.batch import cluster
except ImportError as error:
    if (error.name or "").partition(".")[0] not in ("cryptography", "dask", "distributed"):
        raise
    raise CommandError(["batch needs Dask: pip install 'stemfield[batch]'"]) from error


def batch(options: argparse.Namespace) -> int:
    """Make what a plan lists of every recording, except results that exist."""
    if options.scheduler is not None and options.workers is not None:
        raise CommandError(["--workers: only without --scheduler, which has its own workers"])
    path = Path(options.plan)
    plan = read_plan(path)
    tasks = find_tasks(plan, path)
    output = output_folder(plan, path)
    console = Console(stderr=True)
    with locked(output), Report(output / REPORT, as_json=options.json) as report:
        missing = []
        for task in tasks:
            if (outcome := kept(task)) is not None:
                report.add(outcome)
            else:
                missing.append(task)
        if missing:
            _process(missing, report, console, options)
        if options.json:
            print(json.dumps({"summary": summary(report.outcomes)}))
        else:
            show(report.outcomes, Console())
        failures = report.count("failed")
    if failures:
        raise CommandError([f"{failures} of {len(tasks)} failed: {output / REPORT}"], FAILED)
    return 0


def _process(tasks: Sequence[Task], report: Report, console: Console, options: argparse.Namespace) -> None:
    if options.scheduler is None:
        if any(task.kind in ("upmix", "adm") for task in tasks):
            with termination_waits():
                compile_ahead()  # once here, not in every worker at the same time
        workers = cluster.local_cluster(options.workers, options.retries)
    else:
        workers = cluster.remote_cluster(options.scheduler, options.timeout)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with workers as client:
        if (link := cluster.dashboard_url(client)) is not None:
            print(f"dashboard: {link}", file=sys.stderr)
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
            line = bar.add_task("batch", total=len(tasks))
            for outcome in cluster.outcomes(client, tasks):
                report.add(outcome)
                failures = report.count("failed")
                bar.update(line, advance=1, description=f"batch, {failures} failed" if failures else "batch")
