"""Errors that are shown to a user, and the words that they share: the thing, its value, what was expected."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MAX_TEXT = 128
MAX_LISTED = 20
"""Maximum number of problems listed."""


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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` where a known word is near, else nothing."""
    near = difflib.get_close_matches(word[:MAX_TEXT], tuple(known), n=1)
    return f", did you mean {near[0]}?" if near else ""


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
