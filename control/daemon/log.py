"""The log: with times on a terminal, with priorities in the journal, and with a limit for repeated lines."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}

MAX_LINES: Final = 20
"""Maximum number of lines of one kind within `PERIOD_S`."""
PERIOD_S: Final = 10.0
_MAX_KINDS: Final = 256


class RateLimit(logging.Filter):
    """Drops lines that repeat too often, which would fill the disk and hide others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._counts: dict[tuple[str, int, str], tuple[int, float]] = {}
        """By kind: number of lines, and the time of the first."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is one of the first of its kind; the last of these says that more are dropped."""
        if record.levelno < logging.INFO:
            return True  # at debug level everything is wanted
        kind, now_s = (record.name, record.levelno, str(record.msg)), self._clock()
        count, since_s = self._counts.get(kind, (0, now_s))
        if now_s - since_s >= PERIOD_S:
            count, since_s = 0, now_s
        if len(self._counts) >= _MAX_KINDS:
            self._counts.clear()
        self._counts[kind] = count + 1, since_s
        if count == MAX_LINES - 1:
            record.msg = f"{record.getMessage()} (more of this kind are dropped for up to {PERIOD_S:g} s)"
            record.args = ()
        return count < MAX_LINES


class JournalFormatter(logging.Formatter):
    """`<4>text`, as described in sd-daemon(3): the journal adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Put the priority before every line of a record, or the journal would file the others as normal ones."""
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


def goes_to_journal(stream: TextIO) -> bool:
    """Whether the service manager has connected this stream to the journal."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):  # closed or missing
        return False
    return os.environ.get("JOURNAL_STREAM", "") == f"{status.st_dev}:{status.st_ino}"


def error_prefix(stream: TextIO) -> str:
    """Prefix of an error written directly to a stream."""
    return f"<{_PRIORITIES[logging.ERROR]}>" if goes_to_journal(stream) else ""


def begin_log(level: str) -> None:
    """Log to standard error from now on, at level debug, info, warning or error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RateLimit())
    if goes_to_journal(sys.stderr):
        handler.setFormatter(JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("numba").setLevel(logging.INFO)  # its compiler logs every step
