"""The one table of everything that can be steered.

Routes, validation, answers, scene files and the manual are made from these rows; an address that is not here does not
exist.
"""

from __future__ import annotations

import re
from dataclasses import replace

from stemfield.control.arguments import Argument, did_you_mean, shown
from stemfield.control.commands import RefusedError
from stemfield.control.object_parameters import MAX_GAIN_DB, MAX_SMOOTH_S, OBJECT_ROWS
from stemfield.control.rows import (
    Parameter,
    Values,
    changed,
    part_field,
    scene_field,
    speaker_field,
    trigger,
    with_entry,
)
from stemfield.control.venue import Venue
from stemfield.renderer.scene import SILENCE_DB, Identify, Scene, Sound, SpeakerTrim

MAX_LISTENER_M = 100.0

SCENE_NAME = re.compile(r"[A-Za-z0-9 _-]{1,64}")
_MODEL_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})?")

_GAIN = Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB)
_MUTE = Argument("T", "mute")
_PATTERN = Argument("s", "pattern")
_STAYS = "Master, loudspeakers and listener stay as they are."


def recalled(present: Scene, kept: Scene) -> Scene:
    """The kept scene in the present room: volume, trims of the loudspeakers and place of the listener stay."""
    return replace(
        kept,
        master_gain_db=present.master_gain_db,
        master_mute=present.master_mute,
        speakers=present.speakers,
        listener=present.listener,
        head=present.head,
    )


def _reset(scene: Scene, _: None, venue: Venue) -> Scene:
    return recalled(scene, venue.defaults)


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


def _action(address: str, arguments: tuple[Argument, ...], description: str) -> Parameter:
    return Parameter(address, arguments, description, "action")


def _identify(name: str, sound: Sound, description: str) -> Parameter:
    def write(scene: Scene, label: str, values: Values, _: Venue) -> Scene:
        trim = scene.speakers.get(label, SpeakerTrim())
        asked = Identify("none" if values == (False,) else sound, trim.identify.request + 1)
        return replace(scene, speakers=with_entry(scene.speakers, label, replace(trim, identify=asked)))

    return Parameter(
        f"/speaker/{{label}}/{name}",
        (Argument("T", "pressed", optional=True),),
        f"{description} 0 ends it.",
        "trigger",
        write=write,
    )


TABLE: tuple[Parameter, ...] = (
    *OBJECT_ROWS,
    scene_field(
        "/scene/amount",
        "amount",
        Argument("f", "amount", "", 0.0, 1.0),
        "0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene.",
        1.0,
    ),
    part_field(
        "/scene/distance/law",
        "distance",
        "law",
        Argument("s", "law", values=("none", "inverse", "adm")),
        "How loud a distant object is: all alike; softer in proportion to the distance; or as ADM-OSC has it, by each "
        "object's `dref` and `dmax`. Planes, diffuse objects and channels have no distance.",
        "none",
    ),
    part_field(
        "/scene/distance/reference",
        "distance",
        "reference_m",
        Argument("f", "reference", "distance.m", 0.01, 100.0),
        "Of the law `inverse`: nearer objects are no louder.",
        1.0,
    ),
    part_field(
        "/scene/distance/floor",
        "distance",
        "floor_db",
        Argument("f", "floor", "gain.db", SILENCE_DB, 0.0),
        "Of the law `inverse`: farther objects are no softer.",
        -40.0,
    ),
    trigger("/scene/reset", f"The default scene of the layout. {_STAYS}", _reset),
    _action("/scene/save", (Argument("s", "name"),), "Keep the scene under a name of A-Z a-z 0-9, space, _ and -."),
    _action(
        "/scene/load",
        (Argument("s", "name"), Argument("f", "fade", "time.second", 0.0, MAX_SMOOTH_S, optional=True)),
        f"Take up a kept scene, cross-faded where a time is given. {_STAYS}",
    ),
    speaker_field("gain_db", _GAIN, "Trim of one loudspeaker.", 0.0),
    speaker_field("mute", _MUTE, "Silence one loudspeaker.", False),
    speaker_field("solo", Argument("T", "solo"), "Silence every loudspeaker without solo.", False),
    _identify("identify", "noise", "Let one loudspeaker be found: a second of noise from it, beside all that plays."),
    _identify("sweep", "sweep", "The same by a sweep of five seconds through all frequencies, for measurements."),
    Parameter(
        "/listener/position",
        tuple(Argument("f", axis, "distance.m", -MAX_LISTENER_M, MAX_LISTENER_M) for axis in "xyz"),
        "Where the listener is, as seen from the centre of the layout: directions and distances are heard from there, "
        "and the loudspeakers' delays and gains follow where the layout compensates them.",
        default=(0.0, 0.0, 0.0),
        stored=True,
        read=lambda scene, _: scene.listener,
        write=lambda scene, _, values, __: changed(scene, "listener", values),
    ),
    Parameter(
        "/listener/ypr",
        (
            Argument("f", "yaw", "angle.degree", -180.0, 180.0, cyclic=True),
            Argument("f", "pitch", "angle.degree", -180.0, 180.0, cyclic=True),
            Argument("f", "roll", "angle.degree", -180.0, 180.0, cyclic=True),
        ),
        "How the head of the binaural monitor's listener is turned: to the left, up, to the right shoulder.",
        default=(0.0, 0.0, 0.0),
        read=lambda scene, _: scene.head,
        write=lambda scene, _, values, __: changed(scene, "head", values),
    ),
    scene_field("/master/gain", "master_gain_db", _GAIN, "Gain of everything.", 0.0),
    scene_field("/master/mute", "master_mute", _MUTE, "Silence everything.", False),
    part_field(
        "/separation/threshold",
        "separation",
        "threshold",
        Argument("f", "threshold", "", 0.0, 1.0),
        "Mask estimates below it are rejected and go to the residual.",
        0.0,
    ),
    part_field(
        "/separation/bypass",
        "separation",
        "bypass",
        Argument("T", "bypass"),
        "Do not separate: the mixture plays as the residual.",
        False,
    ),
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
