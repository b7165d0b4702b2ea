"""Rows of the parameter table about objects."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import Any, cast, get_args

from stemfield.control.config.object_names import ALLOWED_NAMES, check_name
from stemfield.control.parameters.argument import Argument, check_stored, listed
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.rows import (
    Parameter,
    Values,
    component,
    found_object,
    object_field,
    object_row,
    trigger,
)
from stemfield.control.parameters.speaker_outputs import encode_outputs, parse_outputs
from stemfield.layouts.model import EqBand, EqType
from stemfield.layouts.problems import RefusedError, did_you_mean, shown
from stemfield.renderer.scene.scene import MAX_LEVEL, SILENCE_DB, ObjectType, Scene, SceneObject, Sector
from stemfield.renderer.scene.units import FARTHEST_M, NEAREST_M, aed_of, db_of, level_of, position_of, reachable

MAX_GAIN_DB = 20.0
MAX_SMOOTH_S = 10.0
MAX_EQ_BANDS = 16
MAX_LABEL = 128
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_INTEGER = 2**31 - 1
_MAX_PATTERNS = 256


_AZIMUTH = Argument("f", "azimuth", "angle.degree", -180.0, 180.0, cyclic=True)
_ELEVATION = Argument("f", "elevation", "angle.degree", -90.0, 90.0)
_DISTANCE = Argument("f", "distance", "distance.m", NEAREST_M, FARTHEST_M)
_GAIN = Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB)
_MUTE = Argument("T", "mute")
_X, _Y, _Z = (Argument("f", axis, "distance.m", -FARTHEST_M, FARTHEST_M) for axis in "xyz")
_EQ = (
    Argument("s", "type", values=("", *get_args(EqType)), repeated=True),
    Argument("f", "frequency", "frequency.hz", 1.0, 96_000.0, optional=True, repeated=True),
    Argument("f", "q", "", 0.01, 100.0, optional=True, repeated=True),
    Argument("f", "gain", "gain.db", -60.0, MAX_GAIN_DB, optional=True, repeated=True),
)
_TURN = 360.0
_SECTOR = (
    Argument("f", "from", "angle.degree", -_TURN, _TURN),
    Argument("f", "to", "angle.degree", -_TURN, _TURN),
    Argument("f", "lowest", "angle.degree", -90.0, 90.0, optional=True),
    Argument("f", "highest", "angle.degree", -90.0, 90.0, optional=True),
)
_NO_SECTOR = (0.0, 0.0, -90.0, 90.0)


def write_name(scene: Scene, key: int, values: Values, _: Context) -> Scene:
    """The scene with an object renamed, if the name is valid and free."""
    name = check_name(str(values[0]))
    owner = next((o for o in scene.objects if o.name == name), None)
    if owner is not None and owner.id != key:
        raise RefusedError(f"{shown(name)} is the name of object {owner.id}")
    return scene.with_object(replace(found_object(scene, key), name=name))


def _with_label(o: SceneObject, label: str) -> SceneObject:
    if len(label.strip()) > MAX_LABEL or _CONTROL.search(label):
        raise RefusedError(f"expected at most {MAX_LABEL} characters without control characters, got {shown(label)}")
    return replace(o, label=label.strip())


def _write_channels(scene: Scene, key: int, values: Values, context: Context) -> Scene:
    changed = found_object(scene, key)
    if changed.kind != "input":
        raise RefusedError(f"object {changed.name} is a stem: only direct inputs have channels")
    channels = tuple(int(value) for value in values)
    if len(channels) > 2 or len(set(channels)) < len(channels) or max(channels) >= context.direct_inputs:
        last = context.direct_inputs - 1
        raise RefusedError(f"expected 1 or 2 different ones from 0 to {last}, got {' '.join(map(str, channels))}")
    return scene.with_object(replace(changed, channels=channels))


def _write_outputs(scene: Scene, key: int, values: Values, context: Context) -> Scene:
    changed = found_object(scene, key)
    outputs = parse_outputs(str(values[0]))
    most = len(changed.channels) or 2
    for label in chain.from_iterable(outputs):
        if label not in context.labels:
            raise RefusedError(f"{shown(label)}: no such loudspeaker{did_you_mean(label, context.labels)}")
    if len(outputs) == 1 and len(outputs[0]) == most:
        outputs = tuple((label,) for label in outputs[0])  # brackets around the whole
    if len(outputs) > most:
        raise RefusedError(f"expected one entry per channel, at most {most}, got {len(outputs)}; brackets hold several")
    check_stored(encode_outputs(outputs))
    return scene.with_object(replace(changed, outputs=outputs))


def _write_exclude(scene: Scene, key: int, values: Values, context: Context) -> Scene:
    patterns = listed(str(values[0]))
    if len(patterns) > _MAX_PATTERNS:
        raise RefusedError(f"expected at most {_MAX_PATTERNS} labels, got {len(patterns)}")
    for pattern in patterns:
        # A pattern need not match anything here: the scene may be used in other rooms too.
        if pattern not in context.labels and not any(character in pattern for character in "*?["):
            raise RefusedError(f"{shown(pattern)}: no such loudspeaker{did_you_mean(pattern, context.labels)}")
    check_stored(", ".join(patterns))
    return scene.with_object(replace(found_object(scene, key), exclude=patterns))


def _read_sector(o: SceneObject) -> Values:
    sector = o.exclude_sector
    if sector is None:
        return _NO_SECTOR
    return sector.azimuth_from_deg, sector.azimuth_to_deg, sector.elevation_from_deg, sector.elevation_to_deg


def _with_sector(
    o: SceneObject, begin: float, end: float, lowest: float = _NO_SECTOR[2], highest: float = _NO_SECTOR[3]
) -> SceneObject:
    if lowest > highest:
        raise RefusedError(f"lowest: expected at most highest, which is {highest:g}, got {lowest:g}")
    return replace(o, exclude_sector=None if begin == end else Sector(begin, end, lowest, highest))


def _read_eq(o: SceneObject) -> Values:
    found: list[str | float] = []
    for band in o.eq:
        found += [band.type, band.f_hz, band.q, band.gain_db]
    return tuple(found) or ("",)


def _with_eq(o: SceneObject, *values: Any) -> SceneObject:
    if values == ("",):
        return replace(o, eq=())
    bands = [values[at : at + len(_EQ)] for at in range(0, len(values), len(_EQ))]
    if len(bands[-1]) < len(_EQ) or any(band[0] == "" for band in bands):
        raise RefusedError('expected groups of type frequency q gain, or one "" for none')
    if len(bands) > MAX_EQ_BANDS:
        raise RefusedError(f"expected at most {MAX_EQ_BANDS} bands, got {len(bands)}")
    return replace(o, eq=tuple(EqBand(cast(EqType, kind), *numbers) for kind, *numbers in bands))


def _remove(scene: Scene, key: int, context: Context) -> Scene:
    default = context.defaults.find(key)
    if default is None:
        return replace(scene, objects=tuple(o for o in scene.objects if o.id != key))
    taken = any(o.name == default.name and o.id != key for o in scene.objects)
    return scene.with_object(replace(default, name=found_object(scene, key).name) if taken else default)


def _aed(o: SceneObject) -> tuple[float, float, float]:
    return aed_of(o.position)


def _with_aed(o: SceneObject, azimuth: float, elevation: float, distance: float) -> SceneObject:
    # At the origin azimuth or elevation alone could never move it away.
    return replace(o, position=reachable(position_of(azimuth, elevation, max(distance, NEAREST_M))))


def _with_position(o: SceneObject, x: float, y: float, z: float) -> SceneObject:
    return replace(o, position=(x, y, z))


OBJECT_ROWS: tuple[Parameter, ...] = (
    object_field(
        "type",
        Argument("s", "type", values=get_args(ObjectType)),
        "A point is panned to its position, a plane wave to its direction wherever the listener is; diffuse comes from "
        "everywhere; a channel goes directly to `outputs`. pointdiffuse and pointextent are points too.",
        recall="positions",
        page=True,
    ),
    object_row(
        "position",
        (_X, _Y, _Z),
        "Position: x front, y left, z up.",
        attrgetter("position"),
        _with_position,
        recall="positions",
    ),
    object_row(
        "aed",
        (_AZIMUTH, _ELEVATION, _DISTANCE),
        "Position: azimuth (left positive, any angle is wrapped), elevation (up positive), distance.",
        _aed,
        _with_aed,
        page=True,
    ),
    object_row("azimuth", (_AZIMUTH,), "Azimuth, left positive; any angle is wrapped.", *component(0, _aed, _with_aed)),
    object_row("elevation", (_ELEVATION,), "Elevation, up positive.", *component(1, _aed, _with_aed)),
    object_row("distance", (_DISTANCE,), "Distance.", *component(2, _aed, _with_aed)),
    object_row("x", (_X,), "x, front positive.", *component(0, attrgetter("position"), _with_position)),
    object_row("y", (_Y,), "y, left positive.", *component(1, attrgetter("position"), _with_position)),
    object_row("z", (_Z,), "z, up positive.", *component(2, attrgetter("position"), _with_position)),
    object_field("level", Argument("f", "level", "gain.linear", 0.0, MAX_LEVEL), "Linear gain.", recall="gains"),
    object_row(
        "gain",
        (_GAIN,),
        "Gain in dB; -120 and below is silence.",
        lambda o: (db_of(o.level),),
        lambda o, gain_db: replace(o, level=level_of(gain_db)),
        default=(0.0,),
        page=True,
    ),
    object_field(
        "width_deg",
        Argument("f", "width", "angle.degree", 0.0, 360.0),
        "Width of an object with one channel. For a stereo object, the angle between its sides; above 180 they stay "
        "left and right and grow until at 360 each fills the room.",
        recall="positions",
        page=True,
    ),
    object_field(
        "height_deg",
        Argument("f", "height", "angle.degree", 0.0, 180.0),
        "Vertical extent.",
        recall="positions",
        page=True,
    ),
    object_field(
        "diffuseness",
        Argument("f", "diffuseness", "", 0.0, 1.0),
        "Part of its power that sounds from everywhere, decorrelated.",
        recall="positions",
        page=True,
    ),
    object_field(
        "channel_lock_deg",
        Argument("f", "channel_lock", "angle.degree", 0.0, 180.0),
        "If a loudspeaker is within this angle, it plays the object alone.",
        recall="positions",
        page=True,
    ),
    Parameter(
        "/object/{o}/exclude",
        (Argument("s", "exclude"),),
        'Loudspeakers that do not play it: labels or patterns, separated by commas, such as `"U*, LFE1"`. Ignored if '
        "none would be left.",
        default=("",),
        stored=True,
        read=lambda scene, key: (", ".join(found_object(scene, key).exclude),),
        write=_write_exclude,
        field="exclude",
        recall="positions",
        page=True,
    ),
    object_row(
        "exclude_sector",
        _SECTOR,
        "Sector whose loudspeakers do not play it: from one azimuth anticlockwise to another (-180 to 180 is all "
        "around), between two elevations. Equal azimuths mean no sector.",
        _read_sector,
        _with_sector,
        default=_NO_SECTOR,
        recall="positions",
    ),
    object_row(
        "eq",
        _EQ,
        f"Equaliser of up to {MAX_EQ_BANDS} bands after the Audio EQ Cookbook, one group of arguments per band; "
        '`""` alone means none. The gain is used by peaks and shelves only.',
        _read_eq,
        _with_eq,
        default=("",),
        recall="eq",
    ),
    object_field(
        "dref",
        Argument("f", "dref", "", 0.0, 1.0),
        "For the distance law `adm`: the part of `dmax` within which it gets no louder.",
        recall="positions",
    ),
    object_field(
        "dmax_m",
        Argument("f", "dmax", "distance.m", NEAREST_M, FARTHEST_M),
        "For the distance law `adm`: the distance beyond which it gets no softer.",
        recall="positions",
    ),
    object_field("mute", _MUTE, "Mute it.", recall="gains", page=True),
    object_field("solo", Argument("T", "solo"), "Mute every object without solo.", recall="gains", page=True),
    Parameter(
        "/object/{o}/name",
        (Argument("s", "name", words=ALLOWED_NAMES),),
        "Unique name, 1 to 128 characters, which is part of its addresses. Its name in the configuration stays valid "
        "too, unless another object is given that name.",
        stored=True,
        read=lambda scene, key: (found_object(scene, key).name,),
        write=write_name,
        field="name",
        recall="objects",
    ),
    object_row(
        "label",
        (Argument("s", "label"),),
        "Text that the page shows instead of its name, up to 128 characters, such as the track name of a DAW; empty "
        "shows the name. It is not part of any address.",
        lambda o: (o.label,),
        _with_label,
        default=("",),
        recall="objects",
    ),
    object_field(
        "group", Argument("i", "group", "", 0, _MAX_INTEGER), "Group it belongs to.", recall="groups", page=True
    ),
    object_field("priority", Argument("i", "priority", "", 0, _MAX_INTEGER), "0 is the highest.", recall="objects"),
    Parameter(
        "/object/{o}/channels",
        (Argument("i", "channel", "", 0, _MAX_INTEGER, repeated=True, exact=True),),
        "Direct inputs that it plays, one or two, counted from 0; a stem has none.",
        stored=True,
        read=lambda scene, key: found_object(scene, key).channels,
        write=_write_channels,
        field="channels",
        recall="objects",
    ),
    Parameter(
        "/object/{o}/outputs",
        (Argument("s", "outputs"),),
        "Loudspeaker labels of a `channel` object, one per channel, separated by commas; brackets hold several for one "
        "channel: `M+000, [M+030, M-030]`.",
        default=("",),
        stored=True,
        read=lambda scene, key: (encode_outputs(found_object(scene, key).outputs),),
        write=_write_outputs,
        field="outputs",
        recall="positions",
    ),
    object_field(
        "smooth_s",
        Argument("f", "smooth", "time.second", 0.0, MAX_SMOOTH_S),
        "Ramp time of moves and gains.",
        recall="positions",
        page=True,
    ),
    trigger(
        "/object/{o}/remove",
        "Reset it to the default scene; an object that was added at run time is removed.",
        _remove,
    ),
)
"""Every row about objects, in the order of the manual."""
