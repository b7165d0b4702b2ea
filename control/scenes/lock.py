"""One daemon per state folder: two would silently overwrite each other's scene."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE: Final = "daemon.lock"
_MAX_TEXT: Final = 200

log = logging.getLogger(__name__)


class StateTakenError(OSError):
    """Another daemon uses this state folder."""


@contextmanager
def state_lock(folder: Path) -> Iterator[None]:
    """Lock the state folder of a daemon, which is created if missing; the kernel releases it when the process ends.

    If the folder cannot be written to, there is nothing to protect, and no lock.

    Raises:
        StateTakenError: another daemon has it, which the message names.
    """
    file = -1
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
            file = os.open(folder / FILE, flags, 0o644)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, _own_name().encode(errors="replace"), 0)
        except BlockingIOError as error:
            raise StateTakenError(
                errno.EAGAIN,
                f"{folder} is the state folder of another daemon ({_holder(file)}): stop that one, or set another "
                "state_folder",
            ) from error
        except OSError as error:
            log.warning("%s: cannot be locked against a second daemon: %s", folder, error.strerror)
        yield
    finally:
        if file >= 0:
            os.close(file)


def _holder(file: int) -> str:
    text = os.pread(file, _MAX_TEXT, 0).decode(errors="replace").strip()
    return text if text and text.isprintable() else "unknown process"


def _own_name() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"
