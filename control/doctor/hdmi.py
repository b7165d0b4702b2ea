"""What the receivers at HDMI and DisplayPort say that they take: their ELD, which the kernel reads and lists.

ELD is the audio part of what a screen or receiver tells the graphics card (CEA-861; HDA specification, 7.3.3.34). The
kernel prints it to `/proc/asound/card*/eld#*`, a key and a value a line. A receiver that is off has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.control.doctor.processes import text_of

MAX_CHANNELS: Final = 8
"""HDMI carries no more channels of PCM."""
MAX_RATE_HZ: Final = 192_000
_LPCM: Final = "0x1"
_PLACES: Final = {
    "FL/FR": ("FL", "FR"),
    "FC": ("FC",),
    "LFE": ("LFE",),
    "RL/RR": ("RL", "RR"),
    "RC": ("RC",),
    "FLC/FRC": ("FLC", "FRC"),
    "RLC/RRC": ("RLC", "RRC"),
}
"""Loudspeakers of an allocation, in its words."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A screen or receiver.

    Attributes:
        card: number of its sound card in ALSA.
        name: name that it gives itself.
        channels: most channels of PCM that it takes, 0..8.
        rates_hz: sample rates that it takes with these.
        places: its loudspeakers, as ALSA names them: `FL FR FC LFE RL RR`, with SL and SR where there are four behind.
    """

    card: int
    name: str
    channels: int
    rates_hz: tuple[int, ...]
    places: tuple[str, ...]

    def __str__(self) -> str:
        where = f" ({' '.join(self.places)})" if self.places else ""
        rate = f", up to {max(self.rates_hz)} Hz" if self.rates_hz else ""
        return f"{self.name} takes {self.channels} channels of PCM{where}{rate}"


def probe_receivers(root: Path) -> tuple[Receiver, ...]:
    """The receivers that are on, in the order of cards and outputs."""
    found = []
    for path in sorted((root / "proc" / "asound").glob("card[0-9]*/eld#*")):
        number = re.fullmatch(r"card(\d+)", path.parent.name)
        receiver = receiver_of(text_of(path), int(number[1])) if number else None
        if receiver is not None:
            found.append(receiver)
    return tuple(found)


def receiver_of(text: str, card: int) -> Receiver | None:
    """The receiver of one output; None if there is none, or it says nothing valid.

    Args:
        text: content of the kernel's file.
        card: number of the card.
    """
    keys = _keys(text)
    if keys.get("eld_valid") != "1" or keys.get("monitor_present") == "0":
        return None
    channels, rates_hz = 0, tuple[int, ...]()
    for number in range(_whole(keys.get("sad_count", ""), 0, 15)):
        if f"[{_LPCM}]" not in keys.get(f"sad{number}_coding_type", ""):
            continue
        most = _whole(keys.get(f"sad{number}_channels", ""), 0, MAX_CHANNELS)
        if most > channels:
            rates = keys.get(f"sad{number}_rates", "").partition("]")[2].split()
            channels, rates_hz = most, tuple(hz for rate in rates if (hz := _whole(rate, 0, MAX_RATE_HZ)))
    name = " ".join(keys.get("monitor_name", "").split()) or "the receiver"
    return Receiver(card, name, channels, rates_hz, _places(keys.get("speakers", "")))


def _places(speakers: str) -> tuple[str, ...]:
    """The loudspeakers of `[0xf] FL/FR LFE FC RL/RR`, in ALSA's names: of four behind, two are at the sides."""
    words = speakers.partition("]")[2].split()
    found = [place for word, places in _PLACES.items() if word in words for place in places]
    if "RLC" not in found:
        return tuple(found)
    sides = {"RL": "SL", "RR": "SR", "RLC": "RL", "RRC": "RR"}
    return tuple(sides.get(place, place) for place in found)


def _keys(text: str) -> Mapping[str, str]:
    lines = (line.split(None, 1) for line in text.splitlines()[:200])
    return {words[0]: words[1].strip() for words in lines if len(words) == 2}


def _whole(text: str, least: int, most: int) -> int:
    return min(max(int(text), least), most) if text.isascii() and text.isdecimal() and len(text) < 8 else least
