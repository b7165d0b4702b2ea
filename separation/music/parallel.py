"""Parallel processing with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from multiprocessing import get_context
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def parallel_map(
    title: str,
    processes: int,
    work: Callable[[Any], Any],
    items: Collection[Any],
    begin: Callable[..., None] | None = None,
    *arguments: Any,
) -> Iterator[Any]:
    """Results of `work` for each item, in order; `begin(*arguments)` initialises each process.

    On a terminal, a progress bar with the title shows how many there are.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        if processes == 1:
            if begin:
                begin(*arguments)
            yield from bar.track(map(work, items), len(items), description=title)
            return
        with get_context("spawn").Pool(processes, begin, arguments) as pool:
            yield from bar.track(pool.imap(work, items), len(items), description=title)
