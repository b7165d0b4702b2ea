"""Unfinished files: under a short temporary name until they are complete, and locked while they are written.

The file of a process that was killed is not locked, and the next process that writes in the folder removes it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

PREFIX: Final = ".stemfield-"
SUFFIX: Final = ".part"


class PartFile:
    """A new file, open for writing and reading, in the folder of its target.

    Attributes:
        path: temporary path.
        file: the open file.
    """

    def __init__(self, folder: Path) -> None:
        """Create it, and remove files of killed processes.

        Raises:
            OSError: it cannot be created.
        """
        clear_leavings(folder)
        while True:
            self.path = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
            self.file: BinaryIO = self.path.open("x+b")
            with suppress(OSError):  # a file system without locks, where nobody removes it either
                fcntl.flock(self.file, fcntl.LOCK_EX)
            if self._is_there():
                return
            self.file.close()  # removed by another process before it was locked

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            return False

    def put(self, target: Path) -> None:
        """Rename it to its target, replacing what exists there.

        Raises:
            OSError: it cannot be written, or renamed.
        """
        self.file.flush()
        self.path.replace(target)
        self.file.close()

    def remove(self) -> None:
        """Remove it, if it has not been put in place."""
        if not self.file.closed:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # the disk is full, and the rest is not wanted
                self.file.close()


def clear_leavings(folder: Path) -> None:
    """Remove the unfinished files of killed processes from a folder."""
    with suppress(OSError):
        for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
