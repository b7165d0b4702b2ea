"""Page of the command line, from its parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from stemfield.control.options.commands import make_parser
from stemfield.control.options.parser import Parser

_HEAD = """\
# The command line

## Synopsis

```
stemfield [--debug] COMMAND ...
stemfield --version
```

## Description

`stemfield COMMAND --help` explains each command in a terminal. Errors are single lines on stderr that begin with
`stemfield: error:`; `--debug` adds where they arose. `--json` prints data for programs. Colours and progress appear
in a terminal only.

"""

_TAIL = """\
## Exit status

| status | meaning |
|---|---|
| 0 | done |
| 1 | failed while working |
| 2 | bad usage or input; nothing was done |
| 129, 130, 143 | ended by SIGHUP (terminal closed), SIGINT (Ctrl-C), SIGTERM |

## Files

| path | contents |
|---|---|
| `~/.config/stemfield/config.yaml`, otherwise `/etc/stemfield/config.yaml` | the [configuration](config.md) |
| `~/.config/stemfield/layouts/`, `models/` | your own layouts and models |
| `~/.local/state/stemfield/` | the current scene, saved scenes and recordings |
| `/var/lib/stemfield/` | the same for the service |

## Environment

| variable | meaning |
|---|---|
| `XDG_CONFIG_HOME`, `XDG_STATE_HOME` | used instead of `~/.config` and `~/.local/state` |
| `STATE_DIRECTORY`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `JOURNAL_STREAM` | set by systemd for [services](service.md) |
| `NUMBA_CACHE_DIR` | cache folder for compiled audio code |
| `NO_COLOR` | disables colours |
"""

WIDTH = 96
"""Width of a usage line, in characters."""
_EVERYWHERE = ("help", "debug", "version")


def cli_page() -> str:
    """Page of all commands, in the order of the parser."""
    root = make_parser()
    commands = dict(_commands(root))
    rows = "".join(f"- [`{name}`](#{_anchor(name)}): {parser.description}\n" for name, parser in commands.items())
    return _HEAD + rows + "\n" + "".join(map(_section, commands.values())) + _TAIL


def _commands(parser: Parser, before: str = "") -> Iterator[tuple[str, Parser]]:
    """All commands without subcommands, by name."""
    for name, below in parser.commands.items():
        words = f"{before}{name}"
        if below.commands:
            yield from _commands(below, f"{words} ")
        else:
            yield words, below


def _anchor(name: str) -> str:
    return "stemfield-" + name.replace(" ", "-")


def _section(parser: Parser) -> str:
    actions = [action for action in parser.actions() if action.dest not in _EVERYWHERE]
    usage = _wrapped([parser.prog, *(_usage(action) for action in sorted(actions, key=_is_positional))])
    lines = [f"- `{_signature(action)}`: {_help(action)}" for action in sorted(actions, key=_is_option)]
    body = "\n".join(lines) + "\n\n" if lines else ""
    return f"## {parser.prog}\n\n{parser.description}\n\n```\n{usage}\n```\n\n{body}"


def _wrapped(words: list[str]) -> str:
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return "\n".join(lines)


def _is_option(action: argparse.Action) -> bool:
    return bool(action.option_strings)


def _is_positional(action: argparse.Action) -> bool:
    return not action.option_strings


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _signature(action: argparse.Action) -> str:
    value = _value(action)
    if action.option_strings:
        return f"{', '.join(action.option_strings)} {value}".rstrip()
    return {"+": f"{value} ...", "*": f"[{value} ...]", "?": f"[{value}]"}.get(str(action.nargs), value)


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return _signature(action)
    names = "|".join(name for name in action.option_strings if name.startswith("--"))
    text = f"{names} {_value(action)}".rstrip()
    return text if action.required else f"[{text}]"


def _help(action: argparse.Action) -> str:
    """Help text with its page names as links."""
    text = (action.help or "").replace("%%", "%")
    links: Mapping[str, str] = {"docs/config.md": "[configuration](config.md)", "docs/osc.md": "[OSC](osc.md)"}
    for path, link in links.items():
        text = text.replace(path, link)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
