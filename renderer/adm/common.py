"""The common definitions of loudspeaker channels (ITU-R BS.2094), which documents need not describe."""

from __future__ import annotations

import re
from typing import Final

from stemfield.renderer.adm.labels import is_lfe, place_of
from stemfield.renderer.adm.model import Channel, SpeakerBlock

# fmt: off
_LABELS: Final = (
    "M+030", "M-030", "M+000", "LFE", "M+110", "M-110", "M+022", "M-022", "M+180", "M+090",
    "M-090", "T+000", "U+030", "U+000", "U-030", "U+110", "U+180", "U-110", "U+090", "U-090",
    "B+000", "B+045", "B-045", "M+060", "M-060", "M+135_Diff", "M-135_Diff", "M+135", "M-135", "U+135",
    "U-135", "LFEL", "LFER", "U+045", "U-045", "M+SC", "M-SC", "M+045", "M-045", "UH+180",
)
# fmt: on
"""Labels from channel 1 on."""
_LOW_FREQUENCY_PLACE: Final = (0.0, -30.0)


def common_channel(ident: str) -> Channel | None:
    """The channel of an ID, or None if it is not a common definition.

    >>> common_channel("AC_00010005").blocks[0].labels
    ('M+110',)
    """
    if not re.fullmatch(r"AC_0001[0-9a-fA-F]{4}", ident):
        return None
    number = int(ident[7:], 16)
    if not 1 <= number <= len(_LABELS):
        return None
    label = _LABELS[number - 1]
    block = SpeakerBlock(labels=(label,), position=(*(place_of(label) or _LOW_FREQUENCY_PLACE), 1.0))
    return Channel(ident, label, "DirectSpeakers", (block,), lfe=is_lfe((label,)))
