"""What the importers share: plain numbers, places, XML without entities."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemfield.layouts.coordinates import polar

_DIGITS = 9


class ForeignFileError(ValueError):
    """A file of another renderer that cannot be read."""


@dataclass(slots=True)
class Imported:
    """A layout file of another renderer in the words of ours."""

    data: dict[str, Any]
    """As in our layout files; not yet checked."""
    notes: list[str] = field(default_factory=list)
    """What has no place in ours and was left out."""

    @classmethod
    def named(cls, name: str, program: str) -> Imported:
        """An empty layout with the name of its file."""
        return cls({"name": name, "title": f"{name} (from {program})", "speakers": []})

    def left_out(self, what: str, where: Sequence[str]) -> None:
        """Notes what was left out at these loudspeakers, if at any."""
        if where:
            self.notes.append(f"{what} at {', '.join(where[:8])}{', ...' if len(where) > 8 else ''}")


def xml_root(text: str) -> ET.Element:
    """The root of an XML text.

    Raises:
        ForeignFileError: no XML, or with a document type, whose entities could grow without end.
    """
    if "<!DOCTYPE" in text:
        raise ForeignFileError("XML with a document type (<!DOCTYPE) is not read")
    try:
        return ET.fromstring(text)  # noqa: S314
    except ET.ParseError as error:
        raise ForeignFileError(f"line {error.position[0]}: no XML: {error}") from error


def number(where: str, value: object, default: float | None = None) -> float:
    """A number, also one written as text.

    Raises:
        ForeignFileError: it is none, or missing without a default.
    """
    if value is None and default is not None:
        return default
    try:
        found = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ForeignFileError(f"{where}: {'is missing' if value is None else f'{value!r} is no number'}")
    return found


def channel_number(text: str | None) -> int | str | None:
    """A whole number written as text; what is none is left for the check of the layout."""
    word = (text or "").strip()
    return int(word) if word.isdecimal() and len(word) <= _DIGITS else text


def decibels(where: str, linear: object) -> float:
    """A linear gain in decibels.

    Raises:
        ForeignFileError: it is no number above 0.
    """
    value = number(where, linear, 1.0)
    if value <= 0.0:
        raise ForeignFileError(f"{where}: {value:g} is no gain above 0; leave the loudspeaker out instead")
    return 20.0 * math.log10(value)


def place(azimuth_deg: float, elevation_deg: float, radius_m: float) -> dict[str, float]:
    """The keys of a position."""
    return {"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg, "radius_m": radius_m}


def place_at(x: float, y: float, z: float) -> dict[str, float]:
    """The keys of a position in our axes: x front, y left, z up, metres."""
    return place(*(round(value, 6) + 0.0 for value in polar((x, y, z)).tolist()))


def trim(gain_db: float) -> dict[str, float]:
    """The key of a gain, where there is one."""
    return {"gain_db": round(gain_db, 6)} if gain_db else {}


def mapping(where: str, value: object) -> Mapping[Any, Any]:
    """A value that must be a mapping.

    Raises:
        ForeignFileError: it is none.
    """
    if not isinstance(value, Mapping):
        raise ForeignFileError(f"{where}: must be a mapping")
    return value
