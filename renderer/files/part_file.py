"""Files in the making: under a short name of their own until they are complete, and locked as long as somebody writes.

What a process leaves that was killed is locked by nobody, and is removed by the next one that writes beside it.
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
    """A new file, open to be written and read, in the folder of the one that it will be.

    Attributes:
        path: where it is now.
        file: itself.
    """

    def __init__(self, folder: Path) -> None:
        """Create it, and remove what others left.

        Raises:
            OSError: it cannot be created.
        """
        clear_leavings(folder)
        while True:
            self.path = folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
            self.file: BinaryIO = self.path.open("x+b")
            with suppress(OSError):  # a file system without locks: then nobody clears it away either
                fcntl.flock(self.file, fcntl.LOCK_EX)
            if self._is_there():
                return
            self.file.close()  # cleared away by another one before it was locked

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            return False

    def put(self, target: Path) -> None:
        """Give it its name, in place of what stood there.

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
            with suppress(OSError):  # a full disk takes the last of it no more, and nobody wants it
                self.file.close()


def clear_leavings(folder: Path) -> None:
    """Remove what was begun in a folder by processes that ended without a last word."""
    with suppress(OSError):
        for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
