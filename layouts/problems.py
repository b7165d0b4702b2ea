"""Errors that are shown to a user, and the words that they share: the thing, its value, what was expected."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

MAX_TEXT = 128
MAX_LABEL_BYTES = 200
_NO_ADDRESS = "/{}[],*?#"


class UserError(ValueError):
    """An error that is shown to the user without a traceback: one line that names the thing and its value."""

    @property
    def lines(self) -> tuple[str, ...]:
        """One problem each."""
        return (str(self),)


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
    """That a value is no mapping, has unknown keys, or lacks some."""
    if not isinstance(value, Mapping):
        yield f"{path}: must be a mapping with the keys {', '.join(known)}, not {kind(value)}"
        return
    yield from unknown_keys(f"{path}.", value, known)
    yield from (f"{path}.{key}: is missing" for key in required if key not in value)


def number_problems(path: str, value: object, low: float, high: float) -> Iterator[str]:
    """That a value is no number, or not within low..high."""
    if not is_number(value):
        yield f"{path}: must be a number, not {kind(value)}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is not a finite number"
    elif path.endswith(".radius_m") and value <= 0:
        yield f"{path}: {value} puts the loudspeaker at the origin; it must be above 0, at most {high:g}"
    elif not low <= value <= high:
        yield f"{path}: {value} is outside {low:g}..{high:g}"


def text_problems(path: str, value: object, longest: int = MAX_TEXT) -> Iterator[str]:
    """That a value is no text, or none to be shown on one line."""
    if is_number(value):
        yield f"{path}: {value} is a number here; write it in quotes"
    elif not isinstance(value, str):
        yield f"{path}: must be text, not {kind(value)}"
    elif not 1 <= len(value) <= longest or not value.isprintable() or value != value.strip():
        yield f"{path}: must be 1..{longest} printable characters without space at its ends"


def label_problems(path: str, value: object) -> Iterator[str]:
    """That a value is no text, or a label that no OSC address or no JACK port can hold."""
    problems = list(text_problems(path, value))
    yield from problems
    if not isinstance(value, str) or problems:
        return
    if (size := len(value.encode())) > MAX_LABEL_BYTES:
        yield f"{path}: {size} bytes are too long for the name of a JACK port, at most {MAX_LABEL_BYTES}"
    if reachable_label(value) != value:
        found = "".join(dict.fromkeys(letter for letter in value if letter in _NO_ADDRESS))
        yield f"{path}: no OSC address reaches {value!r}, because of {found}; {reachable_label(value)!r} would do"


def reachable_label(label: str) -> str:
    """A label that an OSC address can hold: that without what has a meaning in addresses and in lists of labels.

    >>> reachable_label("L/R [top]"), reachable_label("M+030")
    ('L-R -top', 'M+030')
    """
    if set(_NO_ADDRESS).isdisjoint(label):
        return label
    return re.sub(f"[{re.escape(_NO_ADDRESS)}]+", "-", label).strip("- ") or "-"


def choice_problems(path: str, value: object, allowed: Sequence[str]) -> Iterator[str]:
    """That a value is none of the allowed words."""
    if not isinstance(value, str):
        yield f"{path}: must be one of {', '.join(allowed)}, not {kind(value)}"
    elif value not in allowed:
        yield f"{path}: {value!r} is none of {', '.join(allowed)}{did_you_mean(value, allowed)}"


def truth_problems(path: str, value: object) -> Iterator[str]:
    """That a value is neither true nor false."""
    if not isinstance(value, bool):
        yield f"{path}: must be true or false, not {kind(value)}"


def unknown_keys(prefix: str, data: Mapping[Any, Any], known: Sequence[str]) -> Iterator[str]:
    """One problem for every key that is not known."""
    for key in data:
        if key not in known:
            yield f"{prefix}{key}: unknown key{did_you_mean(str(key), known)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` where a known word is near, else nothing."""
    near = difflib.get_close_matches(word[:MAX_TEXT], tuple(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def kind(value: object) -> str:
    """A value in words, for the end of a message."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, (bool, int, float)):
        return f"{value!r}"
    return {"dict": "a mapping", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")


def shown(value: object) -> str:
    """A value as it is quoted in a message: short, whatever it is."""
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
