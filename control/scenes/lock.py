"""One daemon per state folder: two would silently overwrite each other's scene."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

FILE: Final = "daemon.lock"
_MAX_TEXT: Final = 200

log = logging.getLogger(__name__)


class StateTakenError(OSError):
    """Another daemon uses this state folder."""


class StateLock:
    """A lock on a state folder, as a context manager; the kernel releases it when the process ends.

    If the folder cannot be written to, there is nothing to protect, and no lock.

    Args:
        folder: state folder of the daemon; created if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            StateTakenError: another daemon has it, which the message names.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
            self._file = os.open(self._folder / FILE, flags, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, _own_name().encode(errors="replace"), 0)
        except BlockingIOError as error:
            holder = self._holder()
            self._close()
            raise StateTakenError(
                errno.EAGAIN,
                f"{self._folder} is the state folder of another daemon ({holder}): stop that one, or set another "
                "state_folder",
            ) from error
        except OSError as error:
            log.warning("%s: cannot be locked against a second daemon: %s", self._folder, error.strerror)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _holder(self) -> str:
        text = os.pread(self._file, _MAX_TEXT, 0).decode(errors="replace").strip()
        return text if text and text.isprintable() else "unknown process"


def _own_name() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
