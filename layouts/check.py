"""Checks the data of a layout file: all problems at once, each with the path of its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard, get_args

import numpy as np

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import EqType, Polarity
from stemfield.layouts.problems import MAX_TEXT, did_you_mean, shown

MAX_SPEAKERS = 256
MIN_SPEAKERS = 2
MAX_CHANNEL = 1024
MIN_SEPARATION_DEG = 1.0
"""Angle below which loudspeakers count as one direction."""
MAX_BANDS = 32
MAX_PATH = 1024
MAX_LABEL_BYTES = 200
_NO_ADDRESS = "/{}[],*?#"

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
        return (f"expected a mapping with the keys {', '.join(LAYOUT_KEYS)}, got {_kind(data)}",)
    return tuple(_with_labels(problem, data.get("speakers")) for problem in _layout_problems(data))


def reachable_label(label: str) -> str:
    """A label that an OSC address can hold: without the special characters of addresses and lists of labels.

    >>> reachable_label("L/R [top]"), reachable_label("M+030")
    ('L-R -top', 'M+030')
    """
    if set(_NO_ADDRESS).isdisjoint(label):
        return label
    return re.sub(f"[{re.escape(_NO_ADDRESS)}]+", "-", label).strip("- ") or "-"


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
    yield from _unknown_keys("", data, LAYOUT_KEYS)
    if "name" not in data:
        yield "name: missing"
    for key in ("name", "title"):
        if key in data:
            yield from _text_problems(key, data[key])
    aliases = data.get("aliases", [])
    if isinstance(aliases, list):
        for index, alias in enumerate(aliases):
            yield from _text_problems(f"aliases[{index}]", alias)
    else:
        yield f"aliases: expected a list of texts, got {_kind(aliases)}"
    speakers = data.get("speakers")
    if not isinstance(speakers, list):
        yield f"speakers: expected a list of loudspeakers, got {_kind(speakers)}" if speakers else "speakers: missing"
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
    yield from _mapping_problems(path, speaker, SPEAKER_KEYS, _REQUIRED)
    if not isinstance(speaker, Mapping):
        return
    if "label" in speaker:
        yield from _label_problems(f"{path}.label", speaker["label"])
    channel = speaker.get("channel", 1)
    if not isinstance(channel, int) or isinstance(channel, bool) or not 1 <= channel <= MAX_CHANNEL:
        yield f"{path}.channel: expected a whole number from 1 to {MAX_CHANNEL}, got {_kind(channel)}"
    yield from _truth_problems(f"{path}.lfe", speaker.get("lfe", False))
    for key, (low, high) in _NUMBERS.items():
        if key in speaker:
            yield from _number_problems(f"{path}.{key}", speaker[key], low, high)
    yield from _chain_problems(path, speaker)


def _chain_problems(path: str, speaker: Mapping[Any, Any]) -> Iterator[str]:
    """Problems of the chain of one loudspeaker, except its numbers."""
    if "polarity" in speaker:
        yield from _choice_problems(f"{path}.polarity", speaker["polarity"], get_args(Polarity))
    if "fir" in speaker:
        yield from _text_problems(f"{path}.fir", speaker["fir"], MAX_PATH)
    low, high = speaker.get("highpass_hz"), speaker.get("lowpass_hz")
    if _is_number(low) and _is_number(high) and low >= high:
        yield f"{path}.highpass_hz: expected less than lowpass_hz {high}, got {low}: there would be no sound"
    bands = speaker.get("eq", [])
    if not isinstance(bands, list):
        yield f"{path}.eq: expected a list of bands, got {_kind(bands)}"
        return
    if len(bands) > MAX_BANDS:
        yield f"{path}.eq: expected at most {MAX_BANDS} bands, got {len(bands)}"
        return
    for index, band in enumerate(bands):
        yield from _band_problems(f"{path}.eq[{index}]", band)


def _band_problems(path: str, band: object) -> Iterator[str]:
    yield from _mapping_problems(path, band, ("type", *_BAND_NUMBERS), ("type", "f_hz"))
    if not isinstance(band, Mapping):
        return
    if "type" in band:
        yield from _choice_problems(f"{path}.type", band["type"], get_args(EqType))
    for key, (low, high) in _BAND_NUMBERS.items():
        if key in band:
            yield from _number_problems(f"{path}.{key}", band[key], low, high)


def _room_problems(data: Mapping[Any, Any], labels: Mapping[str, bool]) -> Iterator[str]:
    """Problems of the settings for all loudspeakers, whose labels say whether each is an LFE."""
    if "compensate" in data:
        compensate = data["compensate"]
        yield from _mapping_problems("compensate", compensate, _COMPENSATE_KEYS)
        if isinstance(compensate, Mapping):
            for key in _COMPENSATE_KEYS:
                yield from _truth_problems(f"compensate.{key}", compensate.get(key, False))
    if "dual_band" in data:
        yield from _truth_problems("dual_band", data["dual_band"])
    if "bass_management" in data:
        yield from _bass_problems(data["bass_management"], labels)


def _bass_problems(bass: object, labels: Mapping[str, bool]) -> Iterator[str]:
    path = "bass_management"
    yield from _mapping_problems(path, bass, _BASS_KEYS)
    if not isinstance(bass, Mapping):
        return
    for key, low, high in (("crossover_hz", 20.0, 500.0), ("lfe_gain_db", -60.0, 20.0)):
        if key in bass:
            yield from _number_problems(f"{path}.{key}", bass[key], low, high)
    lfes = [label for label, lfe in labels.items() if lfe]
    if not lfes:
        yield f"{path}: expected a loudspeaker with lfe: true to play the bass, got none"
    subwoofers = bass.get("subwoofers", {})
    if not isinstance(subwoofers, Mapping):
        yield f"{path}.subwoofers: expected a mapping of labels, got {_kind(subwoofers)}"
        return
    for label, weights in subwoofers.items():
        here = f"{path}.subwoofers.{label}"
        if label not in lfes:
            yield f"{here}: expected a loudspeaker with lfe: true{did_you_mean(str(label), lfes)}"
        if not isinstance(weights, Mapping):
            yield f"{here}: expected a mapping of labels to weights, got {_kind(weights)}"
            continue
        for target, weight in weights.items():
            if labels.get(target, True):
                panned = [name for name, lfe in labels.items() if not lfe]
                yield f"{here}.{target}: expected a loudspeaker without lfe{did_you_mean(str(target), panned)}"
            yield from _number_problems(f"{here}.{target}", weight, -10.0, 10.0)


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
    if not all(_is_number(a) and _is_number(e) and abs(a) <= 360 and abs(e) <= 90 for a, e in places):
        return False
    directions = cartesian(*zip(*places, strict=True))
    return bool((directions @ directions[0] > np.cos(np.radians(MIN_SEPARATION_DEG))).all())


def _mapping_problems(path: str, value: object, known: Sequence[str], required: Sequence[str] = ()) -> Iterator[str]:
    """Problems of a mapping: not a mapping, unknown keys, missing keys."""
    if not isinstance(value, Mapping):
        yield f"{path}: expected a mapping with the keys {', '.join(known)}, got {_kind(value)}"
        return
    yield from _unknown_keys(f"{path}.", value, known)
    yield from (f"{path}.{key}: missing" for key in required if key not in value)


def _number_problems(path: str, value: object, low: float, high: float) -> Iterator[str]:
    """Problems of a number: not a number, or out of range."""
    if path.endswith(".radius_m") and _is_number(value) and value <= 0:
        yield f"{path}: expected more than 0, got {value}: a loudspeaker cannot be at the listener"
    elif not _is_number(value) or not low <= value <= high:
        yield f"{path}: expected a number from {low:g} to {high:g}, got {_kind(value)}"


def _text_problems(path: str, value: object, longest: int = MAX_TEXT) -> Iterator[str]:
    """Problems of a text: not a text, or not printable on one line."""
    if _is_number(value):
        yield f"{path}: expected text, got the number {value}: write it in quotes"
    elif not isinstance(value, str):
        yield f"{path}: expected text, got {_kind(value)}"
    elif not 1 <= len(value) <= longest or not value.isprintable() or value != value.strip():
        yield f"{path}: expected 1 to {longest} printable characters without spaces at the ends, got {shown(value)}"


def _label_problems(path: str, value: object) -> Iterator[str]:
    """Problems of a label: not a text, or not possible in an OSC address or the name of a JACK port."""
    problems = list(_text_problems(path, value))
    yield from problems
    if not isinstance(value, str) or problems:
        return
    if (size := len(value.encode())) > MAX_LABEL_BYTES:
        yield f"{path}: expected at most {MAX_LABEL_BYTES} bytes, as JACK port names allow, got {size}"
    if reachable_label(value) != value:
        found = "".join(dict.fromkeys(letter for letter in value if letter in _NO_ADDRESS))
        yield f"{path}: expected a label without {found}, such as {reachable_label(value)!r}, got {value!r}"


def _choice_problems(path: str, value: object, allowed: Sequence[str]) -> Iterator[str]:
    """Problems of a choice: not one of some words."""
    if not isinstance(value, str) or value not in allowed:
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        yield f"{path}: expected one of {', '.join(allowed)}, got {_kind(value)}{hint}"


def _truth_problems(path: str, value: object) -> Iterator[str]:
    """Problems of a truth value: neither true nor false."""
    if not isinstance(value, bool):
        yield f"{path}: expected true or false, got {_kind(value)}"


def _unknown_keys(prefix: str, data: Mapping[Any, Any], known: Sequence[str]) -> Iterator[str]:
    """One problem for every unknown key."""
    for key in data:
        if key not in known:
            yield f"{prefix}{key}: unknown key{did_you_mean(str(key), known)}"


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: object) -> str:
    """A value in words, for the end of a message."""
    if value is None:
        return "nothing"
    if isinstance(value, (str, bool, int, float)):
        return repr(value) if isinstance(value, float) else shown(value)
    return {"dict": "a mapping", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")
