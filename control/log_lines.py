"""How the log looks: with times for people, with priorities for the journal."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

_PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


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
    except (OSError, ValueError):
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
    if goes_to_journal(sys.stderr):
        handler.setFormatter(JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
