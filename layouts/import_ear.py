"""Loudspeaker files of the EBU ADM Renderer (YAML): real positions for the channels of a BS.2051 system.

Angles as in stemfield; channels count from 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stemfield.layouts.foreign import ForeignFileError, Imported, decibels, mapping, number, place, trim

_ELEVATIONS_DEG = {"M": 0.0, "U": 30.0, "UH": 45.0, "B": -30.0, "T": 90.0}
_LABEL = re.compile(r"(UH|[MUBT])([+-][0-9]{3})")


def is_ear(data: object) -> bool:
    """Whether plain data is such a file: loudspeakers have `names`."""
    speakers = data.get("speakers") if isinstance(data, Mapping) else data
    return isinstance(speakers, list) and any(isinstance(entry, Mapping) and "names" in entry for entry in speakers)


def import_ear(data: Any, name: str) -> Imported:
    """The layout in the plain data of such a file.

    The first name of a loudspeaker is its label; without a position it gets the one of that name in BS.2051.

    Raises:
        ForeignFileError: a value is missing or not a number.
    """
    result = Imported.named(name, "EAR")
    speakers: list[Any] = data["speakers"] if isinstance(data, Mapping) else data
    several = []
    for index, entry in enumerate(speakers):
        where = f"speakers[{index}]"
        names = mapping(where, entry).get("names")
        names = names if isinstance(names, list) else [names]
        label = str(names[0]) if names else ""
        channel = entry.get("channel")
        nominal = _nominal(label)
        result.data["speakers"].append(
            {"label": label, "channel": channel + 1 if type(channel) is int else channel}
            | _place(where, label, entry.get("position"), nominal)
            | trim(decibels(f"{where}.gain_linear", entry.get("gain_linear")))
            | ({"lfe": True} if label.startswith("LFE") else {})
        )
        several += [label] if len(names) > 1 else []
    result.left_out("all names but the first", several)
    if isinstance(data, Mapping) and data.get("screen"):
        result.left_out("the screen")
    return result


def _nominal(label: str) -> tuple[float, float] | None:
    found = _LABEL.fullmatch(label)
    if found:
        return float(found[2]), _ELEVATIONS_DEG[found[1]]
    return (45.0, -30.0) if label == "LFE1" else (-45.0, -30.0) if label == "LFE2" else None


def _place(where: str, label: str, position: object, nominal: tuple[float, float] | None) -> dict[str, float | None]:
    if position is None:
        if nominal is None:
            raise ForeignFileError(f"{where}: expected a position, or a BS.2051 name that has one, got {label!r}")
        return place(*nominal, None)
    at = mapping(f"{where}.position", position)
    found = place(*(number(f"{where}.position.{key}", at.get(key)) for key in ("az", "el", "r")))
    if nominal is None or label.startswith("LFE"):
        return found
    return found | {"nominal_azimuth_deg": nominal[0], "nominal_elevation_deg": nominal[1]}
