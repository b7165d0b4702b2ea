"""Checks the target of a file before the work that fills it."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def target_problem(path: Path) -> str:
    """Why no file can be written there, or an empty string. An existing regular file may be replaced.

    A pipe or a device would be replaced, too, instead of being written to.
    """
    try:
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}"
        if path.exists() and not stat.S_ISREG(mode := path.stat().st_mode):
            return "is a folder" if stat.S_ISDIR(mode) else "is no file but a pipe, a socket or a device; name a file"
        if not os.access(path.parent, os.W_OK):
            return f"no permission to write into {path.parent}"
    except OSError as error:  # the name is too long
        return f"cannot be written: {error.strerror or error}"
    return ""
