"""The progress of work on a sound file: a bar, its warnings, its speed, and what failed."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemfield.control.command_errors import FAILED
from stemfield.control.offline import render as offline
from stemfield.control.offline.inputs import processing_errors, recording_length


@contextmanager
def separating(source: Path) -> Iterator[offline.Progress]:
    """`processing` for a recording, which is checked first: what is wrong with it is bad input, not a failure."""
    _show_warnings()
    _, rate_hz = recording_length(source)
    with processing(str(source), rate_hz) as progress:
        yield progress


@contextmanager
def processing(source: str, rate_hz: int, unusable: int = FAILED) -> Iterator[offline.Progress]:
    """Show a progress bar, then the speed; what fails becomes a CommandError.

    Args:
        source: the file that is processed.
        rate_hz: its sample rate.
        unusable: exit status for a sound file that cannot be read or written.
    """
    _show_warnings()
    begin_s = time.monotonic()
    name = Path(source).name
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with (
        processing_errors(source, unusable),
        Progress(*columns, console=console, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task(name, total=None)
        yield lambda done, frames: bar.update(task, completed=done, total=frames)
        seconds = bar.tasks[task].completed / rate_hz
    took_s = max(time.monotonic() - begin_s, 1e-3)
    print(f"{seconds:.1f} s of sound in {took_s:.1f} s, {seconds / took_s:.1f} times real time", file=sys.stderr)


class _Once(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._passed: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self._passed
        self._passed.add(message)
        return is_new


def _show_warnings() -> None:
    """Print logged warnings, each message once however often a file is read."""
    handler = logging.StreamHandler()
    handler.addFilter(_Once())
    logging.basicConfig(format="stemfield: warning: %(message)s", level=logging.WARNING, handlers=[handler])
