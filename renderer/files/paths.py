"""Paths of audio files: opens what can be read, checks what can be written, and says why not."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from stemfield.layouts.problems import UserError


class AudioFileError(UserError):
    """A sound file that cannot be read or written. The message is one line and names the file."""


def open_source(path: Path) -> BinaryIO:
    """Open an audio file for reading: a regular file, nothing that could block.

    Raises:
        AudioFileError: it does not exist, is not a regular file, or cannot be opened.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise AudioFileError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(mode):
        raise AudioFileError(f"{path}: is a folder, not a sound file")
    raise AudioFileError(f"{path}: is a pipe or a device: sound is read from files alone; save it to one first")


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
