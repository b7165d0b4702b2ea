"""Shell completion: the script for a shell, and the answers to its requests."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import argcomplete
from argcomplete.completers import FilesCompleter
from argcomplete.shell_integration import shellcode

from stemfield.control.cli.parser import Parser

Names = Callable[[], Iterable[str]]


def completion(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    print(shellcode(["stemfield"], shell=options.shell))
    return 0


def complete(parser: Parser) -> None:
    """Answer the request of a shell and exit; without a request do nothing."""
    _add_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options=False)  # only after a dash


def _add_completers(parser: Parser) -> None:
    known: dict[str, Names] = {"L": _layouts, "M": _models}
    for action in parser.actions():
        names = known.get(str(action.metavar))
        if names is not None:
            action.completer = _Completer(names)  # type: ignore[attr-defined]
    for below in parser.commands.values():
        _add_completers(below)


class _Completer:
    """Completes names and files."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def __call__(self, prefix: str, **_: object) -> list[str]:
        files: list[str] = FilesCompleter()(prefix)
        return [name for name in self._names() if name.startswith(prefix)] + files


def _layouts() -> list[str]:
    from stemfield.control.offline.inputs import user_config
    from stemfield.layouts.loader import available_layouts

    entries = available_layouts(user_config().layout_folders)
    return [name for entry in entries for name in (entry.name, *entry.aliases)]


def _models() -> list[str]:
    from stemfield.control.offline.inputs import user_config
    from stemfield.separation.cards.card import available_models

    return [name for entry in available_models(user_config().model_folders) for name in (entry.name, *entry.presets)]
