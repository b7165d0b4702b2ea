"""Loudspeaker files of the IEM plug-ins (JSON): angles as in stemfield, channels from 1, imaginary ones marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stemfield.layouts.foreign import ForeignFileError, Imported, decibels, mapping, number, one_line, place, trim
from stemfield.layouts.plain_data import PlainDataError, parse_json


def is_iem(text: str) -> bool:
    """Whether a text is such a file."""
    return text.lstrip().startswith("{") and '"LoudspeakerLayout"' in text


def import_iem(text: str, name: str) -> Imported:
    """The layout in such a file. Imaginary loudspeakers are left out: the panner adds its own.

    Raises:
        ForeignFileError: not JSON, or a value is missing or not a number.
    """
    try:
        data = parse_json(text)
    except PlainDataError as error:
        raise ForeignFileError(f"not JSON: {error}") from error
    layout = mapping("LoudspeakerLayout", data.get("LoudspeakerLayout"))
    speakers = layout.get("Loudspeakers")
    if not isinstance(speakers, list):
        raise ForeignFileError("LoudspeakerLayout.Loudspeakers: expected a list")
    result = Imported.named(name, "IEM")
    if isinstance(layout.get("Name"), str) and one_line(layout["Name"]):
        result.data["title"] = one_line(layout["Name"])
    imaginary = []
    for index, entry in enumerate(speakers):
        where = f"LoudspeakerLayout.Loudspeakers[{index}]"
        mapping(where, entry)
        if entry.get("IsImaginary"):
            imaginary.append(str(index))
            continue
        result.data["speakers"].append(_speaker(where, entry))
    result.left_out("imaginary loudspeakers", imaginary)
    if "Decoder" in data:
        result.left_out("the decoder matrix")
    return result


def _speaker(where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    channel, radius = entry.get("Channel"), entry.get("Radius")
    radius_m = None if radius is None else number(f"{where}.Radius", radius)
    azimuth_deg, elevation_deg = (number(f"{where}.{key}", entry.get(key)) for key in ("Azimuth", "Elevation"))
    return (
        {"label": f"S{channel}", "channel": channel}
        | place(azimuth_deg, elevation_deg, radius_m)
        | trim(decibels(f"{where}.Gain", entry.get("Gain")))
    )
