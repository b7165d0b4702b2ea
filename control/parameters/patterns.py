"""Address patterns of OSC 1.0: `*`, `?`, `[a-z]`, `[!a-z]` and `{one,two}` within one part of an address.

A pattern becomes a regular expression whose stars are atomic groups. Each star takes the first place where the fixed
text after it fits and never backtracks, which is correct for globs and bounds the time by the product of the two
lengths, whatever is sent. Braces are expanded to alternatives first, because they would need backtracking.

>>> matches("v*[lm]s", "vocals"), matches("{bass,drums}", "drums"), matches("?", "10")
(True, True, False)
"""

from __future__ import annotations

import re
from functools import lru_cache

from stemfield.layouts.problems import RefusedError

SPECIAL = frozenset("*?[]{}")
"""Characters that make a part of an address a pattern."""

MAX_LENGTH = 256
MAX_ALTERNATIVES = 64


class PatternError(RefusedError):
    """An invalid address pattern."""


def is_pattern(text: str) -> bool:
    """Whether the text contains a special character."""
    return not SPECIAL.isdisjoint(text)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text.

    Args:
        pattern: one part of an address, without `/`, at most 256 characters.
        text: text to match.

    Raises:
        PatternError: the pattern is too long, has an unclosed or empty bracket, or has more than 64 alternatives.
    """
    return _compiled(pattern).match(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"expected a pattern of 1 to {MAX_LENGTH} characters, got {len(pattern)}")
    return re.compile("(?:" + "|".join(_glob(plain) for plain in _alternatives(pattern)) + r")\Z", re.DOTALL)


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
    chunks = [""]
    index = 0
    while index < len(plain):
        character = plain[index]
        index += 1
        if character == "*":
            chunks.append("")
        elif character == "?":
            chunks[-1] += "."
        elif character == "]":
            raise PatternError(f"{plain}: ']' without '['")
        elif character == "[":
            end = plain.find("]", index)
            if end < 0:
                raise PatternError(f"{plain}: '[' is not closed")
            chunks[-1] += _character_set(plain, plain[index:end])
            index = end + 1
        else:
            chunks[-1] += re.escape(character)
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    return first + "".join(f"(?>.*?{chunk})" for chunk in middle if chunk) + ".*" + last


def _character_set(plain: str, body: str) -> str:
    """The regular expression of the inside of `[...]`."""
    negated = body.startswith("!")
    body = body[negated:]
    if not body:
        raise PatternError(f"{plain}: '[]' is empty")
    members = ""
    index = 0
    while index < len(body):
        if body[index + 1 : index + 2] == "-" and index + 2 < len(body):
            low, high = body[index], body[index + 2]
            if low > high:
                raise PatternError(f"{plain}: [{low}-{high}] runs backwards")
            members += f"{re.escape(low)}-{re.escape(high)}"
            index += 3
        else:
            members += re.escape(body[index])
            index += 1
    return f"[{'^' if negated else ''}{members}]"
