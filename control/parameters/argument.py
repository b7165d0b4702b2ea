"""One argument of a parameter: its tag, unit and range, and the check of its values.

A number out of range is clamped when it comes from the network, and refused when it comes from a file.

>>> Argument("f", "elevation", "angle.degree", -90.0, 90.0).accept(100)
90.0
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stemfield.layouts.numerals import real
from stemfield.layouts.problems import RefusedError, did_you_mean, shown

Tag = Literal["f", "i", "s", "T"]

Value = float | int | str | bool
"""One value of a parameter."""

MAX_TEXT_BYTES = 4096
"""Maximum size of a string that is sent or is in a file."""
MAX_STORED_BYTES = 2048
"""Maximum size of a string that is part of a scene, as it is in files: the largest scene fits into its journal."""
MAX_REASON = 1024
"""Maximum number of characters of a reason that is sent."""
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_KINDS = {"f": "a number", "i": "a whole number", "s": "a string", "T": "true or false"}


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument may be.

    Numbers and truth values of all OSC types (i f d h T F) are interchangeable.
    """

    tag: Tag
    """OSC type tag: float, integer, string, or truth value."""
    name: str
    unit: str = ""
    """Unit as in OSCQuery: `distance.m`, `angle.degree`, `gain.linear`, `gain.db`, `time.second`."""
    low: float = -math.inf
    high: float = math.inf
    cyclic: bool = False
    """An angle that is wrapped to -180..180 instead of clamped."""
    values: tuple[str, ...] = ()
    """The only strings allowed, if not empty."""
    optional: bool = False
    repeated: bool = False
    """All arguments of the address, as a group, may be repeated any number of times."""
    exact: bool = False
    """A whole number that selects something: a fraction is refused instead of rounded."""
    words: str = ""
    """What a string may be, if not just any text."""

    def accept(self, value: object, *, strict: bool = False) -> Value:
        """The value with this argument's type, within its range.

        Args:
            value: from the network or a file.
            strict: refuse a number out of range instead of clamping it.

        Raises:
            RefusedError: wrong type, NaN or infinity, a string that is too long, cannot be encoded, has control
                characters or is not one of `values`, or (strict) out of range.
        """
        if self.tag == "s":
            return self._accept_string(value)
        if not isinstance(value, int | float):
            raise self._refusal(value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if number == -math.inf and self.unit == "gain.db":
            number = self.low  # silence, as audio programs write it
        if not math.isfinite(number) or ((self.exact or strict) and self.tag == "i" and not number.is_integer()):
            raise self._refusal(value)
        if self.tag == "T":
            return bool(number)
        if strict and not self.low <= number <= self.high and not self.cyclic:
            raise self._refusal(value)
        if self.cyclic:
            return math.remainder(number, 360.0)
        number = min(max(number, self.low), self.high)
        return round(number) if self.tag == "i" else number

    def _accept_string(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._refusal(value)
        if _NO_TEXT.search(value):
            words = self.words or "text in UTF-8 without control characters"
            raise RefusedError(f"expected {words}, got {shown(value)}")
        if (size := len(value.encode())) > MAX_TEXT_BYTES:
            raise RefusedError(f"expected at most {MAX_TEXT_BYTES} bytes of text, got {size}")
        if self.values and value not in self.values:
            raise RefusedError(f"{self._refusal(value)}{did_you_mean(value, self.values)}")
        return value

    def _refusal(self, value: object) -> RefusedError:
        return RefusedError(f"expected {self.allowed()}, got {shown(value)}")

    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.values:
            return ", ".join(value or '""' for value in self.values)
        words = _KINDS[self.tag]
        if math.isinf(self.low) and math.isinf(self.high):
            return words
        return f"{words} from {self.low:g} to {self.high:g}" if self.tag in "fi" else words


def accept_all(arguments: Sequence[Argument], values: Sequence[object], *, strict: bool = False) -> tuple[Value, ...]:
    """Check the arguments of a message.

    Surplus arguments, such as the state of a button, are ignored, but not in a file.

    Returns:
        The values with their types and within their ranges, without missing optional ones.

    Raises:
        RefusedError: too few or (strict) too many arguments, or one that `Argument.accept` refuses.
    """
    endless = bool(arguments) and arguments[-1].repeated
    if not strict and not endless:
        values = values[: len(arguments)]
    once = sum(not a.optional for a in arguments) <= len(values) <= len(arguments)
    if not once and not (endless and values and len(values) % len(arguments) == 0):
        names = " ".join(f"[{a.name}]" if a.optional else a.name for a in arguments) or "none"
        got = f"{len(values)} argument{'' if len(values) == 1 else 's'}"
        raise RefusedError(f"expected {names}{' ...' if endless else ''}, got {got}")
    accepted = []
    for index, value in enumerate(values):
        argument = arguments[index % len(arguments)]
        try:
            accepted.append(argument.accept(value, strict=strict))
        except RefusedError as refused:
            if len(arguments) == 1:
                raise
            raise RefusedError(f"{argument.name}: {refused}") from refused
    return tuple(accepted)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_words(text: str, known: Sequence[Any]) -> tuple[Any, ...]:
    """Comma-separated words, in the order of the known ones.

    Raises:
        RefusedError: an unknown word.
    """
    words = listed(text)
    for word in words:
        if word not in known:
            raise RefusedError(f"expected {', '.join(known)}, got {shown(word)}{did_you_mean(word, known)}")
    return tuple(word for word in known if word in words)


def check_stored(text: str) -> None:
    """Refuse a text that is too long for a scene."""
    size = len(json.dumps(text, ensure_ascii=False).encode()) - len('""')
    if size > MAX_STORED_BYTES:
        raise RefusedError(f"expected at most {MAX_STORED_BYTES} bytes of text, got {size}")


def sendable(text: str) -> str:
    """A text that can be sent, whatever it quotes: encodable, without NUL, of bounded length."""
    text = text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def neat(value: Value) -> Value:
    """A value for JSON: numbers with the precision of OSC floats.

    >>> neat(59.99999999999999), neat("a"), neat(True)
    (60.0, 'a', True)
    """
    return float(f"{value:.7g}") if isinstance(value, float) else value


def number(value: object) -> float:
    """A number, which may be quoted.

    Raises:
        RefusedError: not a number, or not finite.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = real(value) if isinstance(value, str) else float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise RefusedError(f"expected a number, got {shown(value)}")


def whole(value: object, low: int, high: int) -> int:
    """A whole number within a range, which may be quoted.

    Raises:
        RefusedError: it is not.
    """
    found = number(value)
    if found != int(found) or not low <= found <= high:
        raise RefusedError(f"expected a whole number from {low} to {high}, got {shown(value)}")
    return int(found)
