"""The report of a batch: a line of JSON for each result while it runs, and a table at the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemfield.control.command_errors import BAD_INPUT, write_errors
from stemfield.control.offline.batch.work import Outcome
from stemfield.control.offline.inputs import check_target
from stemfield.layouts.plain_data import json_line

REPORT = "report.jsonl"
CATALOGUE_H = 1000
_SHOWN = 20


class Report:
    """The outcomes so far, each written to a file at once, and as JSON also printed; used in a `with` block.

    Attributes:
        outcomes: outcomes in their order of arrival.

    Raises:
        CommandError: the file cannot be written.
    """

    def __init__(self, path: Path, *, as_json: bool = False) -> None:
        self.outcomes: list[Outcome] = []
        self._as_json = as_json
        self._path = path
        check_target(path)
        with write_errors(path, BAD_INPUT):
            self._file = path.open("w", encoding="utf-8")

    def add(self, outcome: Outcome) -> None:
        """Add an outcome.

        Raises:
            CommandError: the file cannot be written.
        """
        self.outcomes.append(outcome)
        line = json_line(asdict(outcome))
        with write_errors(self._path):
            self._file.write(line + "\n")
            self._file.flush()
        if self._as_json:
            print(line, flush=True)

    def count(self, status: str) -> int:
        """Number of outcomes with this status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):  # everything is written, or the error was reported
            self._file.close()


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts by status, seconds of sound processed, and the time that it took."""
    counts = Counter(outcome.status for outcome in outcomes)
    made = [outcome for outcome in outcomes if outcome.status == "made"]
    sound_s, took_s = sum(o.sound_s for o in made), sum(o.took_s for o in made)
    return {
        **{status: counts[status] for status in ("made", "kept", "failed")},
        "sound_s": round(sound_s, 3),
        "took_s": round(took_s, 3),
        "core_h_per_1000_h": round(CATALOGUE_H * took_s / sound_s, 2) if sound_s else None,
    }


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print a table of the jobs, and one of failures and warnings."""
    jobs: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        jobs[outcome.job].append(outcome)
    table = Table("job", "made", "kept", "failed", "sound", "computed", "a core")
    for job, parts in jobs.items():
        facts = summary(parts)
        speed = f"{facts['sound_s'] / facts['took_s']:.1f} times real time" if facts["took_s"] else ""
        counts = (str(facts[status]) for status in ("made", "kept", "failed"))
        table.add_row(job, *counts, f"{facts['sound_s']:.1f} s", f"{facts['took_s']:.1f} s", speed)
    console.print(table)
    bad = [outcome for outcome in outcomes if outcome.status == "failed" or outcome.notes]
    if bad:
        table = Table("job", "recording", "status", "why")
        for outcome in bad[:_SHOWN]:
            lines = [outcome.reason] if outcome.reason else outcome.notes
            why = [line.removeprefix(f"{outcome.recording}: ") for line in lines]
            table.add_row(outcome.job, Text(outcome.recording), outcome.status, Text("; ".join(why)))
        console.print(table)
        if len(bad) > _SHOWN:
            console.print(f"and {len(bad) - _SHOWN} more in {REPORT}")
