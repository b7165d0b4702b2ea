"""Names of objects, as used in their OSC addresses."""

from __future__ import annotations

import re

from stemfield.layouts.problems import RefusedError, shown

ALLOWED_NAMES = "1 to 128 characters, not digits only, none of / * ? [ ] { } # ,"
_UNNAMEABLE = re.compile(r"[/*?\[\]{}#,\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def check_name(name: str) -> str:
    """Return an object's name without surrounding white space.

    Raises:
        RefusedError: it is empty, longer than 128 characters, digits only (that would be an id), or has a character
            that no address can contain.
    """
    stripped = name.strip()
    if not 1 <= len(stripped) <= 128 or stripped.isdecimal() or _UNNAMEABLE.search(stripped):
        raise RefusedError(f"expected {ALLOWED_NAMES}, got {shown(name)}")
    return stripped
