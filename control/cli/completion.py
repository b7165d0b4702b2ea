"""Completion of words in a shell: the script that a shell reads, and what it then asks for at each Tab."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import argcomplete
from argcomplete.completers import FilesCompleter
from argcomplete.shell_integration import shellcode

from stemfield.control.cli.parser import Parser

Names = Callable[[], Iterable[str]]


def completion(options: argparse.Namespace) -> int:
    """Print the script of one shell."""
    print(shellcode(["stemfield"], shell=options.shell))
    return 0


def complete(parser: Parser) -> None:
    """Answer a shell that asks how the line may go on, and end; do nothing if none asks."""
    _teach(parser)
    argcomplete.autocomplete(parser, always_complete_options=False)  # only where a dash was typed


def _teach(parser: Parser) -> None:
    known: dict[str, Names] = {"L": _layouts, "M": _models}
    for action in parser.actions():
        names = known.get(str(action.metavar))
        if names is not None:
            action.completer = _Completer(names)  # type: ignore[attr-defined]
    for below in parser.commands.values():
        _teach(below)


class _Completer:
    """Names that the daemon knows, and files."""

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
