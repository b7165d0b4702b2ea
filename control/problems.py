"""Errors of commands with their exit status, and signals that end a command."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from stemfield.layouts.problems import UserError

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command, besides an interrupt; SIGHUP is sent when its terminal is closed."""
FAILED = 1
BAD_INPUT = 2
MAX_LISTED: Final = 20
"""Maximum number of problems listed."""


class RefusedError(UserError):
    """A request that is refused; the message names what was expected and the value."""


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
def termination_waits() -> Iterator[None]:
    """Block ENDS while modules are imported, where the exit that they raise may be swallowed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def shortened(lines: Sequence[str], limit: int = MAX_LISTED) -> list[str]:
    """The first lines, and the number of the others."""
    more = len(lines) - limit
    return [*lines[:limit], f"and {more} more"] if more > 0 else list(lines)
