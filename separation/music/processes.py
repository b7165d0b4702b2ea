"""Long work: on several cores, and seen to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress() -> Progress:
    """Bars that say how far each task is; none where the output is no terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def in_processes(
    processes: int,
    work: Callable[[Any], Any],
    items: Iterable[Any],
    begin: Callable[..., None] | None = None,
    *told: Any,
) -> Iterator[Any]:
    """The results of `work` on each item, in order; each process is first told something by `begin(*told)`."""
    if processes == 1:
        if begin:
            begin(*told)
        yield from map(work, items)
        return
    with get_context("spawn").Pool(processes, begin, told) as pool:
        yield from pool.imap(work, items)
