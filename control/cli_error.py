"""What a command tells its user when it cannot do what was asked."""

from __future__ import annotations

from collections.abc import Sequence

FAILED = 1
BAD_INPUT = 2


class CliError(Exception):
    """An end that is no fault of the program.

    Attributes:
        lines: what is wrong, one line each.
        status: the exit status: 2 for bad input, 1 for what failed while working.
    """

    def __init__(self, lines: Sequence[str], status: int = BAD_INPUT) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)
        self.status = status
