"""Reads one block of a channel from its XML element, checks all numbers, and reports every problem."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

from stemfield.layouts.numerals import real
from stemfield.layouts.problems import shown
from stemfield.renderer.adm.labels import place_of
from stemfield.renderer.adm.model import Block, SpeakerBlock, Zone
from stemfield.renderer.adm.times import parse_seconds, parse_time

MAX_GAIN = 2e9
"""Maximum gain: enough for every gain that is written here, and the product with an object's gain can be squared in 32
bits."""
_NOT_PLAYED = ("screenRef", "headLocked")
_ANGLES = {"azimuth": (-180.0, 180.0), "elevation": (-90.0, 90.0), "distance": (0.0, 100.0)}
_AXES = {"X": (-100.0, 100.0), "Y": (-100.0, 100.0), "Z": (-100.0, 100.0)}
_ZONE_ANGLES = {"Azimuth": 180.0, "Elevation": 90.0}
_ZONE_AXES = {"X": 1.0, "Y": 1.0, "Z": 1.0}

Tell = Callable[[str], None]


class Fields:
    """Fields of an element, checked for their ranges.

    Args:
        element: element of the document.
        name: name in messages.
        problem: called with each problem.
        note: called with each feature that is not rendered.
    """

    def __init__(self, element: ET.Element, name: str, problem: Tell, note: Tell) -> None:
        self.element = element
        self.name = name
        self.problem = problem
        self.note = note
        self._children: dict[str, list[ET.Element]] = {}
        for child in element:
            self._children.setdefault(local(child.tag), []).append(child)

    def children(self, name: str) -> Iterator[ET.Element]:
        """All children with a name, in any namespace."""
        return iter(self._children.get(name, ()))

    def text(self, name: str) -> str | None:
        """Text of the first child with a name, or None."""
        found = self._children.get(name)
        return None if found is None else (found[0].text or "").strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """Texts of all children with a name."""
        return tuple((child.text or "").strip() for child in self.children(name))

    def number(self, what: str, text: str | None, low: float, high: float, default: float) -> float:
        """A number within its range; the default if it is missing or invalid."""
        if text is None:
            return default
        try:
            value = real(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            self.problem(f"{self.name}: {what}: expected {low:g} to {high:g}, got {shown(text)}")
            return default
        return value

    def time(self, what: str, text: str | None) -> Fraction | None:
        """A time, or None if it is missing or invalid."""
        if text is None:
            return None
        try:
            return parse_time(text)
        except ValueError:
            self.problem(f"{self.name}: {what}: expected a time such as 00:00:01.50000, got {shown(text)}")
            return None

    def gain(self) -> float:
        """The gain, linear in the document or in decibels."""
        found = next(self.children("gain"), None)
        if found is None:
            return 1.0
        if found.get("gainUnit") == "dB":
            quietest, loudest = -math.inf, 20.0 * math.log10(MAX_GAIN)
            return float(10.0 ** (self.number("gain", found.text or "", quietest, loudest, 0.0) / 20.0))
        return self.number("gain", found.text or "", -MAX_GAIN, MAX_GAIN, 1.0)

    def flag(self, name: str) -> bool:
        """Whether a child is 1."""
        return (self.text(name) or "0") in ("1", "true")


def object_block(fields: Fields) -> Block:
    """A block of an Objects channel."""
    cartesian, position = _position(fields)
    size = 1.0 if cartesian else 360.0
    jump = next(fields.children("jumpPosition"), None)
    jumps = jump is not None and (jump.text or "").strip() == "1"
    within = None if jump is None else jump.get("interpolationLength")
    within_s = _seconds(fields, within) if jumps and within is not None else Fraction(0)
    divergence = next(fields.children("objectDivergence"), None)
    for name in _NOT_PLAYED:
        if fields.flag(name):
            fields.note(name)
    return Block(
        fields.time("rtime", fields.element.get("rtime")) or Fraction(0),
        fields.time("duration", fields.element.get("duration")),
        cartesian,
        position,
        fields.number("width", fields.text("width"), 0.0, size, 0.0),
        fields.number("height", fields.text("height"), 0.0, size, 0.0),
        fields.number("depth", fields.text("depth"), 0.0, 1.0, 0.0),
        fields.gain(),
        fields.number("diffuse", fields.text("diffuse"), 0.0, 1.0, 0.0),
        jumps,
        within_s,
        _lock(fields),
        0.0 if divergence is None else fields.number("objectDivergence", divergence.text or "", 0.0, 1.0, 0.0),
        0.0 if divergence is None else _divergence_range(fields, divergence, cartesian=cartesian),
        _zones(fields),
    )


def speaker_block(fields: Fields) -> SpeakerBlock:
    """A block of a DirectSpeakers channel."""
    cartesian, position = _position(fields)
    labels = fields.texts("speakerLabel")
    named = [place for label in labels if (place := place_of(label))]
    if named and next(fields.children("position"), None) is None:
        position = (*named[0], 1.0)
    return SpeakerBlock(
        fields.time("rtime", fields.element.get("rtime")) or Fraction(0),
        fields.time("duration", fields.element.get("duration")),
        labels,
        cartesian,
        position,
        _bounds(fields, position, cartesian=cartesian),
        fields.gain(),
    )


@lru_cache(maxsize=1024)
def local(tag: str) -> str:
    """Name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _position(fields: Fields) -> tuple[bool, tuple[float, float, float]]:
    given: dict[str, str | None] = {}
    for child in fields.children("position"):
        if child.get("screenEdgeLock"):
            fields.note("screenEdgeLock")
        if child.get("bound") is None:
            given[child.get("coordinate", "")] = child.text
    cartesian = "X" in given or "Y" in given
    ranges = _AXES if cartesian else _ANGLES
    needed = list(ranges)[:2]
    missing = [name for name in needed if name not in given]
    if missing and given:
        fields.problem(f"{fields.name}: the position has no {' and no '.join(missing)}")
    default = {"distance": 1.0}
    x, y, z = (
        fields.number(name, given.get(name), low, high, default.get(name, 0.0)) for name, (low, high) in ranges.items()
    )
    return cartesian, (x, y, z)


def _bounds(fields: Fields, position: Sequence[float], *, cartesian: bool) -> Zone | None:
    """Bounds of the position; an axis without a bound is exact."""
    given = {
        (child.get("bound"), child.get("coordinate")): child.text
        for child in fields.children("position")
        if child.get("bound") is not None
    }
    if not given:
        return None
    axes = list((_AXES if cartesian else _ANGLES).items())
    low, high = (
        tuple(
            fields.number(f"{side} {name}", given.get((side, name)), *limits, value)
            for (name, limits), value in zip(axes, position, strict=False)
        )
        for side in ("min", "max")
    )
    return Zone(cartesian, low, high)


def _seconds(fields: Fields, text: str) -> Fraction:
    try:
        return parse_seconds(text)
    except ValueError:
        fields.problem(f"{fields.name}: interpolationLength: expected seconds such as 0.05000, got {shown(text)}")
        return Fraction(0)


def _lock(fields: Fields) -> float | None:
    found = next(fields.children("channelLock"), None)
    if found is None or (found.text or "").strip() != "1":
        return None
    return fields.number("maxDistance", found.get("maxDistance"), 0.0, 10.0, math.inf)


def _divergence_range(fields: Fields, found: ET.Element, *, cartesian: bool) -> float:
    if cartesian:
        return fields.number("positionRange", found.get("positionRange"), 0.0, 1.0, 0.0)
    return fields.number("azimuthRange", found.get("azimuthRange"), 0.0, 180.0, 45.0)


def _zones(fields: Fields) -> tuple[Zone, ...]:
    zones = []
    for group in fields.children("zoneExclusion"):
        for zone in (child for child in group if local(child.tag) == "zone"):
            cartesian = zone.get("minX") is not None
            limits = _ZONE_AXES if cartesian else _ZONE_ANGLES
            low, high = (
                tuple(
                    fields.number(f"{side}{axis}", zone.get(f"{side}{axis}", "none"), -limit, limit, 0.0)
                    for axis, limit in limits.items()
                )
                for side in ("min", "max")
            )
            zones.append(Zone(cartesian, low, high))
    return tuple(zones)
