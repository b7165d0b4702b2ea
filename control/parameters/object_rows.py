"""The rows of the parameter table that are about objects."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import chain
from typing import Any, cast, get_args

from stemfield.control.config.object_names import ALLOWED_NAMES, check_name
from stemfield.control.parameters.argument import Argument, check_kept
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.rows import Parameter, Values, found_object, object_field, object_row, trigger
from stemfield.control.parameters.speaker_outputs import encode_outputs, listed, parse_outputs
from stemfield.control.problems import RefusedError
from stemfield.layouts.model import EqBand, EqType
from stemfield.layouts.problems import did_you_mean, shown
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
    """The scene with an object renamed, where the name is allowed and free."""
    name = check_name(str(values[0]))
    owner = next((o for o in scene.objects if o.name == name), None)
    if owner is not None and owner.id != key:
        raise RefusedError(f"{shown(name)}: object {owner.id} has it already")
    return scene.with_object(replace(found_object(scene, key), name=name))


def _with_label(o: SceneObject, label: str) -> SceneObject:
    if len(label.strip()) > MAX_LABEL or _CONTROL.search(label):
        raise RefusedError(f"{shown(label)}: expected up to {MAX_LABEL} characters, none of them a control character")
    return replace(o, label=label.strip())


def _write_channels(scene: Scene, key: int, values: Values, context: Context) -> Scene:
    changed = found_object(scene, key)
    if changed.kind != "input":
        raise RefusedError(f"object {changed.name} is a stem: only direct inputs have channels")
    channels = tuple(int(value) for value in values)
    if len(channels) > 2 or len(set(channels)) < len(channels) or max(channels) >= context.direct_inputs:
        last = context.direct_inputs - 1
        raise RefusedError(f"{' '.join(map(str, channels))}: allowed 1 or 2 different ones from 0 to {last}")
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
        raise RefusedError(f"{len(outputs)} entries: allowed one a channel, at most {most}; brackets hold several")
    check_kept(encode_outputs(outputs))
    return scene.with_object(replace(changed, outputs=outputs))


def _write_exclude(scene: Scene, key: int, values: Values, context: Context) -> Scene:
    patterns = listed(str(values[0]))
    if len(patterns) > _MAX_PATTERNS:
        raise RefusedError(f"{len(patterns)} labels: allowed at most {_MAX_PATTERNS}")
    for pattern in patterns:
        # A pattern may find nothing here: the same scene is for other rooms too.
        if pattern not in context.labels and not any(character in pattern for character in "*?["):
            raise RefusedError(f"{shown(pattern)}: no such loudspeaker{did_you_mean(pattern, context.labels)}")
    check_kept(", ".join(patterns))
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
        raise RefusedError(f"lowest {lowest:g}: allowed at most highest, which is {highest:g}")
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
        raise RefusedError('allowed groups of type frequency q gain, or one "" for none')
    if len(bands) > MAX_EQ_BANDS:
        raise RefusedError(f"{len(bands)} bands: allowed at most {MAX_EQ_BANDS}")
    return replace(o, eq=tuple(EqBand(cast(EqType, kind), *numbers) for kind, *numbers in bands))


def _remove(scene: Scene, key: int, context: Context) -> Scene:
    default = context.defaults.find(key)
    if default is None:
        return replace(scene, objects=tuple(o for o in scene.objects if o.id != key))
    taken = any(o.name == default.name and o.id != key for o in scene.objects)
    return scene.with_object(replace(default, name=found_object(scene, key).name) if taken else default)


def _aed_component(argument: Argument, index: int, description: str) -> Parameter:
    def change(o: SceneObject, value: float) -> SceneObject:
        azimuth, elevation, distance = aed_of(o.position)
        # At the origin the other components would keep it there for ever.
        aed = [azimuth, elevation, max(distance, NEAREST_M)]
        aed[index] = value
        return replace(o, position=reachable(position_of(*aed)))

    return object_row(argument.name, (argument,), description, lambda o: (aed_of(o.position)[index],), change)


def _axis(argument: Argument, index: int, description: str) -> Parameter:
    def change(o: SceneObject, value: float) -> SceneObject:
        x, y, z = o.position
        return replace(o, position=((value, y, z), (x, value, z), (x, y, value))[index])

    return object_row(argument.name, (argument,), description, lambda o: (o.position[index],), change)


OBJECT_ROWS: tuple[Parameter, ...] = (
    object_field(
        "type",
        Argument("s", "type", values=get_args(ObjectType)),
        "A point is panned by its position, a plane wave by its direction, wherever the listener is; diffuse comes "
        "from everywhere; a channel goes straight to `outputs`. pointdiffuse and pointextent are points too.",
        "point",
    ),
    object_row(
        "position",
        (_X, _Y, _Z),
        "Where it is: x front, y left, z up.",
        lambda o: o.position,
        lambda o, x, y, z: replace(o, position=(x, y, z)),
        stored=True,
    ),
    object_row(
        "aed",
        (_AZIMUTH, _ELEVATION, _DISTANCE),
        "Where it is: azimuth (left positive, any angle is wrapped), elevation (up positive), distance.",
        lambda o: aed_of(o.position),
        lambda o, *aed: replace(o, position=reachable(position_of(*aed))),
    ),
    _aed_component(_AZIMUTH, 0, "Azimuth alone, left positive; any angle is wrapped."),
    _aed_component(_ELEVATION, 1, "Elevation alone, up positive."),
    _aed_component(_DISTANCE, 2, "Distance alone."),
    _axis(_X, 0, "x alone, front positive."),
    _axis(_Y, 1, "y alone, left positive."),
    _axis(_Z, 2, "z alone, up positive."),
    object_field("level", Argument("f", "level", "gain.linear", 0.0, MAX_LEVEL), "Linear gain.", 1.0),
    object_row(
        "gain",
        (_GAIN,),
        "The level in dB; -120 and below is silence.",
        lambda o: (db_of(o.level),),
        lambda o, gain_db: replace(o, level=level_of(gain_db)),
        default=(0.0,),
    ),
    object_field(
        "width_deg",
        Argument("f", "width", "angle.degree", 0.0, 360.0),
        "Extent of an object with one channel. Of a stereo object the angle between its sides, which beyond 180 stay "
        "left and right and grow until at 360 each fills the room.",
        0.0,
    ),
    object_field(
        "height_deg", Argument("f", "height", "angle.degree", 0.0, 180.0), "Extent upwards and downwards together.", 0.0
    ),
    object_field(
        "diffuseness",
        Argument("f", "diffuseness", "", 0.0, 1.0),
        "The part of its power that comes from everywhere, decorrelated.",
        0.0,
    ),
    object_field(
        "channel_lock_deg",
        Argument("f", "channel_lock", "angle.degree", 0.0, 180.0),
        "A loudspeaker that is no farther from it than this plays it alone.",
        0.0,
    ),
    Parameter(
        "/object/{o}/exclude",
        (Argument("s", "exclude"),),
        'Loudspeakers that do not play it: labels or patterns, separated by commas, such as `"U*, LFE1"`. Of no effect '
        "where none would be left.",
        default=("",),
        stored=True,
        read=lambda scene, key: (", ".join(found_object(scene, key).exclude),),
        write=_write_exclude,
    ),
    object_row(
        "exclude_sector",
        _SECTOR,
        "Where no loudspeaker plays it: from one azimuth anticlockwise to another (-180 to 180 is all around), between "
        "two elevations. Equal azimuths are no sector.",
        _read_sector,
        _with_sector,
        default=_NO_SECTOR,
        stored=True,
    ),
    object_row(
        "eq",
        _EQ,
        f'Its equaliser, up to {MAX_EQ_BANDS} bands after the Audio EQ Cookbook, one group of arguments each; `""` '
        "alone is none. The gain matters to peaks and shelves only.",
        _read_eq,
        _with_eq,
        default=("",),
        stored=True,
    ),
    object_field(
        "dref",
        Argument("f", "dref", "", 0.0, 1.0),
        "Of the distance law `adm`: the part of `dmax` within which it is no louder.",
        1.0,
    ),
    object_field(
        "dmax_m",
        Argument("f", "dmax", "distance.m", NEAREST_M, FARTHEST_M),
        "Of the distance law `adm`: the distance from which on it is no softer.",
        1.0,
    ),
    object_field("mute", _MUTE, "Silence it.", False),
    object_field("solo", Argument("T", "solo"), "Silence every object without solo.", False),
    Parameter(
        "/object/{o}/name",
        (Argument("s", "name", words=ALLOWED_NAMES),),
        "Its name, unique, 1 to 128 characters, by which it answers from then on. The name that it has in the "
        "configuration leads to it for good, too, unless another object is given that.",
        stored=True,
        read=lambda scene, key: (found_object(scene, key).name,),
        write=write_name,
    ),
    object_row(
        "label",
        (Argument("s", "label"),),
        "What the page shows in place of its name, up to 128 characters, such as the name of a DAW's track; nothing is "
        "the name. No address follows from it.",
        lambda o: (o.label,),
        _with_label,
        default=("",),
        stored=True,
    ),
    object_field("group", Argument("i", "group", "", 0, _MAX_INTEGER), "The group it belongs to.", 0),
    object_field("priority", Argument("i", "priority", "", 0, _MAX_INTEGER), "0 is the highest.", 0),
    Parameter(
        "/object/{o}/channels",
        (Argument("i", "channel", "", 0, _MAX_INTEGER, repeated=True, exact=True),),
        "The direct inputs it plays, counted from 0, one or two; a stem has none.",
        stored=True,
        read=lambda scene, key: found_object(scene, key).channels,
        write=_write_channels,
    ),
    Parameter(
        "/object/{o}/outputs",
        (Argument("s", "outputs"),),
        "Loudspeaker labels of a `channel` object, one a channel, separated by commas; brackets hold several of one "
        "channel: `M+000, [M+030, M-030]`.",
        default=("",),
        stored=True,
        read=lambda scene, key: (encode_outputs(found_object(scene, key).outputs),),
        write=_write_outputs,
    ),
    object_field(
        "smooth_s", Argument("f", "smooth", "time.second", 0.0, MAX_SMOOTH_S), "Ramp time of moves and gains.", 0.05
    ),
    trigger(
        "/object/{o}/remove",
        "Back to what it is in the default scene; an object that was added while playing is gone.",
        _remove,
    ),
)
