"""Questions to a person on the terminal, each with a suggestion, asked again until the answer can be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.prompt import Confirm, Prompt

from stemfield.control.problems import CommandError
from stemfield.layouts.problems import UserError

T = TypeVar("T")


class Questions:
    """Asks, or takes the suggestions.

    Args:
        suggested: whether to take them without asking.
    """

    def __init__(self, *, suggested: bool) -> None:
        self._suggested = suggested
        self.console = Console(highlight=False)

    def tell(self, text: str) -> None:
        """Something that a person should know before the next question."""
        if not self._suggested:
            self.console.print(text, markup=False)

    def ask(self, question: str, suggestion: str, use: Callable[[str], T]) -> T:
        """The answer, as `use` makes it of the text.

        Raises:
            UserError: there is no terminal; or nothing was asked, and `use` refuses the suggestion.
        """
        while True:
            try:
                return use(suggestion if self._suggested else self._answer(question, suggestion))
            except UserError as error:
                if self._suggested or isinstance(error, NobodyError):
                    raise
                for line in error.lines:
                    self.console.print(line, style="red", markup=False)

    def confirm(self, question: str, suggestion: bool) -> bool:
        """Yes or no."""
        if self._suggested:
            return suggestion
        try:
            return Confirm.ask(question, default=suggestion, console=self.console)
        except EOFError as error:
            raise NobodyError(question) from error

    def _answer(self, question: str, suggestion: str) -> str:
        try:
            return Prompt.ask(question, default=suggestion, console=self.console).strip()
        except EOFError as error:
            raise NobodyError(question) from error


class NobodyError(CommandError):
    """The standard input has ended."""

    def __init__(self, question: str) -> None:
        super().__init__([f"nobody answers `{question}`: give options, or --yes for what is suggested"])
