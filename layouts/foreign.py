"""What the importers share: numbers, positions, XML without entities."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemfield.layouts.check import reachable_label
from stemfield.layouts.coordinates import polar
from stemfield.layouts.numerals import real
from stemfield.layouts.problems import MAX_TEXT

_DIGITS = 9


class ForeignFileError(ValueError):
    """A file of another renderer that cannot be read."""


@dataclass(slots=True)
class Imported:
    """A layout file of another renderer, converted to the keys of stemfield."""

    data: dict[str, Any]
    """Data of a layout file, not yet checked."""
    notes: list[str] = field(default_factory=list)
    """What was left out because it cannot be expressed, or chosen because the file does not tell."""

    @classmethod
    def named(cls, name: str, program: str) -> Imported:
        """An empty layout with the name of its file, made valid as the name of a layout."""
        name = name_of(name) or program
        return cls({"name": name, "title": f"{name} (from {program})", "speakers": []})

    def left_out(self, what: str, where: Sequence[str] | None = None) -> None:
        """Note what was left out: at these loudspeakers, if any, or of the whole layout."""
        if where is None:
            self.notes.append(f"left out: {what}")
        elif where:
            self.notes.append(f"left out: {what} at {_some(where)}")

    def finished(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The data and the notes, with labels and positions converted to what stemfield can use."""
        speakers = [speaker for speaker in self.data["speakers"] if isinstance(speaker.get("label"), str)]
        labels = {speaker["label"]: speaker["label"] for speaker in speakers}
        for old in labels:
            new = reachable_label(old)
            while new != old and new in labels.values():
                new += "-"
            labels[old] = new
        for speaker in speakers:
            speaker["label"] = labels[speaker["label"]]
        changed = [f"{old} is {new}" for old, new in labels.items() if new != old]
        if changed:
            self.notes.append(f"labels that OSC addresses cannot hold are changed: {_some(changed)}")
        bass = self.data.get("bass_management", {})
        if "subwoofers" in bass:
            bass["subwoofers"] = {
                labels.get(label, label): {labels.get(target, target): weight for target, weight in weights.items()}
                for label, weights in bass["subwoofers"].items()
            }
        self._fill_distances()
        return self.data, tuple(self.notes)

    def _fill_distances(self) -> None:
        """Give loudspeakers without a distance, or at the origin, that of the farthest, which needs no compensation."""
        speakers = self.data["speakers"]
        known = [radius_m for each in speakers if (radius_m := each.get("radius_m")) is not None and radius_m > 0.0]
        farthest_m = max(known, default=1.0)
        for speaker in speakers:
            if speaker["radius_m"] == 0.0:
                speaker["radius_m"] = None
                what = "taken to be in front"
                if speaker.get("azimuth_deg") or speaker.get("elevation_deg"):
                    what = "only its direction is used"
                elif not speaker.get("lfe"):
                    speaker["lfe"] = True  # as direct outputs of other programs are
                    what = "it has no direction, and plays only what is sent to it directly, as lfe"
                self.notes.append(f"{speaker['label']} is at the origin: {what}")
            if speaker["radius_m"] is None:
                speaker["radius_m"] = farthest_m


def xml_root(text: str) -> ET.Element:
    """The root of an XML text.

    Raises:
        ForeignFileError: not XML, or with a document type, whose entities could grow without limit.
    """
    if "<!DOCTYPE" in text:
        raise ForeignFileError("XML with a document type (<!DOCTYPE) is not supported")
    try:
        return ET.fromstring(text.strip())  # noqa: S314
    except ET.ParseError as error:
        raise ForeignFileError(f"line {error.position[0]}: not XML: {error}") from error


def number(where: str, value: object, default: float | None = None) -> float:
    """A number, also one written as text.

    Raises:
        ForeignFileError: not a number, or missing without a default.
    """
    if value is None and default is not None:
        return default
    try:
        if isinstance(value, str):
            found = real(value)
        else:
            found = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ForeignFileError(f"{where}: {'missing' if value is None else f'expected a number, got {value!r}'}")
    return found


def name_of(stem: str) -> str:
    """The name of a layout whose file has none, from the name of the file."""
    return one_line(stem, MAX_TEXT - 32)


def one_line(text: str, longest: int = MAX_TEXT) -> str:
    """A text made valid as a name or title: printable, on one line, without spaces at the ends."""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    return " ".join(words)[:longest].strip()


def _some(things: Sequence[str]) -> str:
    return f"{', '.join(things[:8])}{', ...' if len(things) > 8 else ''}"


def channel_number(text: str | None) -> int | str | None:
    """A whole number written as text; anything else is left to the check of the layout."""
    word = (text or "").strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= _DIGITS else text


def decibels(where: str, linear: object) -> float:
    """A linear gain in decibels.

    Raises:
        ForeignFileError: not a number above 0.
    """
    value = number(where, linear, 1.0)
    if value <= 0.0:
        raise ForeignFileError(f"{where}: expected a gain above 0, got {value:g}; leave the loudspeaker out instead")
    return 20.0 * math.log10(value)


def place(azimuth_deg: float, elevation_deg: float, radius_m: float | None) -> dict[str, float | None]:
    """The keys of a position; None for an unknown distance."""
    return {"azimuth_deg": azimuth_deg, "elevation_deg": elevation_deg, "radius_m": radius_m}


def place_at(x: float, y: float, z: float) -> dict[str, float | None]:
    """The keys of a position given as x front, y left, z up, metres."""
    return place(*(round(value, 6) + 0.0 for value in polar((x, y, z)).tolist()))


def trim(gain_db: float) -> dict[str, float]:
    """The key of a gain, if it is not 0."""
    return {"gain_db": round(gain_db, 6)} if gain_db else {}


def mapping(where: str, value: object) -> Mapping[Any, Any]:
    """The same value, checked to be a mapping.

    Raises:
        ForeignFileError: it is not a mapping.
    """
    if not isinstance(value, Mapping):
        raise ForeignFileError(f"{where}: expected a mapping")
    return value
