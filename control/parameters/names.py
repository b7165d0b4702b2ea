"""Names of scenes and recordings, and their file names."""

from __future__ import annotations

import unicodedata
from typing import Final

from stemfield.layouts.problems import RefusedError, shown

MAX_LETTERS: Final = 64
MAX_BYTES: Final = 180
"""Maximum size in UTF-8: file systems allow 255, and a suffix is added."""
ALLOWED: Final = "1 to 64 of A-Z a-z 0-9, space, _ and -, letters, digits and pictures of all scripts"
_PLAIN: Final = " _-\u200c\u200d"
"""The last two are joiners, needed by some scripts and pictures."""
_KINDS: Final = ("L", "M", "N", "So", "Sk")
"""Unicode categories: letters, marks, numbers and pictures."""


def valid_name(name: str) -> str:
    """A name in its stored form: composed, so that an accented letter is the same from every keyboard.

    Raises:
        RefusedError: too short, too long, or with other characters.
    """
    found = unicodedata.normalize("NFC", name)
    fits = found.strip() and len(found) <= MAX_LETTERS and all(map(_is_allowed, found))
    if not fits or len(found.encode()) > MAX_BYTES:
        more = f", at most {MAX_BYTES} bytes" if fits else ""
        raise RefusedError(f"expected {ALLOWED}{more}, got {shown(name)}")
    return found


def file_stem(name: str) -> str:
    """File name, without its suffix, for content of this name."""
    return name.replace(" ", "+")


def name_of(stem: str) -> str | None:
    """The name of a file's content, or None if no name has this file."""
    name = stem.replace("+", " ")
    try:
        return name if valid_name(name) == name else None
    except RefusedError:
        return None


def _is_allowed(letter: str) -> bool:
    if letter in _PLAIN:
        return True
    return letter.isalnum() if letter.isascii() else unicodedata.category(letter).startswith(_KINDS)
