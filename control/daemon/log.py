"""How the log looks: with times for people, with priorities for the journal, and never endless."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


MAX_LINES: Final = 20
"""Of one kind within `PERIOD_S`."""
PERIOD_S: Final = 10.0
_MAX_KINDS: Final = 256


class Flood(logging.Filter):
    """Leaves out what is logged over and over: a log that nobody can read fills the disk too.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[tuple[str, int, str], tuple[int, float]] = {}
        """By kind: how many since when."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is one of the first of its kind; the last of these says that more are left out."""
        if record.levelno < logging.INFO:
            return True  # whoever wants to debug wants everything
        kind, now_s = (record.name, record.levelno, str(record.msg)), self._clock()
        count, since_s = self._counts.get(kind, (0, now_s))
        if now_s - since_s >= PERIOD_S:
            count, since_s = 0, now_s
        if len(self._counts) >= _MAX_KINDS:
            self._counts.clear()
        self._counts[kind] = count + 1, since_s
        if count == MAX_LINES - 1:
            record.msg = f"{record.getMessage()} (more of this kind is left out for up to {PERIOD_S:g} s)"
            record.args = ()
        return count < MAX_LINES


class JournalFormatter(logging.Formatter):
    """`<4>text`, as sd-daemon(3) describes it: the journal knows the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Every line of a record has the priority, or the journal would file the others as usual ones."""
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def goes_to_journal(stream: TextIO) -> bool:
    """Whether the service manager has connected this very stream to the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # it is closed, or there is none
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def error_prefix(stream: TextIO) -> str:
    """What stands before an error that is written straight to a stream."""
    return f"<{_PRIORITIES[logging.ERROR]}>" if goes_to_journal(stream) else ""


def begin_log(level: str) -> None:
    """Log to standard error from now on.

    Args:
        level: debug, info, warning or error.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Flood())
    if goes_to_journal(sys.stderr):
        handler.setFormatter(JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
