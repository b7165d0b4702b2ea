"""Opens audio files: regular files only, nothing that could block."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO

from stemfield.renderer.files.audio_error import AudioFileError


def open_source(path: Path) -> BinaryIO:
    """Open an audio file for reading.

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
