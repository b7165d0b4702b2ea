"""Parallel processing with progress bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar() -> Progress:
    """Progress bar, disabled if the output is not a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def parallel_map(
    processes: int,
    work: Callable[[Any], Any],
    items: Iterable[Any],
    begin: Callable[..., None] | None = None,
    *arguments: Any,
) -> Iterator[Any]:
    """Results of `work` for each item, in order; `begin(*arguments)` initialises each process."""
    if processes == 1:
        if begin:
            begin(*arguments)
        yield from map(work, items)
        return
    with get_context("spawn").Pool(processes, begin, arguments) as pool:
        yield from pool.imap(work, items)
