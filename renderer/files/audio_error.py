"""The error of audio files that cannot be used."""

from __future__ import annotations

from stemfield.layouts.problems import UserError


class AudioFileError(UserError):
    """A sound file that cannot be read or written. The message is one line and names the file."""
