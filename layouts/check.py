"""Every problem of a layout file at once, each named by its key's path."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from stemfield.layouts.coordinates import cartesian

MAX_SPEAKERS = 256
MIN_SPEAKERS = 2
MAX_CHANNEL = 1024
MAX_TEXT = 128
MIN_SEPARATION_DEG = 1.0

_LAYOUT_KEYS = ("name", "title", "aliases", "speakers")
_NUMBERS = {
    "azimuth_deg": (-360.0, 360.0),
    "elevation_deg": (-90.0, 90.0),
    "radius_m": (0.0, 100.0),
    "nominal_azimuth_deg": (-360.0, 360.0),
    "nominal_elevation_deg": (-90.0, 90.0),
}
_SPEAKER_KEYS = ("label", "channel", "lfe", *_NUMBERS)
_REQUIRED = ("label", "azimuth_deg", "channel")


def check_layout(data: object) -> tuple[str, ...]:
    """Every problem of a layout's plain data.

    Args:
        data: what the YAML file holds.

    Returns:
        One message a problem, such as `speakers[3].elevation_deg: 95 is outside -90..90`; empty when all is well.
        Indices count from 0.
    """
    if not isinstance(data, Mapping):
        return (f"a layout is a mapping with the keys {', '.join(_LAYOUT_KEYS)}, not {_kind(data)}",)
    return tuple(_layout_problems(data))


def _layout_problems(data: Mapping[Any, Any]) -> Iterator[str]:
    yield from _unknown_keys("", data, _LAYOUT_KEYS)
    if "name" not in data:
        yield "name: is missing"
    for key in ("name", "title"):
        if key in data:
            yield from _text_problems(key, data[key])
    aliases = data.get("aliases", [])
    if isinstance(aliases, list):
        for index, alias in enumerate(aliases):
            yield from _text_problems(f"aliases[{index}]", alias)
    else:
        yield f"aliases: must be a list of texts, not {_kind(aliases)}"
    speakers = data.get("speakers")
    if not isinstance(speakers, list):
        yield f"speakers: must be a list of loudspeakers, not {_kind(speakers)}" if speakers else "speakers: is missing"
        return
    if len(speakers) > MAX_SPEAKERS:
        yield f"speakers: {len(speakers)} are too many, at most {MAX_SPEAKERS}"
        return
    for index, speaker in enumerate(speakers):
        yield from _speaker_problems(f"speakers[{index}]", speaker)
    good = {index: speaker for index, speaker in enumerate(speakers) if isinstance(speaker, Mapping)}
    yield from _repeats(good, "label")
    yield from _repeats(good, "channel")
    panned = {index: speaker for index, speaker in good.items() if speaker.get("lfe") is not True}
    if len(panned) < MIN_SPEAKERS and len(good) == len(speakers):
        yield f"speakers: {len(panned)} without lfe, at least {MIN_SPEAKERS} are needed"
    yield from _coincidences(panned, "")
    yield from _coincidences(panned, "nominal_")


def _speaker_problems(path: str, speaker: object) -> Iterator[str]:
    if not isinstance(speaker, Mapping):
        yield f"{path}: must be a mapping with the keys {', '.join(_SPEAKER_KEYS)}, not {_kind(speaker)}"
        return
    yield from _unknown_keys(f"{path}.", speaker, _SPEAKER_KEYS)
    yield from (f"{path}.{key}: is missing" for key in _REQUIRED if key not in speaker)
    if "label" in speaker:
        yield from _text_problems(f"{path}.label", speaker["label"])
    channel = speaker.get("channel", 1)
    if not isinstance(channel, int) or isinstance(channel, bool):
        yield f"{path}.channel: must be a whole number, not {_kind(channel)}"
    elif not 1 <= channel <= MAX_CHANNEL:
        yield f"{path}.channel: {channel} is outside 1..{MAX_CHANNEL}"
    if not isinstance(speaker.get("lfe", False), bool):
        yield f"{path}.lfe: must be true or false, not {_kind(speaker['lfe'])}"
    for key, (low, high) in _NUMBERS.items():
        if key in speaker:
            yield from _number_problems(f"{path}.{key}", speaker[key], low, high)


def _number_problems(path: str, value: object, low: float, high: float) -> Iterator[str]:
    if not _is_number(value):
        yield f"{path}: must be a number, not {_kind(value)}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is not a finite number"
    elif path.endswith(".radius_m") and value <= 0:
        yield f"{path}: {value} puts the loudspeaker at the origin; it must be above 0, at most {high:g}"
    elif not low <= value <= high:
        yield f"{path}: {value} is outside {low:g}..{high:g}"


def _text_problems(path: str, value: object) -> Iterator[str]:
    if _is_number(value):
        yield f"{path}: {value} is a number here; write it in quotes"
    elif not isinstance(value, str):
        yield f"{path}: must be text, not {_kind(value)}"
    elif not 1 <= len(value) <= MAX_TEXT or not value.isprintable() or value != value.strip():
        yield f"{path}: must be 1..{MAX_TEXT} printable characters without space at its ends"


def _unknown_keys(prefix: str, data: Mapping[Any, Any], known: Sequence[str]) -> Iterator[str]:
    for key in data:
        if key not in known:
            yield f"{prefix}{key}: unknown key{suggestion(str(key), known)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """`, did you mean ...?` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def _repeats(speakers: Mapping[int, Mapping[Any, Any]], key: str) -> Iterator[str]:
    first: dict[Any, int] = {}
    for index, speaker in speakers.items():
        value = speaker.get(key)
        if not isinstance(value, (str, int)):
            continue
        if value in first:
            yield f"speakers[{index}].{key}: {value} is already that of speakers[{first[value]}]"
        first.setdefault(value, index)


def _coincidences(speakers: Mapping[int, Mapping[Any, Any]], prefix: str) -> Iterator[str]:
    """Loudspeakers that a panner cannot tell apart, because they stand in one direction."""
    placed: list[tuple[int, float, float]] = []
    for index, speaker in speakers.items():
        azimuth = speaker.get("azimuth_deg")
        elevation = speaker.get("elevation_deg", 0.0)
        if prefix:
            azimuth = speaker.get("nominal_azimuth_deg", azimuth)
            elevation = speaker.get("nominal_elevation_deg", elevation)
        if _is_number(azimuth) and _is_number(elevation) and abs(azimuth) <= 360 and abs(elevation) <= 90:
            placed.append((index, azimuth, elevation))
    if prefix and not any(f"{prefix}{key}" in s for s in speakers.values() for key in ("azimuth_deg", "elevation_deg")):
        return
    if not placed:
        return
    indices, azimuths, elevations = zip(*placed, strict=True)
    directions = cartesian(azimuths, elevations)
    angles = np.degrees(np.arccos(np.clip(directions @ directions.T, -1.0, 1.0)))
    for i, j in np.argwhere(np.triu(angles < MIN_SEPARATION_DEG, k=1)):
        yield (
            f"speakers[{indices[j]}]: stands in the same {'nominal ' if prefix else ''}direction as "
            f"speakers[{indices[i]}] ({angles[i, j]:.2g} degrees apart, at least {MIN_SEPARATION_DEG:g})"
        )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text {value!r}"
    if isinstance(value, (bool, int, float)):
        return f"{value!r}"
    return {"dict": "a mapping", "list": "a list"}.get(type(value).__name__, f"a {type(value).__name__}")
