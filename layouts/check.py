"""Checks the data of a layout file: all problems at once, each with the path of its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from stemfield.layouts.check_chain import CHAIN_KEYS, CHAIN_NUMBERS, ROOM_KEYS, chain_problems, room_problems
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.problems import (
    is_number,
    kind,
    label_problems,
    mapping_problems,
    number_problems,
    text_problems,
    truth_problems,
    unknown_keys,
)

MAX_SPEAKERS = 256
MIN_SPEAKERS = 2
MAX_CHANNEL = 1024
MIN_SEPARATION_DEG = 1.0
"""Angle below which loudspeakers count as one direction."""

LAYOUT_KEYS = ("name", "title", "aliases", "speakers", *ROOM_KEYS)
_NUMBERS = {
    "azimuth_deg": (-360.0, 360.0),
    "elevation_deg": (-90.0, 90.0),
    "radius_m": (0.0, 100.0),
    "nominal_azimuth_deg": (-360.0, 360.0),
    "nominal_elevation_deg": (-90.0, 90.0),
}
SPEAKER_KEYS = ("label", "channel", "lfe", *_NUMBERS, *CHAIN_KEYS)
_REQUIRED = ("label", "azimuth_deg", "channel")


def check_layout(data: object) -> tuple[str, ...]:
    """Every problem of a layout's plain data.

    Args:
        data: content of the YAML file.

    Returns:
        One message per problem, such as `speakers[3].elevation_deg: expected a number from -90 to 90, got 95`, with
        indices from 0; empty for a good layout.
    """
    if not isinstance(data, Mapping):
        return (f"expected a mapping with the keys {', '.join(LAYOUT_KEYS)}, got {kind(data)}",)
    return tuple(_with_labels(problem, data.get("speakers")) for problem in _layout_problems(data))


def _with_labels(problem: str, speakers: object) -> str:
    """A problem with the labels of the loudspeakers that it names by index."""
    found = [int(index) for index in re.findall(r"speakers\[(\d+)\]", problem)]
    labels = [
        speakers[index].get("label")
        for index in found
        if isinstance(speakers, list) and index < len(speakers) and isinstance(speakers[index], Mapping)
    ]
    known = [
        label
        for label in labels
        if isinstance(label, str) and label.isprintable() and label.strip() and repr(label) not in problem
    ]
    return f"{problem} ({' and '.join(dict.fromkeys(known))})" if known else problem


def _layout_problems(data: Mapping[Any, Any]) -> Iterator[str]:
    yield from unknown_keys("", data, LAYOUT_KEYS)
    if "name" not in data:
        yield "name: missing"
    for key in ("name", "title"):
        if key in data:
            yield from text_problems(key, data[key])
    aliases = data.get("aliases", [])
    if isinstance(aliases, list):
        for index, alias in enumerate(aliases):
            yield from text_problems(f"aliases[{index}]", alias)
    else:
        yield f"aliases: expected a list of texts, got {kind(aliases)}"
    speakers = data.get("speakers")
    if not isinstance(speakers, list):
        yield f"speakers: expected a list of loudspeakers, got {kind(speakers)}" if speakers else "speakers: missing"
        return
    if len(speakers) > MAX_SPEAKERS:
        yield f"speakers: expected at most {MAX_SPEAKERS}, got {len(speakers)}"
        return
    for index, speaker in enumerate(speakers):
        yield from _speaker_problems(f"speakers[{index}]", speaker)
    good = {index: speaker for index, speaker in enumerate(speakers) if isinstance(speaker, Mapping)}
    yield from _repeats(good, "label")
    yield from _repeats(good, "channel")
    labels = {str(speaker.get("label")): speaker.get("lfe") is True for speaker in good.values()}
    yield from room_problems(data, labels)
    panned = {index: speaker for index, speaker in good.items() if speaker.get("lfe") is not True}
    if len(panned) < MIN_SPEAKERS and len(good) == len(speakers):
        yield f"speakers: expected at least {MIN_SPEAKERS} without lfe, got {len(panned)}"
    elif len(good) == len(speakers) and _in_one_direction(panned.values()):
        yield "speakers: expected at least two directions, got one for all"


def _speaker_problems(path: str, speaker: object) -> Iterator[str]:
    yield from mapping_problems(path, speaker, SPEAKER_KEYS, _REQUIRED)
    if not isinstance(speaker, Mapping):
        return
    if "label" in speaker:
        yield from label_problems(f"{path}.label", speaker["label"])
    channel = speaker.get("channel", 1)
    if not isinstance(channel, int) or isinstance(channel, bool) or not 1 <= channel <= MAX_CHANNEL:
        yield f"{path}.channel: expected a whole number from 1 to {MAX_CHANNEL}, got {kind(channel)}"
    yield from truth_problems(f"{path}.lfe", speaker.get("lfe", False))
    for key, (low, high) in (_NUMBERS | CHAIN_NUMBERS).items():
        if key in speaker:
            yield from number_problems(f"{path}.{key}", speaker[key], low, high)
    yield from chain_problems(path, speaker)


def _repeats(speakers: Mapping[int, Mapping[Any, Any]], key: str) -> Iterator[str]:
    first: dict[Any, int] = {}
    for index, speaker in speakers.items():
        value = speaker.get(key)
        if not isinstance(value, (str, int)):
            continue
        if value in first:
            yield f"speakers[{index}].{key}: {value} is already used by speakers[{first[value]}]"
        first.setdefault(value, index)


def _in_one_direction(speakers: Iterable[Mapping[Any, Any]]) -> bool:
    """Whether all these loudspeakers are in one direction for a panner."""
    places = [(speaker.get("azimuth_deg"), speaker.get("elevation_deg", 0.0)) for speaker in speakers]
    if not all(is_number(a) and is_number(e) and abs(a) <= 360 and abs(e) <= 90 for a, e in places):
        return False
    directions = cartesian(*zip(*places, strict=True))
    return bool((directions @ directions[0] > np.cos(np.radians(MIN_SEPARATION_DEG))).all())
