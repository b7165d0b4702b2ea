"""The parser of the command line: every error is one line, with a suggestion where a known word is near."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from stemfield.control.command_errors import BAD_INPUT
from stemfield.layouts.problems import did_you_mean

_NUMBER = re.compile(r"-\.?[0-9]")


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors, suggestions, and short ways to add arguments."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)
        self.commands: dict[str, Parser] = {}
        self.flag("--debug", "show tracebacks", default=argparse.SUPPRESS)

    def command(self, name: str, text: str, run: str = "", *, json: bool = False) -> Parser:
        """Add a command.

        Args:
            name: name of the command.
            text: description, an imperative without a full stop.
            run: module and function that carry it out; empty for a command with commands of its own.
            json: whether it has the option `--json`.
        """
        if not self.commands:
            branch = self.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
            self._add, self.commands = branch.add_parser, branch.choices
        made: Parser = self._add(name, help=text, description=text[0].upper() + text[1:] + ".")
        if run:
            made.set_defaults(run=run)
        if json:
            made.flag("--json", "print data for programs")
        return made

    def add(self, name: str, metavar: str, text: str, **more: Any) -> None:
        """Add a positional argument, or an option with a value."""
        self.add_argument(name, metavar=metavar, help=text, **more)

    def repeated(self, name: str, metavar: str, text: str, **more: Any) -> None:
        """Add an option with a value that may be given several times."""
        more = {"default": [], **more}
        self.add_argument(name, metavar=metavar, action="append", help=f"{text}; repeatable", **more)

    def choice(self, name: str, choices: tuple[str, ...], text: str) -> None:
        """Add an option whose value is one of some words."""
        self.add_argument(name, choices=choices, help=text)

    def flag(self, name: str, text: str, **more: Any) -> None:
        """Add an option without a value."""
        self.add_argument(name, help=text, **{"action": "store_true", **more})

    def switch(self, name: str, text: str) -> None:
        """Add an option without a value, and its opposite, `--no-...`."""
        self.add_argument(name, action=argparse.BooleanOptionalAction, help=text)

    def check_words(self, words: Sequence[str]) -> None:
        """Refuse the first unknown command or option, before anything is reported missing."""
        parser = self
        for word in words:
            name = word.partition("=")[0]
            if word == "--":
                return
            if word.startswith("-") and word != "-" and not _NUMBER.match(word):
                if name not in parser._option_string_actions:
                    options = [option for option in parser._option_string_actions if option.startswith("--")]
                    parser.error(f"unknown option {name}{did_you_mean(name, options)}")
            elif word in parser.commands:
                parser = parser.commands[word]
            elif parser.commands:
                hint = did_you_mean(word, parser.commands) or f": expected {', '.join(parser.commands)}"
                parser.error(f"unknown command {word}{hint}")

    def actions(self) -> list[argparse.Action]:
        """All arguments in the order of the help, without the commands."""
        return [action for action in self._actions if action.dest != "command"]

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and exit with status 2."""
        self.exit(BAD_INPUT, f"stemfield: error: {message} (see {self.prog} --help)\n")
