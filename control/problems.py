"""What a command tells its user when it cannot do what was asked."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from stemfield.layouts.problems import UserError

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""What asks a command to end, beside an interrupt: the second comes when its terminal is closed."""
FAILED = 1
BAD_INPUT = 2
MAX_LISTED: Final = 20
"""Problems listed at a time."""


class RefusedError(UserError):
    """A command that cannot be carried out; the message names the value and what is allowed."""


class CommandError(UserError):
    """A command that cannot be carried out, with one problem or several.

    Attributes:
        status: the exit status: 2 for bad input, 1 for what failed while working.
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
    """Holds ENDS back while modules are imported, where the exit that they ask for may be swallowed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def shortened(lines: Sequence[str], most: int = MAX_LISTED) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - most
    return [*lines[:most], f"and {more} more"] if more > 0 else list(lines)
