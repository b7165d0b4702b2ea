"""The parser of a command line: every error is one line that suggests what may have been meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from stemfield.control.problems import BAD_INPUT
from stemfield.layouts.problems import did_you_mean

Branch = argparse._SubParsersAction  # noqa: SLF001 (argparse has no other name for it)

_NUMBER = re.compile(r"-\.?[0-9]")


class Parser(argparse.ArgumentParser):
    """An argument parser that tells every error in one line and suggests what may have been meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)
        self.commands: dict[str, Parser] = {}

    def branch(self) -> Branch[Parser]:
        """The place where commands are added."""
        branch = self.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
        self.commands = branch.choices
        return branch

    def check_words(self, words: Sequence[str]) -> None:
        """Refuse the first word that is no command or option, before anything else is found missing."""
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
                known = ", ".join(parser.commands)
                parser.error(f"unknown command {word}{did_you_mean(word, parser.commands) or f'; known are {known}'}")

    def actions(self) -> list[argparse.Action]:
        """What may be given, in the order of the help; commands are no part of it."""
        return [action for action in self._actions if action.dest != "command"]

    def error(self, message: str) -> NoReturn:
        """One line on stderr, status 2."""
        self.exit(BAD_INPUT, f"stemfield: error: {message} (see {self.prog} --help)\n")


def with_debug(parser: Parser) -> Parser:
    """The same with the option that every command has."""
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return parser


def command(branch: Branch[Parser], name: str, text: str, run: tuple[str, str] | None = None) -> Parser:
    """Add a command.

    Args:
        branch: where.
        name: the word for it.
        text: what it does, after "to".
        run: module and function; none where it has commands of its own.
    """
    made = with_debug(branch.add_parser(name, help=text, description=text[0].upper() + text[1:] + "."))
    if run:
        made.set_defaults(run=run)
    return made


def with_json(made: Parser) -> Parser:
    """The same with an option for programs."""
    made.add_argument("--json", action="store_true", help="print data for programs")
    return made
