"""Position and orientation of the listener from S3A's trackers: JSON over UDP. Pure, and no bytes make it raise.

Positions are metres, x front, y left, z up; the orientation is yaw, pitch and roll in degrees, a quaternion, or an axis
with an angle in degrees, which turn the head by the right-hand rule about these axes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stemfield.control.dialects.json_numbers import mapping, read_document
from stemfield.control.parameters.argument import number
from stemfield.control.parameters.commands import Command, Problem, SetParameter, Timed
from stemfield.layouts.problems import RefusedError

Angles = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_WHERE = "listener"


def decode(packet: bytes, _now_s: float) -> list[Timed]:
    """The commands of one datagram, or a problem."""
    try:
        document = read_document(packet)
        if "errors" in document:
            return []
        return [Timed(None, command) for command in _commands(document)]
    except RefusedError as refused:
        return [Timed(None, Problem(_WHERE, str(refused)))]


def angles_of(quaternion: Quaternion) -> Angles:
    """Yaw to the left, pitch up and roll to the right shoulder, in degrees, of a rotation w, x, y, z of any length.

    >>> half = math.sqrt(0.5)
    >>> [round(a, 6) + 0.0 for a in angles_of((half, 0.0, 0.0, half))]
    [90.0, 0.0, 0.0]
    >>> [round(a, 6) + 0.0 for a in angles_of((half, half, 0.0, 0.0))]
    [0.0, 0.0, 90.0]

    Raises:
        RefusedError: its length is 0.
    """
    length = math.hypot(*quaternion)
    if length < 1e-12:
        raise RefusedError("quaternion: expected one with a length, got 0 0 0 0")
    w, x, y, z = (part / length for part in quaternion)
    # Direction of the nose, and elevation of the left ear and the top of the head.
    nose = (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y))
    ear_up, top_up = 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    yaw, pitch = math.atan2(nose[1], nose[0]), math.asin(min(max(nose[2], -1.0), 1.0))
    return math.degrees(yaw), math.degrees(pitch), math.degrees(math.atan2(ear_up, top_up))


def _commands(document: Mapping[str, Any]) -> list[Command]:
    found: list[Command] = []
    if any(axis in document for axis in "xyz"):
        place = tuple(number(document.get(axis, 0.0)) for axis in "xyz")
        found.append(SetParameter("/listener/position", place, "s3a"))
    if "orientation" in document:
        found.append(SetParameter("/listener/ypr", _angles(mapping(document["orientation"])), "s3a"))
    if not found:
        raise RefusedError("expected x, y, z or orientation")
    return found


def _angles(given: Mapping[str, Any]) -> Angles:
    if "quaternion" in given:
        parts = mapping(given["quaternion"])
        return angles_of(
            (number(parts.get("w")), number(parts.get("x")), number(parts.get("y")), number(parts.get("z")))
        )
    if "rotationVector" in given:
        parts = mapping(given["rotationVector"])
        axis = [number(parts.get(key)) for key in "xyz"]
        length, half = math.hypot(*axis), math.radians(number(parts.get("angle"))) / 2.0
        if length < 1e-12:
            return 0.0, 0.0, 0.0
        x, y, z = (math.sin(half) * part / length for part in axis)
        return angles_of((math.cos(half), x, y, z))
    if not {"yaw", "pitch", "roll"} & given.keys():
        raise RefusedError("orientation: expected yaw, pitch, roll, or quaternion, or rotationVector")
    yaw, pitch, roll = (number(given.get(key, 0.0)) for key in ("yaw", "pitch", "roll"))
    return yaw, pitch, roll
