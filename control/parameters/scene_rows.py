"""Rows of the parameter table about the scene as a whole, and about the room it plays in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from stemfield.control.parameters.argument import Argument
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.object_rows import MAX_GAIN_DB
from stemfield.control.parameters.rows import (
    Parameter,
    Values,
    changed,
    scene_field,
    speaker_field,
    with_entry,
)
from stemfield.layouts.problems import RefusedError, did_you_mean, shown
from stemfield.renderer.scene.scene import SILENCE_DB, Identify, Scene, SpeakerTrim, TestSignal

MAX_LISTENER_M = 100.0
YPR = tuple(Argument("f", name, "angle.degree", -180.0, 180.0, cyclic=True) for name in ("yaw", "pitch", "roll"))
"""Rotation of a head."""

_MODELS = "the name of a model card, 1 to 64 of A-Z a-z 0-9 . _ -"
_MODEL_NAME = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})?")

_GAIN = Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB)
_MUTE = Argument("T", "mute")


def _write_model(scene: Scene, _: None, values: Values, context: Context) -> Scene:
    name = str(values[0])
    if not _MODEL_NAME.fullmatch(name):
        raise RefusedError(f"expected {_MODELS}, got {shown(name)}")
    if name and context.models and name not in context.models:
        known = ", ".join(context.models)
        raise RefusedError(f"expected {known}, got {shown(name)}{did_you_mean(name, context.models)}")
    return replace(scene, separation=replace(scene.separation, model=name))


def _write_stem_gain(scene: Scene, stem: str, values: Values, _: Context) -> Scene:
    gains_db = with_entry(scene.separation.gains_db, stem, float(values[0]))
    return replace(scene, separation=replace(scene.separation, gains_db=gains_db))


def _compare(scene: Scene, _: None, values: Values, context: Context) -> Scene:
    gain_db = context.status.match_db() - scene.master_gain_db if values[0] and not scene.compare else 0.0
    if values[0] and scene.compare:
        return scene
    return replace(scene, compare=bool(values[0]), compare_gain_db=gain_db)


def _identify(name: str, sound: TestSignal, description: str) -> Parameter:
    def write(scene: Scene, label: str, values: Values, _: Context) -> Scene:
        trim = scene.speakers.get(label, SpeakerTrim())
        asked = Identify("none" if values == (False,) else sound, trim.identify.request + 1)
        return replace(scene, speakers=with_entry(scene.speakers, label, replace(trim, identify=asked)))

    return Parameter(
        f"/speaker/{{label}}/{name}",
        (Argument("T", "pressed", optional=True),),
        f"{description} 0 stops it.",
        "trigger",
        write=write,
    )


SCENE_ROWS: Final = (
    scene_field(
        "/scene/amount",
        "amount",
        Argument("f", "amount", "", 0.0, 1.0),
        "0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene.",
        recall="positions",
    ),
    Parameter(
        "/scene/compare",
        (Argument("T", "compare"),),
        "For comparison, play the original recording from the stereo pair, as loud as the scene was.",
        default=(False,),
        read=lambda scene, _: (scene.compare,),
        write=_compare,
    ),
    scene_field(
        "/scene/distance/law",
        "distance.law",
        Argument("s", "law", values=("none", "inverse", "adm")),
        "How distance affects loudness: not at all; in inverse proportion; or as in ADM-OSC, by each object's `dref` "
        "and `dmax`. Planes, diffuse objects and channels have no distance.",
        recall="positions",
    ),
    scene_field(
        "/scene/distance/reference",
        "distance.reference_m",
        Argument("f", "reference", "distance.m", 0.01, 100.0),
        "For the law `inverse`: the distance within which objects get no louder.",
        recall="positions",
    ),
    scene_field(
        "/scene/distance/floor",
        "distance.floor_db",
        Argument("f", "floor", "gain.db", SILENCE_DB, 0.0),
        "For the law `inverse`: the gain below which objects get no softer.",
        recall="positions",
    ),
)
"""Rows about what the scene plays."""

ROOM_ROWS: Final = (
    speaker_field("gain_db", _GAIN, "Trim of one loudspeaker."),
    speaker_field("mute", _MUTE, "Mute one loudspeaker."),
    speaker_field("solo", Argument("T", "solo"), "Mute every loudspeaker without solo."),
    _identify(
        "identify",
        "spoken",
        "Identify one loudspeaker: it speaks its label, in addition to what plays. An LFE plays noise, and so does a "
        "loudspeaker whose label cannot be spoken in a few English words, letters and numbers.",
    ),
    _identify("noise", "noise", "The same with a second of noise."),
    _identify("sweep", "sweep", "The same with a five-second sweep through all frequencies, for measurements."),
    Parameter(
        "/listener/position",
        tuple(Argument("f", axis, "distance.m", -MAX_LISTENER_M, MAX_LISTENER_M) for axis in "xyz"),
        "Position of the listener relative to the centre of the layout: directions and distances are relative to it, "
        "and if the layout compensates delays and gains of the loudspeakers, they follow it.",
        default=(0.0, 0.0, 0.0),
        stored=True,
        read=lambda scene, _: scene.listener,
        write=lambda scene, _, values, __: changed(scene, "listener", values),
        field="listener",
        recall="listener",
    ),
    Parameter(
        "/listener/ypr",
        YPR,
        "Head rotation of the binaural monitor's listener: to the left, up, to the right shoulder.",
        default=(0.0, 0.0, 0.0),
        read=lambda scene, _: scene.head,
        write=lambda scene, _, values, __: changed(scene, "head", values),
    ),
    scene_field("/monitor/gain", "monitor_gain_db", _GAIN, "Gain of the binaural monitor.", recall="monitor"),
    scene_field("/monitor/mute", "monitor_mute", _MUTE, "Mute the binaural monitor.", recall="monitor"),
    scene_field("/master/gain", "master_gain_db", _GAIN, "Gain of everything.", recall="master"),
    scene_field("/master/mute", "master_mute", _MUTE, "Mute everything.", recall="master"),
    scene_field(
        "/loudness/levelling",
        "levelling.on",
        Argument("T", "levelling"),
        "Bring the recording slowly to `/loudness/target`.",
        recall="master",
    ),
    scene_field(
        "/loudness/target",
        "levelling.target_lufs",
        Argument("f", "target", "gain.db", -40.0, -10.0),
        "Loudness in LUFS to which the recording is levelled, if that is on.",
        recall="master",
    ),
    scene_field(
        "/loudness/night",
        "night",
        Argument("T", "night"),
        "Night listening: turn loud passages down and soft ones up, all loudspeakers alike.",
        recall="master",
    ),
    scene_field(
        "/separation/threshold",
        "separation.threshold",
        Argument("f", "threshold", "", 0.0, 1.0),
        "Mask values below it are rejected and go to the residual.",
        recall="separation",
    ),
    scene_field(
        "/separation/bypass",
        "separation.bypass",
        Argument("T", "bypass"),
        "Do not separate: the mixture plays as the residual.",
        recall="separation",
    ),
    Parameter(
        "/separation/model",
        (Argument("s", "model", words=_MODELS),),
        "Model in use, by its name or a preset (default, light, studio, files); an empty name means the configured "
        "model.",
        default=("",),
        stored=True,
        read=lambda scene, _: (scene.separation.model,),
        write=_write_model,
        field="separation",
        recall="separation",
    ),
    Parameter(
        "/separation/{stem}/gain",
        (_GAIN,),
        "Gain of one instrument's mask.",
        default=(0.0,),
        stored=True,
        read=lambda scene, stem: (scene.separation.gains_db.get(stem, 0.0),),
        write=_write_stem_gain,
        field="separation",
        recall="separation",
    ),
)
"""Rows about loudspeakers, listener, monitor, master and separation."""
