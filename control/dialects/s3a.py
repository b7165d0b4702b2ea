"""Scene messages of S3A and VISR: one JSON document a datagram. Pure, and no bytes make it raise.

`{"objects": [{"id", "type", ...}, ...]}`, any subset in any order. Numbers may be quoted. Every valid object is applied
and every invalid one reported; VISR itself drops what follows an invalid one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, get_args

from stemfield.control.dialects.json_numbers import mapping, read_document
from stemfield.control.parameters.argument import number, whole
from stemfield.control.parameters.commands import Command, Problem, Timed, UpsertObject
from stemfield.control.parameters.speaker_outputs import encode_outputs
from stemfield.layouts.problems import RefusedError, shown
from stemfield.renderer.scene.gains import object_level
from stemfield.renderer.scene.scene import MAX_ID, ObjectType, Scene, SceneObject
from stemfield.renderer.scene.units import aed_of

MAX_CHANNELS = 64
OBJECTS_A_MESSAGE = 32

_TYPES = {name: name for name in get_args(ObjectType)} | {"pointreverb": "point"}
_PLACES = {("x", "y", "z"): "position", ("az", "el", "radius"): "aed"}


def decode(packet: bytes, _now_s: float) -> list[Timed]:
    """The commands of one datagram: one per object, with a problem in place of each that is not understood."""
    return [Timed(None, command) for command in _commands(packet)]


def encode_problem(where: str, reason: str) -> bytes:
    """The reply to the sender of an invalid object."""
    return json.dumps({"errors": [{"where": where, "reason": reason}]}).encode()


def encode_objects(scene: Scene, ids: Collection[int]) -> list[bytes]:
    """Scene messages about the objects with these ids, with channels numbered like the objects.

    Levels contain mute, solo and group gains, which S3A has not.
    """
    described = [_described(item, object_level(scene, item)) for item in scene.objects if item.id in ids]
    parts = [described[at : at + OBJECTS_A_MESSAGE] for at in range(0, len(described), OBJECTS_A_MESSAGE)]
    return [json.dumps({"objects": part}, separators=(",", ":")).encode() for part in parts]


def parse_channels(value: object) -> tuple[int, ...]:
    """Channel numbers as VISR writes them: `3`, `"3"`, `[0, 1]`, `"0, 3"`, `"0:8"` and `"0:2:8"` with both ends.

    >>> parse_channels("8:-3:1, 11"), parse_channels([0, "1"]), parse_channels("0:2")
    ((8, 5, 2, 11), (0, 1), (0, 1, 2))

    Raises:
        RefusedError: something else, or more than 64.
    """
    parts: Iterable[object] = value if isinstance(value, list) else str(value).split(",")
    found: list[int] = []
    for part in parts:
        ends = (
            [whole(p, -MAX_ID, MAX_ID) for p in part.split(":")] if isinstance(part, str) else [whole(part, 0, MAX_ID)]
        )
        if len(ends) > 3 or (len(ends) == 3 and ends[1] == 0):
            raise RefusedError(f"expected first:last or first:step:last, got {shown(part)}")
        step = ends[1] if len(ends) == 3 else 1
        span = range(ends[0], ends[-1] + (1 if step > 0 else -1), step)
        if not span or len(found) + len(span) > MAX_CHANNELS or min(span) < 0:
            raise RefusedError(f"expected 1 to {MAX_CHANNELS} channels from 0, got {shown(part)}")
        found += span
    return tuple(found)


def _commands(packet: bytes) -> list[Command | Problem]:
    try:
        document = read_document(packet)
        if "errors" in document:
            return []  # the reply of another daemon: answering it would never end
        objects = document.get("objects")
        if not isinstance(objects, list):
            raise RefusedError(f"objects: expected a list of objects, got {shown(objects)}")
    except RefusedError as refused:
        return [Problem("", str(refused))]
    return [_object(entry) for entry in objects]


def _object(entry: object) -> Command | Problem:
    where = "object"
    try:
        fields = mapping(entry)
        ident = whole(fields.get("id"), 0, MAX_ID)
        where = f"object {ident}"
        return UpsertObject(ident, _type(fields), _channels(fields), _settings(fields))
    except RefusedError as refused:
        return Problem(where, str(refused))


def _type(fields: Mapping[str, Any]) -> str | None:
    found = fields.get("type")
    if found is None:
        return None
    if found == "hoa":
        raise RefusedError("type: hoa: Ambisonic scenes are not rendered")
    if not isinstance(found, str) or found not in _TYPES:
        raise RefusedError(f"type: expected {', '.join(_TYPES)}, got {shown(found)}")
    return str(_TYPES[found])


def _channels(fields: Mapping[str, Any]) -> tuple[int, ...] | None:
    return _read("channels", parse_channels, fields["channels"]) if "channels" in fields else None


def _settings(fields: Mapping[str, Any]) -> Mapping[str, Sequence[object]]:
    """Arguments of native rows by name, in an order in which they can be applied."""
    found: dict[str, Sequence[object]] = {}
    for key, name in (
        ("level", "level"),
        ("group", "group"),
        ("priority", "priority"),
        ("diffuseness", "diffuseness"),
        ("width", "width"),
        ("height", "height"),
        ("channelLock", "channel_lock"),
    ):
        if key in fields:
            found[name] = (_read(key, number, fields[key]),)
    if "position" in fields:
        name, place = _read("position", _place, fields["position"])
        found[name] = place
    elif "direction" in fields:
        found["aed"] = _read("direction", _direction, fields["direction"])
    if "outputChannels" in fields:
        found["outputs"] = (_read("outputChannels", _text, fields["outputChannels"]),)
    if "eq" in fields:
        found["eq"] = _read("eq", _bands, fields["eq"])
    return found


def _read(key: str, read: Callable[[object], Any], value: object) -> Any:
    try:
        return read(value)
    except RefusedError as refused:
        raise RefusedError(f"{key}: {refused}") from refused


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RefusedError(f"expected labels such as M+000, [M+030, M-030], got {shown(value)}")
    return value


def _place(value: object) -> tuple[str, tuple[float, ...]]:
    given = mapping(value)
    for keys, name in _PLACES.items():
        if given.keys() <= set(keys) and keys[0] in given and keys[1] in given:
            last = given.get(keys[2], 0.0 if name == "position" else 1.0)
            return name, (number(given[keys[0]]), number(given[keys[1]]), number(last))
    raise RefusedError(f"expected x, y, z or az, el, radius, got {shown(', '.join(map(str, given)))}")


def _direction(value: object) -> tuple[float, ...]:
    given = mapping(value)
    return number(given.get("az")), number(given.get("el")), number(given.get("refdist", 1.0))


def _bands(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise RefusedError(f"expected a list of bands, got {shown(value)}")
    found: list[object] = []
    for band in map(mapping, value):
        found += [band.get("type"), number(band.get("f")), number(band.get("q", 0.7071)), number(band.get("gain", 0.0))]
    return found or ("",)


def _described(item: SceneObject, level: float) -> dict[str, Any]:
    kind = item.type
    if kind == "point" and item.width_deg + item.height_deg > 0.0:
        kind = "pointextent"
    elif kind == "point" and item.diffuseness > 0.0:
        kind = "pointdiffuse"
    found: dict[str, Any] = {
        "id": item.id,
        "type": kind,
        "channels": str(item.id),
        "group": item.group,
        "priority": item.priority,
        "level": level,
    }
    if kind == "plane":
        azimuth, elevation, distance = aed_of(item.position)
        found["direction"] = {"az": azimuth, "el": elevation, "refdist": distance}
    elif kind.startswith("point"):
        found["position"] = dict(zip("xyz", item.position, strict=True))
    if kind in ("pointdiffuse", "pointextent"):
        found["diffuseness"] = item.diffuseness
    if kind == "pointextent":
        found |= {"width": item.width_deg, "height": item.height_deg, "depth": 0.0}
    if kind == "channel":
        found["outputChannels"] = encode_outputs(item.outputs)
    if item.channel_lock_deg > 0.0:
        found["channelLock"] = item.channel_lock_deg
    if item.eq:
        found["eq"] = [{"type": b.type, "f": b.f_hz, "q": b.q, "gain": b.gain_db} for b in item.eq]
    return found
