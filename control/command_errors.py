"""Errors of commands with their exit status, and signals that end a command."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stemfield.layouts.problems import UserError

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command, besides an interrupt; SIGHUP is sent when its terminal is closed."""
FAILED = 1
BAD_INPUT = 2


class CommandError(UserError):
    """A command of the command line that failed.

    Attributes:
        status: exit status: 2 for bad input, 1 for a failure during work.
    """

    def __init__(self, lines: Sequence[str], status: int = BAD_INPUT) -> None:
        super().__init__("; ".join(lines))
        self._lines = tuple(lines)
        self.status = status

    @property
    def lines(self) -> tuple[str, ...]:
        """One problem each."""
        return self._lines


@contextmanager
def write_errors(path: object, status: int = FAILED) -> Iterator[None]:
    """Turn an OSError into a CommandError about a file that cannot be written."""
    try:
        yield
    except OSError as error:
        raise CommandError([f"{path}: cannot be written: {error.strerror or error}"], status) from error


@contextmanager
def termination_waits() -> Iterator[None]:
    """Block ENDS while modules are imported, where the exit that they raise may be swallowed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
