"""Names that people give to scenes and recordings, and what the files of these are called."""

from __future__ import annotations

import unicodedata
from typing import Final

from stemfield.control.problems import RefusedError
from stemfield.layouts.problems import shown

MAX_LETTERS: Final = 64
MAX_BYTES: Final = 180
"""Of UTF-8: file systems take 255, and a suffix follows."""
ALLOWED: Final = "1 to 64 of A-Z a-z 0-9, space, _ and -, letters, digits and pictures of all scripts"
_PLAIN: Final = " _-\u200c\u200d"
"""The last two join: some scripts write with them, and some pictures are made of several."""
_KINDS: Final = ("L", "M", "N", "So", "Sk")
"""Unicode's letters, marks that are written over and beside them, numbers and pictures."""


def kept_name(name: str) -> str:
    """A name in the one form in which it is kept: an e with an accent is the same however a keyboard made it.

    Raises:
        RefusedError: too short, too long, or with other characters.
    """
    found = unicodedata.normalize("NFC", name)
    fits = found.strip() and len(found) <= MAX_LETTERS and all(map(_is_allowed, found))
    if not fits or len(found.encode()) > MAX_BYTES:
        more = f", at most {MAX_BYTES} bytes" if fits else ""
        raise RefusedError(f"{shown(name)}: allowed {ALLOWED}{more}")
    return found


def file_stem(name: str) -> str:
    """What a file is called, without its suffix, whose content has this name."""
    return name.replace(" ", "+")


def name_of(stem: str) -> str | None:
    """The name of what a file holds, or nothing where no name leads to such a file."""
    name = stem.replace("+", " ")
    try:
        return name if kept_name(name) == name else None
    except RefusedError:
        return None


def _is_allowed(letter: str) -> bool:
    if letter in _PLAIN:
        return True
    return letter.isalnum() if letter.isascii() else unicodedata.category(letter).startswith(_KINDS)
