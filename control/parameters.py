"""The one table of everything that can be steered.

Routes, validation, answers, scene files and the manual are made from these rows; an address that is not here does not
exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stemfield.control.arguments import Argument, did_you_mean, shown
from stemfield.control.commands import RefusedError
from stemfield.control.rows import (
    Parameter,
    Values,
    found_object,
    object_field,
    object_row,
    scene_field,
    separation_field,
    speaker_field,
    with_entry,
)
from stemfield.control.units import aed_of, db_of, level_of, position_of
from stemfield.control.venue import Venue
from stemfield.renderer.scene import MAX_LEVEL, SILENCE_DB, Scene, SceneObject

MAX_DISTANCE_M = 1000.0
MIN_DISTANCE_M = 0.01
MAX_GAIN_DB = 20.0
MAX_SMOOTH_S = 10.0
_MAX_INTEGER = 2**31 - 1

SCENE_NAME = re.compile(r"[A-Za-z0-9 _-]{1,64}")
_MODEL_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})?")
_UNNAMEABLE = re.compile(r"[/*?\[\]{}#,\x00-\x1f\x7f\ud800-\udfff]")

_AZIMUTH = Argument("f", "azimuth", "angle.degree", -180.0, 180.0, cyclic=True)
_ELEVATION = Argument("f", "elevation", "angle.degree", -90.0, 90.0)
_DISTANCE = Argument("f", "distance", "distance.m", MIN_DISTANCE_M, MAX_DISTANCE_M)
_X, _Y, _Z = (Argument("f", axis, "distance.m", -MAX_DISTANCE_M, MAX_DISTANCE_M) for axis in "xyz")
_GAIN = Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB)
_MUTE = Argument("T", "mute")
_PATTERN = Argument("s", "pattern")


def recalled(present: Scene, kept: Scene) -> Scene:
    """The kept scene in the present room: the listener's volume and the trims of the loudspeakers stay."""
    return replace(
        kept,
        master_gain_db=present.master_gain_db,
        master_mute=present.master_mute,
        speakers=present.speakers,
    )


def check_name(name: str) -> str:
    """An object's name without surrounding white space.

    Raises:
        RefusedError: empty, longer than 128 characters, digits only (that would be an id), or with a character that
            cannot stand in an address.
    """
    stripped = name.strip()
    if not 1 <= len(stripped) <= 128 or stripped.isdecimal() or _UNNAMEABLE.search(stripped):
        raise RefusedError(f"{shown(name)}: allowed 1 to 128 characters, not digits only, none of / * ? [ ] {{ }} # ,")
    return stripped


def _write_name(scene: Scene, key: int, values: Values, _: Venue) -> Scene:
    name = check_name(str(values[0]))
    owner = scene.find(name)
    if owner is not None and owner.id != key:
        raise RefusedError(f"{shown(name)}: object {owner.id} has it already")
    return scene.with_object(replace(found_object(scene, key), name=name))


def _write_channels(scene: Scene, key: int, values: Values, venue: Venue) -> Scene:
    changed = found_object(scene, key)
    if changed.kind != "input":
        raise RefusedError(f"object {changed.name} is a stem: only direct inputs have channels")
    channels = tuple(int(value) for value in values)
    if len(channels) > 2 or len(set(channels)) < len(channels) or max(channels) >= venue.direct_inputs:
        last = venue.direct_inputs - 1
        raise RefusedError(f"{' '.join(map(str, channels))}: allowed 1 or 2 different ones from 0 to {last}")
    return scene.with_object(replace(changed, channels=channels))


def _write_outputs(scene: Scene, key: int, values: Values, venue: Venue) -> Scene:
    outputs = tuple(label.strip() for label in str(values[0]).split(",") if label.strip())
    changed = found_object(scene, key)
    most = len(changed.channels) or 2
    for label in outputs:
        if label not in venue.labels:
            raise RefusedError(f"{shown(label)}: no such loudspeaker{did_you_mean(label, venue.labels)}")
    if len(outputs) > most:
        raise RefusedError(f"{len(outputs)} labels: allowed one a channel, at most {most}")
    return scene.with_object(replace(changed, outputs=outputs))


def _reset(scene: Scene, _: None, venue: Venue) -> Scene:
    return recalled(scene, venue.defaults)


def _remove(scene: Scene, key: int, venue: Venue) -> Scene:
    default = found_object(venue.defaults, key)
    taken = any(o.name == default.name and o.id != key for o in scene.objects)
    return scene.with_object(replace(default, name=found_object(scene, key).name) if taken else default)


def _write_model(scene: Scene, _: None, values: Values, venue: Venue) -> Scene:
    name = str(values[0])
    if not _MODEL_NAME.fullmatch(name):
        raise RefusedError(f"{shown(name)}: allowed the name of a model card, 1 to 64 of A-Z a-z 0-9 . _ -")
    if name and venue.models and name not in venue.models:
        raise RefusedError(f"{shown(name)}: allowed {', '.join(venue.models)}{did_you_mean(name, venue.models)}")
    return replace(scene, separation=replace(scene.separation, model=name))


def _write_stem_gain(scene: Scene, stem: str, values: Values, _: Venue) -> Scene:
    gains_db = with_entry(scene.separation.gains_db, stem, float(values[0]))
    return replace(scene, separation=replace(scene.separation, gains_db=gains_db))


def _aed_component(argument: Argument, index: int, description: str) -> Parameter:
    def change(o: SceneObject, value: float) -> SceneObject:
        azimuth, elevation, distance = aed_of(o.position)
        # At the origin the other components would keep it there for ever.
        aed = [azimuth, elevation, max(distance, MIN_DISTANCE_M)]
        aed[index] = value
        return replace(o, position=position_of(*aed))

    return object_row(argument.name, (argument,), description, lambda o: (aed_of(o.position)[index],), change)


def _axis(argument: Argument, index: int, description: str) -> Parameter:
    def change(o: SceneObject, value: float) -> SceneObject:
        x, y, z = o.position
        return replace(o, position=((value, y, z), (x, value, z), (x, y, value))[index])

    return object_row(argument.name, (argument,), description, lambda o: (o.position[index],), change)


def _action(address: str, arguments: tuple[Argument, ...], description: str) -> Parameter:
    return Parameter(address, arguments, description, "action")


def _trigger(address: str, description: str, change: Callable[[Scene, Any, Venue], Scene]) -> Parameter:
    """A row that acts when it is called: without arguments, or as a button does, with 1 when pressed, 0 when let go."""
    return Parameter(
        address,
        (Argument("T", "pressed", optional=True),),
        description,
        "trigger",
        write=lambda scene, key, values, venue: scene if values == (False,) else change(scene, key, venue),
    )


TABLE: tuple[Parameter, ...] = (
    object_field(
        "type",
        Argument("s", "type", values=("point", "plane", "channel")),
        "A point is panned by its position, a plane wave by its direction, a channel goes straight to `outputs`.",
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
        lambda o, azimuth, elevation, distance: replace(o, position=position_of(azimuth, elevation, distance)),
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
        "The angle between the two sides of a stereo object.",
        0.0,
    ),
    object_field("mute", _MUTE, "Silence it.", False),
    object_field("solo", Argument("T", "solo"), "Silence every object without solo.", False),
    Parameter(
        "/object/{o}/name",
        (Argument("s", "name"),),
        "Its name, unique, 1 to 128 characters, which is its address from then on.",
        stored=True,
        read=lambda scene, key: (found_object(scene, key).name,),
        write=_write_name,
    ),
    object_field("group", Argument("i", "group", "", 0, _MAX_INTEGER), "The group it belongs to.", 0),
    object_field("priority", Argument("i", "priority", "", 0, _MAX_INTEGER), "0 is the highest.", 0),
    Parameter(
        "/object/{o}/channels",
        (Argument("i", "channel", "", 0, _MAX_INTEGER, repeated=True),),
        "The direct inputs it plays, counted from 0, one or two; a stem has none.",
        stored=True,
        read=lambda scene, key: found_object(scene, key).channels,
        write=_write_channels,
    ),
    Parameter(
        "/object/{o}/outputs",
        (Argument("s", "outputs"),),
        "Loudspeaker labels of a `channel` object, one a channel, separated by commas.",
        default=("",),
        stored=True,
        read=lambda scene, key: (", ".join(found_object(scene, key).outputs),),
        write=_write_outputs,
    ),
    object_field(
        "smooth_s", Argument("f", "smooth", "time.second", 0.0, MAX_SMOOTH_S), "Ramp time of moves and gains.", 0.05
    ),
    _trigger("/object/{o}/remove", "Back to what it is in the default scene.", _remove),
    scene_field(
        "/scene/amount",
        "amount",
        Argument("f", "amount", "", 0.0, 1.0),
        "0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene.",
        1.0,
    ),
    _trigger("/scene/reset", "The default scene of the layout. Master and loudspeakers stay as they are.", _reset),
    _action("/scene/save", (Argument("s", "name"),), "Keep the scene under a name of A-Z a-z 0-9, space, _ and -."),
    _action(
        "/scene/load",
        (Argument("s", "name"), Argument("f", "fade", "time.second", 0.0, MAX_SMOOTH_S, optional=True)),
        "Take up a kept scene, cross-faded where a time is given. Master and loudspeakers stay as they are.",
    ),
    speaker_field("gain_db", _GAIN, "Trim of one loudspeaker.", 0.0),
    speaker_field("mute", _MUTE, "Silence one loudspeaker.", False),
    scene_field("/master/gain", "master_gain_db", _GAIN, "Gain of everything.", 0.0),
    scene_field("/master/mute", "master_mute", _MUTE, "Silence everything.", False),
    separation_field(
        "threshold",
        Argument("f", "threshold", "", 0.0, 1.0),
        "Mask estimates below it are rejected and go to the residual.",
        0.0,
    ),
    separation_field("bypass", Argument("T", "bypass"), "Do not separate: the mixture plays as the residual.", False),
    Parameter(
        "/separation/model",
        (Argument("s", "model"),),
        "The model card in use; an empty name is the configured one.",
        default=("",),
        stored=True,
        read=lambda scene, _: (scene.separation.model,),
        write=_write_model,
    ),
    Parameter(
        "/separation/{stem}/gain",
        (_GAIN,),
        "Re-scaling of one instrument's mask.",
        default=(0.0,),
        stored=True,
        read=lambda scene, stem: (scene.separation.gains_db.get(stem, 0.0),),
        write=_write_stem_gain,
    ),
    _action(
        "/subscribe",
        (
            _PATTERN,
            Argument("i", "rate", "frequency.hz", 1, 60, optional=True),
            Argument("i", "port", "", 1, 65535, optional=True),
        ),
        "Be told what changes among the matching addresses, at most `rate` times a second (20 where not given), at the "
        "sender's port or another one. Ends 30 s after the last `/renew`.",
    ),
    _action("/unsubscribe", (replace(_PATTERN, optional=True),), "End one subscription of the sender, or all."),
    _action("/renew", (replace(_PATTERN, optional=True),), "Let one subscription of the sender live on, or all."),
    _action("/ping", (), "Answered by `/pong` with the same arguments, whatever they are."),
)
"""Every parameter, in the order of the manual."""
