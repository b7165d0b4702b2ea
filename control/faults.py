"""Internal errors of the daemon: contained where they happen, logged and counted."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Final, Self

REPEAT_S: Final = 10.0
"""Minimum time between two lines about the same error, which a sender may provoke a thousand times a second."""
_MAX_REMEMBERED: Final = 64

log = logging.getLogger(__name__)
_logged_s: dict[tuple[str, str], float] = {}
_count = 0


def fault_count() -> int:
    """Number of internal errors since the process began, logged or not."""
    return _count


def cause(error: BaseException) -> str:
    """Why something failed, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"


def log_fault(what: str, error: BaseException, where: str = "") -> None:
    """Log and count an internal error: one line, with a traceback at log level debug; not too often.

    Args:
        what: what could not be done.
        error: why not.
        where: where it happened, such as the address of a message.
    """
    global _count
    _count += 1
    key, now_s = (what, type(error).__name__), time.monotonic()
    if now_s < _logged_s.get(key, -REPEAT_S) + REPEAT_S:
        return
    if len(_logged_s) >= _MAX_REMEMBERED:
        _logged_s.clear()
    _logged_s[key] = now_s
    text = f"{what}: {where}" if where else what
    log.error("%s: %s", text, cause(error), exc_info=error if log.isEnabledFor(logging.DEBUG) else None)


class Contained:
    """Continues after the `with` block whatever error leaves it; cancellation and exit pass.

    Args:
        what: what could not be done, for the log; without it nothing is logged, and the caller looks at `error`.

    Attributes:
        error: error that left the block, or None.
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
            log_fault(self._what, error)
        return True
