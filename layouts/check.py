"""Checks the data of a layout file: all problems at once, each with the path of its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import numpy as np

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import EqType, Polarity
from stemfield.layouts.problems import (
    choice_problems,
    did_you_mean,
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

MAX_BANDS = 32
MAX_PATH = 1024

LAYOUT_KEYS = ("name", "title", "aliases", "speakers", "compensate", "dual_band", "bass_management")
_NUMBERS = {
    "azimuth_deg": (-360.0, 360.0),
    "elevation_deg": (-90.0, 90.0),
    "radius_m": (0.0, 100.0),
    "nominal_azimuth_deg": (-360.0, 360.0),
    "nominal_elevation_deg": (-90.0, 90.0),
    "delay_ms": (0.0, 1000.0),
    "gain_db": (-60.0, 20.0),
    "highpass_hz": (1.0, 24_000.0),
    "lowpass_hz": (1.0, 24_000.0),
    "max_level_db": (-60.0, 0.0),
}
SPEAKER_KEYS = ("label", "channel", "lfe", *_NUMBERS, "polarity", "eq", "fir")
_REQUIRED = ("label", "azimuth_deg", "channel")
_BAND_NUMBERS = {"f_hz": (1.0, 96_000.0), "q": (0.01, 100.0), "gain_db": (-60.0, 20.0)}
_COMPENSATE_KEYS = ("delay", "gain")
_BASS_KEYS = ("crossover_hz", "lfe_gain_db", "subwoofers")


def check_layout(data: object) -> tuple[str, ...]:
    """Every problem of a layout's plain data.

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
    yield from _room_problems(data, labels)
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
    for key, (low, high) in _NUMBERS.items():
        if key in speaker:
            yield from number_problems(f"{path}.{key}", speaker[key], low, high)
    yield from _chain_problems(path, speaker)


def _chain_problems(path: str, speaker: Mapping[Any, Any]) -> Iterator[str]:
    """Problems of the chain of one loudspeaker, except its numbers."""
    if "polarity" in speaker:
        yield from choice_problems(f"{path}.polarity", speaker["polarity"], get_args(Polarity))
    if "fir" in speaker:
        yield from text_problems(f"{path}.fir", speaker["fir"], MAX_PATH)
    low, high = speaker.get("highpass_hz"), speaker.get("lowpass_hz")
    if is_number(low) and is_number(high) and low >= high:
        yield f"{path}.highpass_hz: expected less than lowpass_hz {high}, got {low}: there would be no sound"
    bands = speaker.get("eq", [])
    if not isinstance(bands, list):
        yield f"{path}.eq: expected a list of bands, got {kind(bands)}"
        return
    if len(bands) > MAX_BANDS:
        yield f"{path}.eq: expected at most {MAX_BANDS} bands, got {len(bands)}"
        return
    for index, band in enumerate(bands):
        yield from _band_problems(f"{path}.eq[{index}]", band)


def _band_problems(path: str, band: object) -> Iterator[str]:
    yield from mapping_problems(path, band, ("type", *_BAND_NUMBERS), ("type", "f_hz"))
    if not isinstance(band, Mapping):
        return
    if "type" in band:
        yield from choice_problems(f"{path}.type", band["type"], get_args(EqType))
    for key, (low, high) in _BAND_NUMBERS.items():
        if key in band:
            yield from number_problems(f"{path}.{key}", band[key], low, high)


def _room_problems(data: Mapping[Any, Any], labels: Mapping[str, bool]) -> Iterator[str]:
    """Problems of the settings for all loudspeakers, whose labels say whether each is an LFE."""
    if "compensate" in data:
        compensate = data["compensate"]
        yield from mapping_problems("compensate", compensate, _COMPENSATE_KEYS)
        if isinstance(compensate, Mapping):
            for key in _COMPENSATE_KEYS:
                yield from truth_problems(f"compensate.{key}", compensate.get(key, False))
    if "dual_band" in data:
        yield from truth_problems("dual_band", data["dual_band"])
    if "bass_management" in data:
        yield from _bass_problems(data["bass_management"], labels)


def _bass_problems(bass: object, labels: Mapping[str, bool]) -> Iterator[str]:
    path = "bass_management"
    yield from mapping_problems(path, bass, _BASS_KEYS)
    if not isinstance(bass, Mapping):
        return
    for key, low, high in (("crossover_hz", 20.0, 500.0), ("lfe_gain_db", -60.0, 20.0)):
        if key in bass:
            yield from number_problems(f"{path}.{key}", bass[key], low, high)
    lfes = [label for label, lfe in labels.items() if lfe]
    if not lfes:
        yield f"{path}: expected a loudspeaker with lfe: true to play the bass, got none"
    subwoofers = bass.get("subwoofers", {})
    if not isinstance(subwoofers, Mapping):
        yield f"{path}.subwoofers: expected a mapping of labels, got {kind(subwoofers)}"
        return
    for label, weights in subwoofers.items():
        here = f"{path}.subwoofers.{label}"
        if label not in lfes:
            yield f"{here}: expected a loudspeaker with lfe: true{did_you_mean(str(label), lfes)}"
        if not isinstance(weights, Mapping):
            yield f"{here}: expected a mapping of labels to weights, got {kind(weights)}"
            continue
        for target, weight in weights.items():
            if labels.get(target, True):
                panned = [name for name, lfe in labels.items() if not lfe]
                yield f"{here}.{target}: expected a loudspeaker without lfe{did_you_mean(str(target), panned)}"
            yield from number_problems(f"{here}.{target}", weight, -10.0, 10.0)


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
