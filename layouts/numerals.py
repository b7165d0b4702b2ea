"""Numbers that people and other programs write as text: decimal digits of ASCII, and nothing that Python adds to them.

Python's own `float` and `int` take `1_0` for ten, and the digits of every script.

>>> real(" -1.5e3 "), whole("007")
(-1500.0, 7)
"""

from __future__ import annotations

import re
from typing import Final

_REAL: Final = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


def real(text: str) -> float:
    """The number that a text is, perhaps infinite.

    Raises:
        ValueError: it is none.
    """
    if not _REAL.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no number")
    return float(text)


def whole(text: str) -> int:
    """The whole number that a text is, of at most 18 digits.

    Raises:
        ValueError: it is none.
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no whole number")
    return int(text)
