"""Questions on the terminal, each with a suggestion, repeated until the answer is valid."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.prompt import Confirm, Prompt

from stemfield.control.command_errors import CommandError
from stemfield.layouts.problems import UserError

T = TypeVar("T")


class Questions:
    """Asks questions, or uses the suggestions.

    Args:
        suggested: whether to use them without asking.
    """

    def __init__(self, *, suggested: bool) -> None:
        self._suggested = suggested
        self.console = Console(highlight=False)

    def inform(self, text: str) -> None:
        """Print information for the next question."""
        if not self._suggested:
            self.console.print(text, markup=False)

    def ask(self, question: str, suggestion: str, use: Callable[[str], T]) -> T:
        """The answer, converted by `use`.

        Raises:
            UserError: the input ended; or the suggestion is used and `use` refuses it.
        """
        while True:
            try:
                return use(suggestion if self._suggested else self._answer(question, suggestion))
            except UserError as error:
                if self._suggested or isinstance(error, NoInputError):
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
            raise NoInputError(question) from error

    def _answer(self, question: str, suggestion: str) -> str:
        try:
            return Prompt.ask(question, default=suggestion, console=self.console).strip()
        except EOFError as error:
            raise NoInputError(question) from error


class NoInputError(CommandError):
    """The standard input ended."""

    def __init__(self, question: str) -> None:
        super().__init__([f"no answer to `{question}`: pass options, or --yes for the suggestions"])
