"""Shell completion: the script for a shell, and the answers to its requests."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import argcomplete
from argcomplete.completers import FilesCompleter
from argcomplete.shell_integration import shellcode

from stemfield.control.options.parser import Parser


def completion(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    print(shellcode(["stemfield"], shell=options.shell))
    return 0


def complete(parser: Parser) -> None:
    """Answer the request of a shell and exit; without a request do nothing."""
    _add_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options=False)  # only after a dash


def _add_completers(parser: Parser) -> None:
    for action in parser.actions():
        if names := {"L": _layouts, "M": _models}.get(str(action.metavar)):
            action.completer = partial(_names_and_files, names)  # type: ignore[attr-defined]
    for below in parser.commands.values():
        _add_completers(below)


def _names_and_files(names: Callable[[], list[str]], prefix: str, **_: object) -> list[str]:
    files: list[str] = FilesCompleter()(prefix)
    return [name for name in names() if name.startswith(prefix)] + files


def _layouts() -> list[str]:
    from stemfield.control.offline.inputs import user_config
    from stemfield.layouts.loader import available_layouts

    entries = available_layouts(user_config().layout_folders)
    return [name for entry in entries for name in (entry.name, *entry.aliases)]


def _models() -> list[str]:
    from stemfield.control.offline.inputs import user_config
    from stemfield.separation.cards.card import available_models

    return [name for entry in available_models(user_config().model_folders) for name in (entry.name, *entry.presets)]
