"""Names of objects, which are part of their OSC addresses."""

from __future__ import annotations

import re

from stemfield.control.problems import RefusedError
from stemfield.layouts.problems import shown

ALLOWED_NAMES = "1 to 128 characters, not digits only, none of / * ? [ ] { } # ,"
_UNNAMEABLE = re.compile(r"[/*?\[\]{}#,\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def check_name(name: str) -> str:
    """An object's name without surrounding white space.

    Raises:
        RefusedError: empty, longer than 128 characters, digits only (that would be an id), or with a character that
            cannot stand in an address.
    """
    stripped = name.strip()
    if not 1 <= len(stripped) <= 128 or stripped.isdecimal() or _UNNAMEABLE.search(stripped):
        raise RefusedError(f"{shown(name)}: allowed {ALLOWED_NAMES}")
    return stripped
