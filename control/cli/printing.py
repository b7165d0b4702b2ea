"""What commands print: JSON for programs, tables, and the problems of what was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stemfield.control.command_errors import BAD_INPUT, FAILED, CommandError
from stemfield.layouts.plain_data import json_line


def print_json(data: object) -> None:
    """Print data for programs, on one line."""
    print(json_line(data))


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns, each as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_results(checked: Sequence[tuple[str, Sequence[str]]], *, as_json: bool) -> int:
    """Print what a check found, and return the exit status.

    Args:
        checked: names of what was checked, with their problems.
        as_json: whether to print JSON.

    Raises:
        CommandError: the problems, where the output is not JSON.
    """
    if as_json:
        print_json([{"name": name, "ok": not problems, "problems": list(problems)} for name, problems in checked])
        return BAD_INPUT if any(problems for _, problems in checked) else 0
    for name, problems in checked:
        if not problems:
            print(f"{name}: ok")
    if every := [problem for _, problems in checked for problem in problems]:
        raise CommandError(every)
    return 0


@contextmanager
def write_errors(path: object) -> Iterator[None]:
    """Turn an OSError into a CommandError about a file that cannot be written."""
    try:
        yield
    except OSError as error:
        raise CommandError([f"{path}: cannot be written: {error.strerror or error}"], FAILED) from error


def entry_problems(entry: Any) -> dict[str, list[str]]:
    """Why a listed file cannot be loaded, as JSON shows it; empty for a good one."""
    return {"problems": list(entry.problems)} if entry.problems else {}
