"""Faults of the daemon itself: contained where they happen, so that one costs what met it and nothing else."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Final, Self

REPEAT_S: Final = 10.0
"""Least time between two lines about the same fault: whoever provokes one may do so a thousand times a second."""
_MAX_REMEMBERED: Final = 64

log = logging.getLogger(__name__)
_told_s: dict[tuple[str, str], float] = {}
_counted = 0


def counted() -> int:
    """How many faults there were since the process began, logged or too many to be."""
    return _counted


def cause(error: BaseException) -> str:
    """Why something failed, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"


def note(what: str, error: BaseException, where: str = "") -> None:
    """Log a fault in one line, with its place in the code where the log level is debug; not too often.

    Args:
        what: could not be done.
        error: why.
        where: it happened, such as the address of a message.
    """
    global _counted
    _counted += 1
    key, now_s = (what, type(error).__name__), time.monotonic()
    if now_s < _told_s.get(key, -REPEAT_S) + REPEAT_S:
        return
    if len(_told_s) >= _MAX_REMEMBERED:
        _told_s.clear()
    _told_s[key] = now_s
    text = f"{what}: {where}" if where else what
    log.error("%s: %s", text, cause(error), exc_info=error if log.isEnabledFor(logging.DEBUG) else None)


class Contained:
    """Goes on behind the `with` block whatever error leaves it; an end that was asked for is none.

    Args:
        what: could not be done, for the log; without it whoever made this looks at the error.

    Attributes:
        error: what happened, if anything did.
    """

    def __init__(self, what: str = "") -> None:
        self._what = what
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self.error = error
        if self._what:
            note(self._what, error)
        return True
