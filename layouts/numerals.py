"""Numbers written as text by people and other programs, in ASCII digits only.

Python's own `float` and `int` accept `1_0` as ten, and the digits of every script.

>>> real(" -1.5e3 "), whole("007")
(-1500.0, 7)
"""

from __future__ import annotations

import re
from typing import Final

_REAL: Final = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)", re.IGNORECASE)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")


def real(text: str) -> float:
    """The number in a text, possibly infinite.

    Raises:
        ValueError: not a number.
    """
    if not _REAL.fullmatch(text.strip()):
        raise ValueError(f"expected a number, got {text!r}")
    return float(text)


def whole(text: str) -> int:
    """The whole number in a text, of at most 18 digits.

    Raises:
        ValueError: not a whole number.
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"expected a whole number, got {text!r}")
    return int(text)
