"""Loudspeakers of an object's channels in the syntax of VISR: one entry per channel, brackets around several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stemfield.control.parameters.argument import listed

_ENTRY = re.compile(r"\[([^\[\]]*)\]|([^,\[\]]+)")


def parse_outputs(text: str) -> tuple[tuple[str, ...], ...]:
    """Loudspeaker labels of each channel.

    >>> parse_outputs("M+000, [M+030, M-030], U+110")
    (('M+000',), ('M+030', 'M-030'), ('U+110',))
    """
    entries = (listed(bracketed or plain) for bracketed, plain in _ENTRY.findall(text))
    return tuple(entry for entry in entries if entry)


def encode_outputs(outputs: Sequence[Sequence[str]]) -> str:
    """The inverse of `parse_outputs`."""
    return ", ".join(labels[0] if len(labels) == 1 else f"[{', '.join(labels)}]" for labels in outputs)
