"""Quotes text for unit files and for the configuration files of other programs; none may contain a line break."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:=,-]+")


def exec_word(text: str) -> str:
    r"""A word of a command line in a unit file (systemd.service(5), "Command lines").

    >>> print(exec_word('100% "$HOME"'), exec_word("--port=80"))
    "100%% \"$$HOME\"" --port=80
    """
    return text if _PLAIN.fullmatch(text) else unit_word(text).replace("$", "$$")


def unit_word(text: str) -> str:
    """A word of another setting in a unit file, such as `Environment=`."""
    return f'"{backslashed(text).replace("%", "%%")}"'


def backslashed(text: str) -> str:
    r"""Text between quotation marks of libconfig (shairport-sync), of mpd.conf, and of GStreamer's pipelines.

    >>> backslashed('a "b" \\')
    'a \\"b\\" \\\\'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"')
