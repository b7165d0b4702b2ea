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
    """Asks questions, or uses the suggestions without asking."""

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
            answer = suggestion if self._suggested else self._prompt(Prompt.ask, question, suggestion).strip()
            try:
                return use(answer)
            except UserError as error:
                if self._suggested:
                    raise
                for line in error.lines:
                    self.console.print(line, style="red", markup=False)

    def confirm(self, question: str, suggestion: bool) -> bool:
        """Yes or no."""
        return suggestion if self._suggested else self._prompt(Confirm.ask, question, suggestion)

    def _prompt(self, ask: Callable[..., T], question: str, suggestion: T) -> T:
        try:
            return ask(question, default=suggestion, console=self.console)
        except EOFError as error:
            problem = f"no answer to `{question}`: pass options, or --yes for the suggestions"
            raise CommandError([problem]) from error
