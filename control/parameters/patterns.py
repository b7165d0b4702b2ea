"""Address patterns of OSC 1.0: `*`, `?`, `[a-z]`, `[!a-z]` and `{one,two}` within one part of an address.

A pattern becomes a regular expression whose stars are atomic groups (`fnmatch` since Python 3.11). Each star takes the
first place where the fixed text after it fits and never backtracks, which is correct for globs and bounds the time by
the product of the two lengths, whatever is sent. Braces are expanded to alternatives first, because they would need
backtracking.

>>> matches("v*[lm]s", "vocals"), matches("{bass,drums}", "drums"), matches("?", "10")
(True, True, False)
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache

from stemfield.layouts.problems import RefusedError

SPECIAL = frozenset("*?[]{}")
"""Characters that make a part of an address a pattern."""

MAX_LENGTH = 256
MAX_ALTERNATIVES = 64
_BRACKETS = re.compile(r"\[!?([^\]]*)(\]?)|\]")
_RANGE = re.compile("(.)-(.)", re.DOTALL)


class PatternError(RefusedError):
    """An invalid address pattern."""


def is_pattern(text: str) -> bool:
    """Whether the text contains a special character."""
    return not SPECIAL.isdisjoint(text)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern, one part of an address without `/`, matches the whole text.

    Raises:
        PatternError: the pattern is too long, has an unclosed or empty bracket, or has more than 64 alternatives.
    """
    return _compiled(pattern).match(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"expected a pattern of 1 to {MAX_LENGTH} characters, got {len(pattern)}")
    return re.compile("|".join(_glob(plain) for plain in _alternatives(pattern)))


def _alternatives(pattern: str) -> list[str]:
    """The pattern without braces, once for each combination of alternatives."""
    plains = [""]
    rest = pattern
    while rest:
        before, brace, after = rest.partition("{")
        if "}" in before:
            raise PatternError(f"{pattern}: '}}' without '{{'")
        choices, closing, rest = after.partition("}")
        if brace and (not closing or "{" in choices):
            raise PatternError(f"{pattern}: '{{' is not closed")
        plains = [plain + before + choice for plain in plains for choice in choices.split(",")]
        if len(plains) > MAX_ALTERNATIVES:
            raise PatternError(f"{pattern}: expected at most {MAX_ALTERNATIVES} alternatives")
    return plains


def _glob(plain: str) -> str:
    """The regular expression of a pattern without braces."""
    for found in _BRACKETS.finditer(plain):
        body, closing = found.groups()
        if body is None:
            raise PatternError(f"{plain}: ']' without '['")
        if not closing:
            raise PatternError(f"{plain}: '[' is not closed")
        if not body:
            raise PatternError(f"{plain}: '[]' is empty")
        for low, high in _RANGE.findall(body):
            if low > high:
                raise PatternError(f"{plain}: [{low}-{high}] runs backwards")
    return translate(plain)
