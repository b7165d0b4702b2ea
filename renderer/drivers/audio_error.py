"""What a sound file's user is told when it cannot be used."""

from __future__ import annotations


class AudioFileError(ValueError):
    """A sound file that cannot be read or written. The message is one line and names the file."""
