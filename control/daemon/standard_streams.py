"""Standard input and output that are not there: closed, full, or read by nobody any more. The sound goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NUMBERS: Final = (0, 1, 2)


def fill_standard_streams() -> None:
    """Put the null device where a standard stream is closed.

    Its number would go to the next file or socket, and a library that prints would write into that.
    """
    for number in _NUMBERS:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


@contextmanager
def whoever_reads() -> Iterator[None]:
    """Print what a person may want to read; where that cannot be written, nothing is printed from now on."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
