"""Errors that are shown to a user, and the words that they share: the thing, its value, what was expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

MAX_TEXT = 128
MAX_LABEL_BYTES = 200
MAX_LISTED = 20
"""Maximum number of problems listed."""
_NO_ADDRESS = "/{}[],*?#"


class UserError(ValueError):
    """An error that is shown to the user without a traceback: one line that names the thing and its value.

    Attributes:
        status: exit status of a command that ends with it.
    """

    status = 2

    @property
    def lines(self) -> tuple[str, ...]:
        """One problem each."""
        return (str(self),)


class RefusedError(UserError):
    """A request that is refused; the message names what was expected and the value."""


class ProblemsError(UserError):
    """Something that cannot be used.

    Attributes:
        source: the file or the name.
        problems: every problem found in it, one line each.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(self.lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """Every problem behind its source."""
        return tuple(f"{self.source}: {problem}" for problem in self.problems)


def mapping_problems(path: str, value: object, known: Sequence[str], required: Sequence[str] = ()) -> Iterator[str]:
    """Problems of a mapping: not a mapping, unknown keys, missing keys."""
    if not isinstance(value, Mapping):
        yield f"{path}: expected a mapping with the keys {', '.join(known)}, got {kind(value)}"
        return
    yield from unknown_keys(f"{path}.", value, known)
    yield from (f"{path}.{key}: missing" for key in required if key not in value)


def number_problems(path: str, value: object, low: float, high: float) -> Iterator[str]:
    """Problems of a number: not a number, or out of range."""
    if is_number(value) and low <= 0 and path.endswith(".radius_m") and value <= 0:
        yield f"{path}: expected more than 0, got {value}: a loudspeaker cannot be at the listener"
    elif not is_number(value) or not low <= value <= high:
        yield f"{path}: expected a number from {low:g} to {high:g}, got {kind(value)}"


def text_problems(path: str, value: object, longest: int = MAX_TEXT) -> Iterator[str]:
    """Problems of a text: not a text, or not printable on one line."""
    if is_number(value):
        yield f"{path}: expected text, got the number {value}: write it in quotes"
    elif not isinstance(value, str):
        yield f"{path}: expected text, got {kind(value)}"
    elif not 1 <= len(value) <= longest or not value.isprintable() or value != value.strip():
        yield f"{path}: expected 1 to {longest} printable characters without spaces at the ends, got {shown(value)}"


def label_problems(path: str, value: object) -> Iterator[str]:
    """Problems of a label: not a text, or not possible in an OSC address or the name of a JACK port."""
    problems = list(text_problems(path, value))
    yield from problems
    if not isinstance(value, str) or problems:
        return
    if (size := len(value.encode())) > MAX_LABEL_BYTES:
        yield f"{path}: expected at most {MAX_LABEL_BYTES} bytes, as JACK port names allow, got {size}"
    if reachable_label(value) != value:
        found = "".join(dict.fromkeys(letter for letter in value if letter in _NO_ADDRESS))
        yield f"{path}: expected a label without {found}, such as {reachable_label(value)!r}, got {value!r}"


def reachable_label(label: str) -> str:
    """A label that an OSC address can hold: without the special characters of addresses and lists of labels.

    >>> reachable_label("L/R [top]"), reachable_label("M+030")
    ('L-R -top', 'M+030')
    """
    if set(_NO_ADDRESS).isdisjoint(label):
        return label
    return re.sub(f"[{re.escape(_NO_ADDRESS)}]+", "-", label).strip("- ") or "-"


def choice_problems(path: str, value: object, allowed: Sequence[str]) -> Iterator[str]:
    """Problems of a choice: not one of some words."""
    if not isinstance(value, str) or value not in allowed:
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        yield f"{path}: expected one of {', '.join(allowed)}, got {kind(value)}{hint}"


def truth_problems(path: str, value: object) -> Iterator[str]:
    """Problems of a truth value: neither true nor false."""
    if not isinstance(value, bool):
        yield f"{path}: expected true or false, got {kind(value)}"


def unknown_keys(prefix: str, data: Mapping[Any, Any], known: Sequence[str]) -> Iterator[str]:
    """One problem for every unknown key."""
    for key in data:
        if key not in known:
            yield f"{prefix}{key}: unknown key{did_you_mean(str(key), known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` where a known word is near, else nothing."""
    near = difflib.get_close_matches(word[:MAX_TEXT], tuple(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def kind(value: object) -> str:
    """A value in words, for the end of a message."""
    if value is None:
        return "nothing"
    if isinstance(value, (str, bool, int, float)):
        return repr(value) if isinstance(value, float) else shown(value)
    return {"dict": "a mapping", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")


def shown(value: object) -> str:
    """A value as quoted in a message, shortened."""
    match value:
        case str():
            text = repr(value)
        case bytes() | bytearray():
            text = f"{len(value)} bytes"
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case float():
            text = f"{value:.7g}"
        case _:
            text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def shortened(lines: Sequence[str], limit: int = MAX_LISTED) -> list[str]:
    """The first lines, and the number of the others."""
    more = len(lines) - limit
    return [*lines[:limit], f"and {more} more"] if more > 0 else list(lines)
