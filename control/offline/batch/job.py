"""The jobs of a plan: what is made of each recording, as the command for one file makes it, with everything loaded.

A job travels to other processes as plain data and is loaded again there. Its digest shows that both loaded the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stemfield.control.command_errors import CommandError
from stemfield.control.config.audio import EMBEDDED, SeparationConfig
from stemfield.control.config.configuration import Config
from stemfield.control.offline import render as offline
from stemfield.control.offline.adm_export import export_recording
from stemfield.control.offline.batch.plan import Kind
from stemfield.control.offline.inputs import HRTF_NEEDS_BINAURAL, model_for_files, usable_hrtf, usable_layout
from stemfield.control.offline.scenes import find_recording, load_changes, load_scene
from stemfield.layouts.loader import is_layout_path
from stemfield.layouts.model import Layout
from stemfield.renderer.files.audiofile import FLAC_CHANNELS
from stemfield.separation.cards.card import CARD

JobData = dict[str, Any]
"""A job as plain data: kind, options, and where its parts are found. All paths are absolute."""


@dataclass(frozen=True)
class Job:
    """What is made of a recording."""

    kind: Kind
    suffix: str
    """Suffix of a result's name; empty for a folder of files."""
    digest: str
    """Digest of everything but the recording: the version of stemfield, model, layout, scene and options."""
    make: Callable[[Path, Path], list[str]]
    """Makes the result of a recording, a file or a folder, and returns warnings."""


def job_data(kind: Kind, options: Mapping[str, Any], folder: Path, config: Config) -> JobData:
    """A job with its options as plain data, independent of the plan's folder and of the user's configuration.

    Raises:
        CommandError: there is no such recording of control.
    """

    def anchored(name: str | None) -> str | None:
        return None if name is None else str((folder / Path(name).expanduser()).absolute())

    def anchored_name(name: str | None) -> str | None:
        return anchored(name) if name is not None and is_layout_path(name) else name

    given = dict(options)
    given["model"] = model_for_files(anchored_name(given["model"]), config, live=bool(given.pop("live")))
    given["rule"] = given["rule"] or config.separation.rule
    if "scene" in given:
        given["layout"] = anchored_name(given["layout"])
        given["scene"] = anchored(given["scene"])
    if given.get("binaural"):
        given["layout"] = given["layout"] or config.layout
        given["hrtf"] = given["hrtf"] if given["hrtf"] == EMBEDDED else anchored(given["hrtf"]) or config.monitor.hrtf
    if kind == "adm":
        given["layout"] = given["layout"] or config.layout
    if (recording := given.get("recording")) is not None:
        beside = folder / Path(recording).expanduser()
        given["recording"] = str((beside if beside.exists() else find_recording(recording, config)).absolute())
    return {
        "kind": kind,
        "options": given,
        "layout_folders": [str(path) for path in config.layout_folders],
        "model_folders": [str(path) for path in config.model_folders],
        "providers": list(config.separation.providers),
    }


def load_job(data: JobData) -> Job:
    """A job with everything that it names loaded.

    Raises:
        UserError: something that it names cannot be used.
    """
    kind, options = data["kind"], data["options"]
    config = Config(
        layout_folders=tuple(map(Path, data["layout_folders"])),
        model_folders=tuple(map(Path, data["model_folders"])),
        separation=SeparationConfig(providers=tuple(data["providers"])),
    )
    load = _scenic if "scene" in options else _stereo
    suffix, parts, make = load(kind, options, config)
    # named files count by their content, wherever they are
    named = ("model", "layout", "scene", "recording", "hrtf")
    facts = {key: value for key, value in options.items() if key not in named} | parts
    facts |= {"kind": kind, "providers": data["providers"], "stemfield": version("stemfield")}
    return Job(kind, suffix, _digest(json.dumps(facts, sort_keys=True).encode()), make)


_Loaded = tuple[str, dict[str, str], Callable[[Path, Path], list[str]]]
"""Suffix, digests of the parts, and the function that makes the result."""


def _scenic(kind: Kind, options: Mapping[str, Any], config: Config) -> _Loaded:
    model = offline.usable_model(options["model"], options["rule"], config, for_room=True)
    binaural = options.get("binaural", False)
    if options["layout"] is None:
        raise CommandError(["layout: missing: the room to render for (or binaural: true, for headphones)"])
    if options.get("hrtf") and not binaural:
        raise CommandError([HRTF_NEEDS_BINAURAL.replace("--", "")])
    layout = usable_layout(options["layout"], config)
    hrtf = usable_hrtf(options["hrtf"]) if binaural else None
    scene = load_scene(options["scene"], layout)
    recording = options["recording"]
    changes = [] if recording is None else load_changes(Path(recording), scene, layout)
    parts = {"model": _model_digest(model), "layout": _layout_digest(layout)}
    files = {key: options[key] for key in ("scene", "recording") if options[key] is not None}
    if hrtf is not None and hrtf != EMBEDDED:
        files["hrtf"] = hrtf
    parts |= {key: file_digest(Path(file)) for key, file in files.items()}
    if kind == "adm":

        def make_adm(source: Path, target: Path) -> list[str]:
            return list(export_recording(source, target, layout, scene, changes, model).notes)

        return ".adm.wav", parts, make_adm
    channels = offline.file_channels(layout, hrtf)
    if options["format"] == "flac" and channels > FLAC_CHANNELS:
        raise CommandError([f"format: expected wav for {channels} channels, got flac, which holds {FLAC_CHANNELS}"])

    def make(source: Path, target: Path) -> list[str]:
        offline.upmix(source, target, layout, scene, model, changes=changes, hrtf=hrtf, limit=options["limit"])
        return []

    return f".{options['format']}", parts, make


def _stereo(kind: Kind, options: Mapping[str, Any], config: Config) -> _Loaded:
    model = offline.usable_model(options["model"], options["rule"], config)
    threshold = options["threshold"] or 0.0
    parts = {"model": _model_digest(model)}

    def separate(source: Path, target: Path) -> list[str]:
        offline.separate(source, target, model, threshold)
        return []

    if kind == "separate":
        return "", parts, separate
    model.check_gains("gains", options["gains"])

    def remix(source: Path, target: Path) -> list[str]:
        offline.remix(source, target, model, threshold, options["gains"])
        return []

    return f".{options['format']}", parts, remix


def _model_digest(model: offline.Model) -> str:
    # the card names its files with their checksums, which were compared when it was loaded
    return file_digest(model.card.folder / CARD)


def _layout_digest(layout: Layout) -> str:
    filters = [file_digest(speaker.fir) for speaker in layout.speakers if speaker.fir is not None]
    bare = replace(layout, speakers=tuple(replace(speaker, fir=None) for speaker in layout.speakers))
    return _digest(json.dumps([repr(bare), filters]).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
