"""Loudspeaker files of VISR and the S3A renderers (XML): axes, angles, channels as in stemfield; delays in seconds."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from stemfield.layouts.check import MAX_CHANNEL
from stemfield.layouts.foreign import (
    ForeignFileError,
    Imported,
    channel_number,
    decibels,
    number,
    place,
    place_at,
    trim,
)

_RANGE = re.compile(r"[0-9]{1,4}(:-?[0-9]{1,4})?:[0-9]{1,4}")


def import_visr(root: ET.Element, name: str) -> Imported:
    """The layout in such a file; subwoofers become LFE loudspeakers with bass management.

    Virtual loudspeakers and triplets are left out, because the panner makes its own, and output equalisers, because
    their coefficients are for one sample rate.

    With a `dimension` of 2, elevations and heights may be missing.

    Raises:
        ForeignFileError: a value is missing or not a number.
    """
    result = Imported.named(name, "VISR")
    speakers = result.data["speakers"]
    level = 0.0 if root.get("dimension") == "2" else None
    equalised = []
    subwoofers: dict[str, dict[str, float]] = {}
    for entry in root.iter("loudspeaker"):
        label = entry.get("id", "").strip()
        where = f"loudspeaker {label}"
        speakers.append({"label": label} | _wiring(where, entry) | _place(where, entry, level))
        equalised += [label] if "eq" in entry.attrib else []
    for index, entry in enumerate(root.iter("subwoofer"), start=1):
        label = f"SUB{index}"
        # VISR has no position of a subwoofer; most are in front
        speakers.append({"label": label, "lfe": True} | _wiring(label, entry) | place(0.0, 0.0, None))
        equalised += [label] if "eq" in entry.attrib else []
        targets = _words(entry.get("assignedLoudspeakers", ""))
        weights = _words(entry.get("weights", "")) or ["1"] * len(targets)
        if len(weights) != len(targets):
            raise ForeignFileError(
                f"{label}: expected a weight for each of {len(targets)} assignedLoudspeakers, got {len(weights)}"
            )
        subwoofers[label] = {
            target: number(f"{label}.weights", weight) for target, weight in zip(targets, weights, strict=True)
        }
    if subwoofers:
        result.data["bass_management"] = {"subwoofers": subwoofers}
    result.left_out("output equalisers (fixed coefficients of one sample rate)", equalised)
    result.left_out("virtual loudspeakers", [entry.get("id", "?") for entry in root.iter("virtualspeaker")])
    triplets = sum(1 for _ in root.iter("triplet"))
    if triplets:
        result.left_out(f"{triplets} triplets: the panner makes its own")
    return result


def _words(text: str) -> list[str]:
    """The words of a list; ranges of whole numbers are `first:last` or `first:step:last`.

    >>> _words("1:3, M+030, 8:-2:4")
    ['1', '2', '3', 'M+030', '8', '6', '4']
    """
    words = []
    for word in (word.strip() for word in text.split(",") if word.strip()):
        if _RANGE.fullmatch(word) is None:
            words.append(word)
            continue
        first, *step, last = map(int, word.split(":"))
        by = step[0] if step else 1
        if by == 0 or abs(last - first) > MAX_CHANNEL:
            raise ForeignFileError(f"expected a range of loudspeakers, got {word}")
        words += map(str, range(first, last + (1 if by > 0 else -1), by))
    return words


def _wiring(where: str, entry: ET.Element) -> dict[str, Any]:
    gain_db = number(f"{where}.gainDB", entry.get("gainDB"), 0.0)
    if "gain" in entry.attrib:
        gain_db = decibels(f"{where}.gain", entry.get("gain"))
    delay_ms = 1000.0 * number(f"{where}.delay", entry.get("delay"), 0.0)
    return (
        {"channel": channel_number(entry.get("channel"))}
        | trim(gain_db)
        | ({"delay_ms": round(delay_ms, 6)} if delay_ms else {})
    )


def _place(where: str, entry: ET.Element, level: float | None) -> dict[str, float | None]:
    """Position of a loudspeaker; `level` is the default of elevation or height, None for none."""
    defaults = {"el": level, "z": level}
    at = entry.find("polar")
    keys = ("az", "el", "r")
    if at is None:
        at, keys = entry.find("cart"), ("x", "y", "z")
    if at is None:
        raise ForeignFileError(f"{where}: expected polar or cart, got neither")
    found = [number(f"{where}.{key}", at.get(key), defaults.get(key)) for key in keys]
    return place(*found) if at.tag == "polar" else place_at(*found)
