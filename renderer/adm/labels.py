"""Names of loudspeakers in documents, and their places by ITU-R BS.2051.

>>> place_name("urn:itu:bs:2051:1:speaker:M+030"), place_name("RC_Lss"), place_name("M+30")
('M+030', 'M+090', 'M+030')
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_ROOM_CENTRIC: Final = {
    "L": "M+030", "R": "M-030", "C": "M+000",
    "LS": "M+110", "RS": "M-110", "LSS": "M+090", "RSS": "M-090", "LRS": "M+135", "RRS": "M-135",
    "LB": "M+135", "RB": "M-135", "CS": "M+180", "LW": "M+060", "RW": "M-060",
    "LTS": "U+090", "RTS": "U-090", "LTM": "U+090", "RTM": "U-090",
    "LTF": "U+045", "RTF": "U-045", "LTR": "U+135", "RTR": "U-135",
}  # fmt: skip
"""Names in Dolby's master files, after `RC_`, in capitals."""
_PLACE: Final = re.compile(r"(M|U|UH|B|T)([+-])([0-9]{1,3}|SC)")
_ELEVATIONS_DEG: Final = {"M": 0.0, "U": 30.0, "UH": 45.0, "B": -30.0, "T": 90.0}
_LFE: Final = re.compile(r"LFE|LowFrequency|(?i:\b|_)(?i:lfe)")
_AZIMUTHS_DEG: Final = {"SC": 25.0, "022": 22.5}
"""Azimuths that names do not tell: the edges of a screen, and azimuths with half a degree."""


def place_name(label: str) -> str:
    """The name of a label by BS.2051; without one, the label itself, without its URN."""
    name = label.rpartition(":")[2].strip()
    word = name.upper()
    if word.startswith("RC_"):
        return _ROOM_CENTRIC.get(word.removeprefix("RC_"), name)
    if match := _PLACE.fullmatch(word):
        layer, sign, angle = match.groups()
        return f"{layer}{sign}{angle.zfill(3) if angle.isdigit() else angle}"
    return name


def place_of(label: str) -> tuple[float, float] | None:
    """Azimuth and elevation in degrees of a label, or None if it is not a place of BS.2051.

    >>> place_of("RC_Rrs"), place_of("M-SC"), place_of("somewhere")
    ((-135.0, 0.0), (-25.0, 0.0), None)
    """
    match = _PLACE.match(place_name(label))
    if match is None:
        return None
    layer, sign, angle = match.groups()
    azimuth_deg = _AZIMUTHS_DEG.get(angle) or float(int(angle))
    return float(f"{sign}{azimuth_deg}") + 0.0, _ELEVATIONS_DEG[layer]


def is_lfe(labels: Sequence[str]) -> bool:
    """Whether one of these labels or names is that of a low-frequency effects channel.

    >>> [is_lfe([name]) for name in ("RC_LFE", "lfe2", "RoomCentricLFE", "LowFrequencyEffectsL", "halfEast")]
    [True, True, True, True, False]
    """
    return any(_LFE.search(label) for label in labels)


def is_second_lfe(labels: Sequence[str]) -> bool:
    """Whether one of these labels is that of the second or right low-frequency effects channel.

    >>> is_second_lfe(["LFE2"]), is_second_lfe(["RC_LFE"])
    (True, False)
    """
    return any(re.search(r"LFE[-_ ]?(2|R)\b", label.upper()) for label in labels)
