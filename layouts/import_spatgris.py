"""Speaker set-ups of SpatGRIS (XML): x right, y front, z up; one unit counts as a metre.

Versions 3 (`SPEAKER_1` with a `POSITION`), 4 (`SPEAKER` in a `SPEAKER_GROUP`), and older ones (`SpeakerSetup`), whose
axes are x front, y right.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from stemfield.layouts.foreign import ForeignFileError, Imported, channel_number, number, place_at, trim

_OLD_TAG = re.compile(r"SPEAKER_([1-9][0-9]{0,8})")
_Point = tuple[float, float, float]
_CENTRE = (0.0, 0.0, 0.0)


def import_spatgris(root: ET.Element, name: str) -> Imported:
    """The layout in such a file.

    Outputs for direct signals only become LFE loudspeakers, which are not panned to.

    Raises:
        ForeignFileError: a value is missing or not a number.
    """
    result = Imported.named(name, "SpatGRIS")
    muted = []
    for channel, position, entry in _speakers(root, _CENTRE):
        where = f"speaker {channel}"
        speaker: dict[str, Any] = {"label": f"S{channel}", "channel": channel}
        speaker |= place_at(position[1], -position[0], position[2])
        speaker |= trim(number(f"{where}.GAIN", entry.get("GAIN"), 0.0))
        highpass = entry.find("HIGHPASS")
        highpass_hz = number(f"{where}.FREQ", (entry if highpass is None else highpass).get("FREQ"), 0.0)
        speaker |= {"highpass_hz": highpass_hz} if highpass_hz > 0 else {}
        if entry.get("DIRECT_OUT_ONLY", "0") not in ("0", "false"):
            speaker["lfe"] = True
        muted += [f"S{channel}"] if (entry.get("STATE") or entry.get("IO_STATE")) == "muted" else []
        result.data["speakers"].append(speaker)
    result.left_out("mutes", muted)
    if number("DIFFUSION", root.get("DIFFUSION"), 0.0):
        result.left_out("the diffusion of the set-up")
    turned = [
        group.get("SPEAKER_GROUP_NAME", "?")
        for group in root.iter("SPEAKER_GROUP")
        if any(number(key, group.get(key), 0.0) for key in ("YAW", "PITCH", "ROLL"))
    ]
    result.left_out("the rotation of groups", turned)
    return result


def import_old_spatgris(root: ET.Element, name: str) -> Imported:
    """The layout in a file older than version 3.

    Raises:
        ForeignFileError: a value is missing or not a number.
    """
    result = Imported.named(name, "SpatGRIS")
    for entry in root.iter("Speaker"):
        channel = channel_number(entry.get("OutputPatch"))
        where = f"Speaker with OutputPatch {channel}"
        x, y, z = (number(f"{where}: Position{axis}", entry.get(f"Position{axis}")) for axis in "XYZ")
        speaker: dict[str, Any] = {"label": f"S{channel}", "channel": channel} | place_at(x, -y, z)
        speaker |= trim(number(f"{where}: Gain", entry.get("Gain"), 0.0))
        highpass_hz = number(f"{where}: HighPassCutoff", entry.get("HighPassCutoff"), 0.0)
        speaker |= {"highpass_hz": highpass_hz} if highpass_hz > 0 else {}
        if entry.get("DirectOut", "0") not in ("0", "false"):
            speaker["lfe"] = True
        result.data["speakers"].append(speaker)
    return result


def _speakers(parent: ET.Element, origin: _Point) -> Iterator[tuple[int, _Point, ET.Element]]:
    """Channel, position in the file's axes, and element of every loudspeaker."""
    for entry in parent:
        old = _OLD_TAG.fullmatch(entry.tag)
        if entry.tag == "SPEAKER_GROUP":
            yield from _speakers(entry, _sum(origin, _point(entry, _CENTRE)))
        elif old is not None:
            at = entry.find("POSITION")
            if at is None:
                raise ForeignFileError(f"{entry.tag}.POSITION: missing")
            x, y, z = (number(f"{entry.tag}.{key}", at.get(key)) for key in "XYZ")
            yield int(old[1]), (x, y, z), entry
        elif entry.tag == "SPEAKER":
            channel = channel_number(entry.get("SPEAKER_PATCH_ID"))
            if not isinstance(channel, int):
                raise ForeignFileError(f"SPEAKER_PATCH_ID: expected a channel, got {channel!r}")
            yield channel, _sum(origin, _point(entry)), entry


def _point(entry: ET.Element, default: _Point | None = None) -> _Point:
    text = entry.get("CARTESIAN_POSITION")
    if text is None and default is not None:
        return default
    words = (text or "").strip("() ").split(",")
    if len(words) != 3:
        raise ForeignFileError(f"CARTESIAN_POSITION: expected (x, y, z), got {text!r}")
    x, y, z = (number("CARTESIAN_POSITION", word.strip()) for word in words)
    return x, y, z


def _sum(a: _Point, b: _Point) -> _Point:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]
