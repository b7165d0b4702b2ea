"""One argument of a parameter: its tag, unit and range, and the check that a value passes on its way in.

From the wire a number outside its range is clamped. From a file, where a person can be told, it is refused.

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

from stemfield.control.problems import RefusedError
from stemfield.layouts.numerals import real
from stemfield.layouts.problems import did_you_mean, shown

Tag = Literal["f", "i", "s", "T"]

Value = float | int | str | bool
"""One value of a parameter."""

MAX_TEXT_BYTES = 4096
"""Of one string that is sent or stands in a file."""
MAX_KEPT_BYTES = 2048
"""Of one string that a scene keeps, as its file has it: the largest scene still fits into one, and into its journal."""
MAX_SAID = 1024
"""Characters of a reason that a sender is told."""
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_KINDS = {"f": "a number", "i": "a whole number", "s": "a string", "T": "true or false"}


@dataclass(frozen=True, slots=True)
class Argument:
    """What one argument may be.

    Numbers and truth values of every OSC type (i f d h T F) stand for one another.
    """

    tag: Tag
    """Type tag of OSC: float, integer, string, or truth value."""
    name: str
    unit: str = ""
    """As OSCQuery names units: `distance.m`, `angle.degree`, `gain.linear`, `gain.db`, `time.second`."""
    low: float = -math.inf
    high: float = math.inf
    cyclic: bool = False
    """An angle that comes round again: it is wrapped to -180..180 instead of clamped."""
    values: tuple[str, ...] = ()
    """The only strings allowed, where not empty."""
    optional: bool = False
    repeated: bool = False
    """All arguments of the address, as a group, may come any number of times."""
    exact: bool = False
    """A whole number that chooses something: one with a fraction is refused instead of rounded."""
    words: str = ""
    """What a string may be, where that is more than text."""

    def accept(self, value: object, *, strict: bool = False) -> Value:
        """The value as this argument's type, within its range.

        Args:
            value: what came over the wire or out of a file.
            strict: refuse a number out of range instead of clamping it.

        Raises:
            RefusedError: wrong type, NaN or infinity, a string that is too long, cannot be encoded, has control
                characters or is not one of `values`, or (strict) out of range.
        """
        if self.tag == "s":
            return self._accept_string(value)
        if not isinstance(value, int | float):
            raise RefusedError(f"{shown(value)}: allowed {self.allowed()}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if number == -math.inf and self.unit == "gain.db":
            number = self.low  # as sound programs write silence
        if not math.isfinite(number) or ((self.exact or strict) and self.tag == "i" and not number.is_integer()):
            raise RefusedError(f"{shown(value)}: allowed {self.allowed()}")
        if self.tag == "T":
            return bool(number)
        if strict and not self.low <= number <= self.high and not self.cyclic:
            raise RefusedError(f"{shown(value)}: allowed {self.allowed()}")
        if self.cyclic:
            return math.remainder(number, 360.0)
        number = min(max(number, self.low), self.high)
        return round(number) if self.tag == "i" else number

    def _accept_string(self, value: object) -> str:
        if not isinstance(value, str):
            raise RefusedError(f"{shown(value)}: allowed {self.allowed()}")
        if _NO_TEXT.search(value):
            words = self.words or "text in UTF-8 without control characters"
            raise RefusedError(f"{shown(value)}: allowed {words}")
        if (size := len(value.encode())) > MAX_TEXT_BYTES:
            raise RefusedError(f"{size} bytes of text: allowed at most {MAX_TEXT_BYTES}")
        if self.values and value not in self.values:
            raise RefusedError(f"{shown(value)}: allowed {self.allowed()}{did_you_mean(value, self.values)}")
        return value

    def allowed(self) -> str:
        """What may stand here, in words."""
        if self.values:
            return ", ".join(value or '""' for value in self.values)
        words = _KINDS[self.tag]
        if math.isinf(self.low) and math.isinf(self.high):
            return words
        return f"{words} from {self.low:g} to {self.high:g}" if self.tag in "fi" else words


def accept_all(arguments: Sequence[Argument], values: Sequence[object], *, strict: bool = False) -> tuple[Value, ...]:
    """Check a message's arguments against what its address takes.

    Returns:
        The values as their types and within their ranges; optional ones that are missing are left out.

    What programs send behind all that an address takes is passed over, such as a button's state, but not in a file.

    Raises:
        RefusedError: too few or (strict) too many arguments, or one that `Argument.accept` refuses.
    """
    endless = bool(arguments) and arguments[-1].repeated
    if not strict and not endless:
        values = values[: len(arguments)]
    once = sum(not a.optional for a in arguments) <= len(values) <= len(arguments)
    if not once and not (endless and values and len(values) % len(arguments) == 0):
        names = " ".join(f"[{a.name}]" if a.optional else a.name for a in arguments) or "none"
        raise RefusedError(f"{len(values)} arguments: allowed {names}{' ...' if endless else ''}")
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
            raise RefusedError(f"{shown(word)}: allowed {', '.join(known)}{did_you_mean(word, known)}")
    return tuple(word for word in known if word in words)


def check_kept(text: str) -> None:
    """Refuse a text that is too long for a scene to keep."""
    size = len(json.dumps(text, ensure_ascii=False).encode()) - len('""')
    if size > MAX_KEPT_BYTES:
        raise RefusedError(f"{size} bytes of text: allowed at most {MAX_KEPT_BYTES}")


def sayable(text: str) -> str:
    """A text as it can be sent to anybody, whatever it quotes: encodable, without NUL, of bounded length."""
    text = text if len(text) <= MAX_SAID else f"{text[: MAX_SAID - 3]}..."
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")


def neat(value: Value) -> Value:
    """A value as JSON has it for people and programs: of a number as much as the floats of OSC hold.

    >>> neat(59.99999999999999), neat("a"), neat(True)
    (60.0, 'a', True)
    """
    return float(f"{value:.7g}") if isinstance(value, float) else value


def number(value: object) -> float:
    """A number, which may be quoted.

    Raises:
        RefusedError: it is none, or not finite.
    """
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            found = real(value) if isinstance(value, str) else float(value)
        except (ValueError, OverflowError):
            found = math.nan
        if math.isfinite(found):
            return found
    raise RefusedError(f"{shown(value)}: allowed a number")


def whole(value: object, low: int, high: int) -> int:
    """A whole number within a range, which may be quoted.

    Raises:
        RefusedError: it is none.
    """
    found = number(value)
    if found != int(found) or not low <= found <= high:
        raise RefusedError(f"{shown(value)}: allowed a whole number from {low} to {high}")
    return int(found)
