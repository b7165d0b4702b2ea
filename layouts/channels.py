"""Matches loudspeakers to channels of a sound card by name, as PipeWire, ALSA and WAVE files name channels.

The order of channels differs between cards: a desktop 5.1 card has front, rear, centre and bass in this order, a film
FL FR FC LFE and then the surrounds.

>>> channel_of("alsa_output.pci-0000_00_1f.3:playback_FC"), channel_of("Built-in Audio [Rear Left]")
('FC', 'RL')
>>> channel_of("system:playback_3") is None
True
>>> pair = Speaker("M+030", 30.0, 0.0, 2.0, channel=1), Speaker("M-030", -30.0, 0.0, 2.0, channel=2)
>>> matched(pair, ("RL", "FR", None, "FL"))
{'M+030': 3, 'M-030': 1}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

from stemfield.layouts.model import Speaker

_DIRECTIONS: Final[Mapping[str, tuple[str, float]]] = {
    "FC": ("middle", 0.0),
    "FLC": ("middle", 15.0),
    "FL": ("middle", 30.0),
    "FLW": ("middle", 60.0),
    # 110 degrees, between these two, counts as rear: a single surround pair plays from the rear sockets of a 7.1 card
    "SL": ("middle", 85.0),
    "RL": ("middle", 130.0),
    "RLC": ("middle", 160.0),
    "RC": ("middle", 180.0),
    "TFC": ("upper", 0.0),
    "TFLC": ("upper", 15.0),
    "TFL": ("upper", 40.0),
    "TSL": ("upper", 90.0),
    "TRL": ("upper", 135.0),
    "TRC": ("upper", 180.0),
    "TC": ("top", 0.0),
    "BFC": ("lower", 0.0),
    "BLC": ("lower", 45.0),
}
"""Channels in the middle and on the left: layer, and angle from the front in degrees."""
_BASS: Final = ("LFE", "LFE2")
_RIGHT: Final = {"FR": "FL", "RR": "RL", "SR": "SL", "FRC": "FLC", "FRW": "FLW", "RRC": "RLC", "TFR": "TFL",
                 "TSR": "TSL", "TRR": "TRL", "TFRC": "TFLC", "BRC": "BLC"}  # fmt: skip
"""Channels on the right and their mirror images on the left."""
_SYNONYMS: Final = {
    "L": "FL", "R": "FR", "C": "FC", "LS": "RL", "RS": "RR", "BL": "RL", "BR": "RR", "LFE1": "LFE", "SUB": "LFE",
    "SUBWOOFER": "LFE", "BASS": "LFE", "LLFE": "LFE", "RLFE": "LFE2", "LEFT": "FL", "RIGHT": "FR", "FLH": "TFL",
    "FRH": "TFR", "FCH": "TFC", "CENTER": "FC", "CENTRE": "FC", "LSS": "SL", "RSS": "SR", "LRS": "RL", "RRS": "RR",
}  # fmt: skip
_LONG: Final = {"FRONT": "F", "REAR": "R", "BACK": "R", "SIDE": "S", "SURROUND": "R"}
_LABEL: Final = re.compile(r"[MUBT][+-][0-9]{3}")
_GENERIC: Final = frozenset({"PLAYBACK", "CAPTURE", "INPUT", "OUTPUT", "IN", "OUT", "MONITOR", "PORT", "CHANNEL", "CH",
                             "SPEAKER", "AUDIO", "SEND", "RETURN"})  # fmt: skip
_CENTRE_DEG: Final = 10.0
_FRONT_DEG: Final = 75.0
_LAYER_DEG: Final = 20.0
_TOP_DEG: Final = 70.0


def channel_of(name: str) -> str | None:
    """The channel in the name, alias or title of a port, such as `FL` or `LFE`; None if there is none.

    Loudspeaker labels after ITU-R BS.2051, such as `M+030`, are channels too.
    """
    tail = name.rpartition(":")[2].upper()
    if label := _LABEL.search(tail):
        return label.group()
    inside = re.search(r"[\[(]([^\[\]()]+)[\])]\s*$", tail)
    words = [word for word in re.split(r"[^A-Z0-9]+", inside.group(1) if inside else tail) if word]
    while words and (words[0] in _GENERIC or words[0].isdecimal()):
        words = words[1:]
    return _named(words) or (_named(words[-1:]) if len(words) > 1 else None)


def _named(words: Sequence[str]) -> str | None:
    if len(words) == 1:
        word = _SYNONYMS.get(words[0], words[0])
        return word if word in _DIRECTIONS or word in _RIGHT or word in _BASS else None
    top = words[:1] == ["TOP"]
    rest = list(words[1:] if top else words)
    if set(rest) & {"SUBWOOFER", "LFE", "SUB"}:
        return "LFE"
    place = next((_LONG[word] for word in rest if word in _LONG), "")
    side = next((word[0] for word in rest if word in ("LEFT", "RIGHT", "CENTER", "CENTRE")), "")
    known = all(word in _LONG or word in ("LEFT", "RIGHT", "CENTER", "CENTRE") for word in rest)
    if not known or len(rest) != 2 or not (place and side):
        return None
    return _named([("T" if top else "") + place + side])


def matched(speakers: Sequence[Speaker], channels: Sequence[str | None]) -> dict[str, int]:
    """The channel of each loudspeaker, by name.

    A channel with the label of a loudspeaker belongs to it. Otherwise layer, side, and front or rear must agree; among
    those the directions are matched as closely as possible, in order.

    Args:
        speakers: loudspeakers of a layout.
        channels: names of a card's channels in order, as `channel_of` gives them. Of two equal names the first counts.

    Returns:
        Indices of channels by label, without loudspeakers that have none.
    """
    first: dict[str, int] = {}
    for index, channel in enumerate(channels):
        if channel is not None:
            first.setdefault(channel, index)
    found = {s.label: first.pop(s.label) for s in speakers if s.label in first}
    left = [speaker for speaker in speakers if speaker.label not in found]
    bass = [name for name in _BASS if name in first]
    found |= {s.label: first[name] for s, name in zip((s for s in left if s.lfe), bass, strict=False)}
    groups = {group for name in first if (group := _group_of(name)[0])}
    for group in groups:
        names = {name: _group_of(name)[1] for name in first if _group_of(name)[0] == group}
        places = {s.label: place for s in left if not s.lfe and (place := _place_of(s))[0] == group}
        found |= {label: first[name] for label, name in _nearest({label: p[1] for label, p in places.items()}, names)}
    return {speaker.label: found[speaker.label] for speaker in speakers if speaker.label in found}


def wired(speakers: Sequence[Speaker], channels: Sequence[str | None]) -> tuple[dict[str, int], bool]:
    """The channel of each loudspeaker: by name as `matched`, or by number if names do not tell.

    Returns:
        Indices of channels by label, and whether any was matched by name.
    """
    found = matched(speakers, channels)
    by_name = bool(found)
    # of two channels of one name, as on two stereo cards, the second has only its number
    named = {index for index, channel in enumerate(channels) if channel and channels.index(channel) == index}
    for speaker in speakers:
        place = speaker.channel - 1
        if speaker.label not in found and place < len(channels) and not (by_name and place in named):
            found[speaker.label] = place
    return {speaker.label: found[speaker.label] for speaker in speakers if speaker.label in found}, by_name


def _group_of(channel: str) -> tuple[str, float]:
    """Layer, side and end of a channel in one word, and how far from the front it is; nothing for bass and labels."""
    mirrored = _RIGHT.get(channel)
    if (mirrored or channel) not in _DIRECTIONS:
        return "", 0.0
    layer, from_front_deg = _DIRECTIONS[mirrored or channel]
    return _group(layer, from_front_deg, -1 if mirrored else 1), from_front_deg


def _place_of(speaker: Speaker) -> tuple[str, float]:
    """The same of a loudspeaker."""
    elevation_deg, azimuth_deg = speaker.nominal_elevation_deg, speaker.nominal_azimuth_deg
    layer = "middle" if abs(elevation_deg) < _LAYER_DEG else "upper" if elevation_deg > 0.0 else "lower"
    if elevation_deg > _TOP_DEG:
        return _group("top", 0.0, 1), 0.0
    return _group(layer, abs(azimuth_deg), 1 if azimuth_deg > 0.0 else -1), abs(azimuth_deg)


def _group(layer: str, from_front_deg: float, side: int) -> str:
    if from_front_deg <= _CENTRE_DEG:
        return f"{layer} front centre"
    if from_front_deg >= 180.0 - _CENTRE_DEG:
        return f"{layer} rear centre"
    end = "" if layer != "middle" else " front" if from_front_deg <= _FRONT_DEG else " rear"
    return f"{layer}{end} {'left' if side > 0 else 'right'}"


def _nearest(places: Mapping[str, float], channels: Mapping[str, float]) -> Iterable[tuple[str, str]]:
    """Pairs of loudspeakers and channels on one side, both from front to rear, as close as possible."""
    speakers, names = sorted(places, key=places.__getitem__), sorted(channels, key=channels.__getitem__)
    count = min(len(speakers), len(names))

    def pairings() -> Iterator[tuple[float, list[tuple[str, str]]]]:
        for some in combinations(speakers, count):
            for others in combinations(names, count):
                pairs = list(zip(some, others, strict=True))
                yield sum(abs(places[s] - channels[n]) for s, n in pairs), pairs

    return min(pairings(), key=lambda pairing: pairing[0])[1]
