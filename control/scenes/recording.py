"""A recording of control: every change with its time, as lines of JSON.

It begins with the scene at its start, followed by a line for every changed value: `[seconds, address, [values]]`.
`[seconds, "fade", [seconds]]` means that the changes of that time were cross-faded. Addresses contain the ids of
objects.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from stemfield.control.config.object_names import check_name
from stemfield.control.parameters.argument import Argument, accept_all, whole
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.object_rows import MAX_SMOOTH_S
from stemfield.control.parameters.routes import apply
from stemfield.layouts.plain_data import PlainDataError, open_file, parse_json
from stemfield.layouts.problems import ProblemsError, RefusedError, shown
from stemfield.renderer.scene.scene import MAX_ID, MAX_OBJECTS, Scene, SceneObject, default_scene

MAX_BYTES = 64 << 20
"""Maximum size of a recording."""
MAX_LINE = 1 << 20
FADE = "fade"
_HEADER = {"stemfield": "recording", "format": 1}
HEADER = json.dumps(_HEADER)
_AT = Argument("f", "seconds", "time.second", 0.0, 1e7)
_FADE = Argument("f", "fade", "time.second", 0.0, MAX_SMOOTH_S)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a recording."""

    at_s: float
    address: str
    values: Sequence[Any]


class RecordingError(ProblemsError):
    """A recording that cannot be read; the problem names the line."""


def read_recording(path: Path) -> Generator[Step, None, None]:
    """The lines of a recording, in order of time.

    Raises:
        RecordingError: too large, not a recording, or an invalid line.
        OSError: it cannot be read.
    """
    latest_s, number = 0.0, 0

    def invalid(why: str) -> RecordingError:
        return RecordingError(str(path), (f"line {number}: {why}",))

    with _opened(path) as file:
        for number, text in enumerate(iter(partial(file.readline, MAX_LINE), ""), 1):
            if len(text) >= MAX_LINE:
                raise invalid(f"expected at most {MAX_LINE} characters")
            try:
                line = parse_json(text)
            except PlainDataError as error:
                if not text.endswith("\n"):
                    return  # power failure while it was written
                raise invalid("not JSON") from error
            match line:
                case {"stemfield": "recording", "format": 1} if number == 1:
                    continue
                case {"stemfield": "recording", "format": other} if number == 1:
                    raise invalid(f"format: expected 1, got {shown(other)}; another version wrote it")
                case [int() | float() as at_s, str() as address, list() as values] if number > 1 and at_s >= latest_s:
                    try:
                        latest_s = float(_AT.accept(at_s, strict=True))
                        values = list(accept_all((_FADE,), values)) if address == FADE else values
                    except RefusedError as refused:
                        raise invalid(str(refused)) from refused
                    yield Step(latest_s, address, values)
                    continue
            raise invalid(f"expected [seconds, address, [values]], got {shown(text.strip())}")


def _opened(path: Path) -> TextIO:
    try:
        return TextIOWrapper(open_file(path, 2 * MAX_BYTES), "utf-8", "replace")
    except PlainDataError as error:
        raise RecordingError(str(path), (str(error),)) from error


def capture_path(folder: Path, stem: str) -> Path:
    """Path of the control of a capture in a folder of recordings, beside the audio in `STEM.wav`."""
    return folder / "captures" / f"{stem}.jsonl"


def capture_header(scene: Scene) -> str:
    """The first line of a recording with audio: which objects play which inputs."""
    inputs = [[item.id, item.name, list(item.channels)] for item in scene.objects if item.kind == "input"]
    return json.dumps({**_HEADER, "inputs": inputs}, ensure_ascii=False)


def captured_objects(path: Path) -> Scene:
    """The scene of a capture before anything was set.

    Raises:
        RecordingError: its first line has no inputs.
        OSError: it cannot be read.
    """
    with _opened(path) as file:
        text = file.readline(MAX_LINE)
    scene = default_scene()
    try:
        for ident, name, channels in parse_json(text)["inputs"]:
            routed = tuple(whole(channel, 0, MAX_ID) for channel in channels)
            item = SceneObject(whole(ident, 0, MAX_ID), check_name(name), "input", routed)
            if scene.find(item.id) or len(scene.objects) == MAX_OBJECTS:
                raise RefusedError(f"object {item.id} exists already, or there are too many objects")
            scene = replace(scene, objects=(*scene.objects, item))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordingError(str(path), ("line 1: expected the `inputs` of a capture",)) from error
    return scene


def scenes_of(steps: Iterable[Step], scene: Scene, context: Context) -> Iterator[tuple[float, Scene, float]]:
    """The scenes of a recording, from an initial one: time in seconds, scene, and cross-fade in seconds.

    Whatever does not exist here is ignored.
    """
    for at_s, moment in groupby(steps, key=lambda step: step.at_s):
        fade_s = 0.0
        for step in moment:
            if step.address == FADE:
                fade_s = float(step.values[0])
            else:
                scene, _ = apply(scene, SetParameter(step.address, step.values), context)
        yield at_s, scene, fade_s


def encode_step(at_s: float, address: str, values: Sequence[object]) -> str:
    """One line, without its line break."""
    return json.dumps([round(at_s, 4), address, list(values)], ensure_ascii=False, separators=(",", ":"))
