"""Which loudspeakers play an object's channels, as VISR writes it: one entry a channel, brackets around several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stemfield.control.parameters.argument import listed

_ENTRY = re.compile(r"\[([^\[\]]*)\]|([^,\[\]]+)")


def parse_outputs(text: str) -> tuple[tuple[str, ...], ...]:
    """Labels of the loudspeakers of each channel.

    >>> parse_outputs("M+000, [M+030, M-030], U+110")
    (('M+000',), ('M+030', 'M-030'), ('U+110',))
    """
    entries = (listed(bracketed or plain) for bracketed, plain in _ENTRY.findall(text))
    return tuple(entry for entry in entries if entry)


def encode_outputs(outputs: Sequence[Sequence[str]]) -> str:
    """What `parse_outputs` reads."""
    return ", ".join(labels[0] if len(labels) == 1 else f"[{', '.join(labels)}]" for labels in outputs)
