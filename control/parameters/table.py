"""The one table of everything that can be steered.

Routes, validation, answers, scene files and the manual are made from these rows; an address that is not here does not
exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stemfield.control.parameters.actions import PEER_ACTIONS, SCENE_ACTIONS
from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.group_rows import GROUP_ROWS
from stemfield.control.parameters.meter_rows import METER_ROWS
from stemfield.control.parameters.object_rows import MAX_GAIN_DB, OBJECT_ROWS
from stemfield.control.parameters.recall import KINDS, parse_left_out, parse_words, recalled
from stemfield.control.parameters.rows import (
    Parameter,
    Values,
    changed,
    part_field,
    scene_field,
    speaker_field,
    trigger,
    with_entry,
)
from stemfield.control.parameters.status_rows import STATUS_ROWS
from stemfield.control.problems import RefusedError
from stemfield.layouts.problems import did_you_mean, shown
from stemfield.renderer.scene.scene import SILENCE_DB, Identify, Recall, Scene, Sound, SpeakerTrim

MAX_LISTENER_M = 100.0

_MODELS = "the name of a model card, 1 to 64 of A-Z a-z 0-9 . _ -"
_MODEL_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})?")

_GAIN = Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB)
_MUTE = Argument("T", "mute")
_PRESSED = Argument("T", "pressed", optional=True)
_SCOPE = Argument("s", "scope")
_WITHOUT = Argument("s", "without")


def _reset(scene: Scene, _: None, context: Context) -> Scene:
    return recalled(scene, context.defaults, Recall())


def _write_model(scene: Scene, _: None, values: Values, context: Context) -> Scene:
    name = str(values[0])
    if not _MODEL_NAME.fullmatch(name):
        raise RefusedError(f"{shown(name)}: allowed {_MODELS}")
    if name and context.models and name not in context.models:
        raise RefusedError(f"{shown(name)}: allowed {', '.join(context.models)}{did_you_mean(name, context.models)}")
    return replace(scene, separation=replace(scene.separation, model=name))


def _write_stem_gain(scene: Scene, stem: str, values: Values, _: Context) -> Scene:
    gains_db = with_entry(scene.separation.gains_db, stem, float(values[0]))
    return replace(scene, separation=replace(scene.separation, gains_db=gains_db))


def _compare(scene: Scene, _: None, values: Values, context: Context) -> Scene:
    gain_db = context.status.match_db() - scene.master_gain_db if values[0] and not scene.compare else 0.0
    if values[0] and scene.compare:
        return scene
    return replace(scene, compare=bool(values[0]), compare_gain_db=gain_db)


def _recall_row(field: str, argument: Argument, description: str, parse: Callable[[str], tuple[str, ...]]) -> Parameter:
    def write(scene: Scene, _: None, values: Values, __: Context) -> Scene:
        own: Any = scene.recall
        return changed(scene, "recall", changed(own, field, parse(str(values[0]))))

    return Parameter(
        f"/scene/recall/{field}",
        (argument,),
        description,
        default=(", ".join(getattr(Recall(), field)),),
        stored=True,
        read=lambda scene, _: (", ".join(getattr(scene.recall, field)),),
        write=write,
    )


def _identify(name: str, sound: Sound, description: str) -> Parameter:
    def write(scene: Scene, label: str, values: Values, _: Context) -> Scene:
        trim = scene.speakers.get(label, SpeakerTrim())
        asked = Identify("none" if values == (False,) else sound, trim.identify.request + 1)
        return replace(scene, speakers=with_entry(scene.speakers, label, replace(trim, identify=asked)))

    return Parameter(
        f"/speaker/{{label}}/{name}",
        (_PRESSED,),
        f"{description} 0 ends it.",
        "trigger",
        write=write,
    )


TABLE: tuple[Parameter, ...] = (
    *OBJECT_ROWS,
    *GROUP_ROWS,
    scene_field(
        "/scene/amount",
        "amount",
        Argument("f", "amount", "", 0.0, 1.0),
        "0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene.",
        1.0,
    ),
    Parameter(
        "/scene/compare",
        (Argument("T", "compare"),),
        "Play the untouched recording from the stereo pair for a comparison, as loud as the scene was.",
        default=(False,),
        read=lambda scene, _: (scene.compare,),
        write=_compare,
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
    trigger(
        "/scene/reset",
        "The default scene of the layout. Master, loudspeakers, listener and monitor stay as they are.",
        _reset,
    ),
    *SCENE_ACTIONS,
    _recall_row(
        "scope",
        _SCOPE,
        f"What a scene that is loaded changes: some of {', '.join(KINDS)}, between commas. All else stays as it is.",
        lambda text: parse_words(text, KINDS),
    ),
    _recall_row(
        "without",
        _WITHOUT,
        "Objects that stay as they are when a scene is loaded: names, ids or patterns, separated by commas, such as "
        '`"vocals, input*"`.',
        parse_left_out,
    ),
    speaker_field("gain_db", _GAIN, "Trim of one loudspeaker.", 0.0),
    speaker_field("mute", _MUTE, "Silence one loudspeaker.", False),
    speaker_field("solo", Argument("T", "solo"), "Silence every loudspeaker without solo.", False),
    _identify(
        "identify",
        "spoken",
        "Let one loudspeaker be found: it speaks its label, beside all that plays. An LFE plays noise, and so does one "
        "whose label cannot be said in a few English words, letters and numbers.",
    ),
    _identify("noise", "noise", "The same by a second of noise."),
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
    scene_field("/monitor/gain", "monitor_gain_db", _GAIN, "Gain of the binaural monitor.", 0.0),
    scene_field("/monitor/mute", "monitor_mute", _MUTE, "Silence the binaural monitor.", False),
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
        (Argument("s", "model", words=_MODELS),),
        "The model in use, by its name or a preset (default, light, studio); an empty name is the configured one.",
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
    *PEER_ACTIONS,
    *STATUS_ROWS,
    *METER_ROWS,
)
"""Every parameter, in the order of the manual."""
