"""Reproduction setups of the SoundScape Renderer (`.asd`, XML): axes as in stemfield, channels in order, delays in s.

They contain single loudspeakers, and arrays on a line or an arc given by two of their loudspeakers.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from stemfield.layouts.check import MAX_CHANNEL
from stemfield.layouts.foreign import ForeignFileError, Imported, decibels, number, one_line, place_at, trim

_Place = tuple[float, float, float]


def import_ssr(root: ET.Element, name: str) -> Imported:
    """The layout in such a file; subwoofers become LFE loudspeakers that play the bass of all others.

    Raises:
        ForeignFileError: a scene without loudspeakers, or a value is missing or not a number.
    """
    setups = list(root.iter("reproduction_setup"))
    if not setups:
        raise ForeignFileError("expected a <reproduction_setup>, got a scene without loudspeakers")
    result = Imported.named(name, "SSR")
    title = one_line(root.findtext("header/name") or "")
    if title:
        result.data["title"] = title
    speakers = result.data["speakers"]
    channel = 0
    for entry in (entry for setup in setups for entry in setup):
        for place in _places(entry):
            channel += 1
            if channel > MAX_CHANNEL:
                raise ForeignFileError(f"expected at most {MAX_CHANNEL} channels, got more")
            if place is not None:
                speakers.append(
                    {"label": f"S{channel}", "channel": channel} | _settings(entry, channel) | place_at(*place)
                )
    if any("lfe" in speaker for speaker in speakers):
        result.data["bass_management"] = {}
        result.notes.append("subwoofers play the bass of the others below 80 Hz (bass_management)")
    if len(setups) > 1:
        result.notes.append("the channels of several machines are counted one after the other")
    return result


def _places(entry: ET.Element) -> Iterator[_Place | None]:
    """Positions of the loudspeakers of an element; None for a channel without one."""
    match entry.tag:
        case "loudspeaker":
            yield _position(entry, "loudspeaker")
        case "skip":
            yield from [None] * _count(entry, 1)
        case "linear_array":
            yield from _line(entry)
        case "circular_array":
            yield from _arc(entry)


def _line(entry: ET.Element) -> Iterator[_Place]:
    count = _count(entry, 2)
    first = _position(entry.find("first"), "the first of a linear_array")
    second = entry.find("second")
    other = _position(entry.find("last") if second is None else second, "the second or last of a linear_array")
    steps = 1 if second is not None else count - 1
    for index in range(count):
        x, y, z = (a + (b - a) * index / steps for a, b in zip(first, other, strict=True))
        yield x, y, z


def _arc(entry: ET.Element) -> Iterator[_Place]:
    """Positions on an arc, anticlockwise; a full circle without an angle."""
    count = _count(entry, 2)
    centre = entry.find("center")
    x0, y0, _ = (0.0, 0.0, 0.0) if centre is None else _position(centre, "the center of a circular_array")
    x, y, z = _position(entry.find("first"), "the first of a circular_array")
    step_deg = 360.0 / count
    for key, steps in (("last", count - 1), ("second", 1)):
        angle = entry.find(f"{key}/angle")
        if angle is not None:
            step_deg = number(f"circular_array.{key}.azimuth", angle.get("azimuth")) / steps
    for index in range(count):
        turn = math.radians(index * step_deg)
        across, along = x - x0, y - y0
        yield (
            x0 + across * math.cos(turn) - along * math.sin(turn),
            y0 + across * math.sin(turn) + along * math.cos(turn),
            z,
        )


def _position(entry: ET.Element | None, what: str) -> _Place:
    at = None if entry is None else entry.find("position")
    if at is None:
        raise ForeignFileError(f"{what}: position: missing")
    x, y, z = (number(f"{what}: {key}", at.get(key), 0.0 if key == "z" else None) for key in "xyz")
    return x, y, z


def _count(entry: ET.Element, least: int) -> int:
    text = entry.get("number") or "1"
    count = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not least <= count <= MAX_CHANNEL:
        raise ForeignFileError(f"{entry.tag}: number: expected {least} to {MAX_CHANNEL}, got {text!r}")
    return count


def _settings(entry: ET.Element, channel: int) -> dict[str, Any]:
    delay_ms = 1000.0 * number(f"S{channel}: delay", entry.get("delay"), 0.0)
    weight = number(f"S{channel}: weight", entry.get("weight"), 1.0)
    return (
        trim(decibels(f"S{channel}: weight", abs(weight)))
        | ({"polarity": "inverted"} if weight < 0.0 else {})
        | ({"delay_ms": round(delay_ms, 6)} if delay_ms > 0.0 else {})
        | ({"lfe": True} if entry.get("model") == "subwoofer" else {})
    )
