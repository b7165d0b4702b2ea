"""What commands print and ask: JSON for programs, tables, the problems of what was checked, and for permission."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
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


def print_entries(entries: Iterable[Any], others: str, hint: str, *, as_json: bool) -> None:
    """Print layouts or models by name.

    Args:
        entries: with name, title, path, and the problems of those that cannot be loaded.
        others: attribute with their other names.
        hint: what is shown in place of a title that is missing, before the path.
        as_json: whether to print JSON.
    """
    if as_json:
        shown = []
        for each in entries:
            data = {"name": each.name, others: list(getattr(each, others)), "title": each.title, "path": str(each.path)}
            shown.append(data | ({"problems": list(each.problems)} if each.problems else {}))
        print_json(shown)
    else:
        print_table([(e.name, ", ".join(getattr(e, others)), e.title or f"{hint} {e.path}") for e in entries])


def confirm(question: str, *, yes: bool) -> None:
    """Ask for permission, unless it was given.

    Raises:
        CommandError: it was refused, or nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(["no terminal to confirm at: pass --yes"])
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError(["nothing was changed"], FAILED)
