"""Scenes for a recording: from a scene file, and from control that the daemon recorded."""

from __future__ import annotations

from pathlib import Path

from stemfield.control.command_errors import CommandError
from stemfield.control.config.configuration import Config
from stemfield.control.offline.render import Change
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.file import load_scene_file
from stemfield.control.scenes.recording import read_recording, scenes_of
from stemfield.control.status import idle_status
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.scene.scene import Scene, default_scene


def load_scene(file: str | None, layout: Layout) -> Scene:
    """The scene of a file; the default scene without one.

    Raises:
        SceneFileError: it cannot be used.
        CommandError: there is no such file.
    """
    scene = default_scene()
    if file is None:
        return scene
    try:
        return load_scene_file(Path(file), Context(layout.labels, scene, status=idle_status()))
    except FileNotFoundError as error:
        raise CommandError([f"{file}: no such file"]) from error


def find_recording(name: str, config: Config) -> Path:
    """The file of recorded control: a path, or the name of a recording that the daemon keeps.

    Raises:
        CommandError: there is none.
    """
    path = Path(name)
    if path.exists():
        return path
    folder = config.state_folder / "recordings"
    kept = {found.stem.replace("+", " "): found for found in sorted(folder.glob("*.jsonl"))}
    if name in kept:
        return kept[name]
    known = f"a file or one of {', '.join(kept)}" if kept else f"a file (no recording is kept in {folder})"
    raise CommandError([f"{name}: no such recording: expected {known}{did_you_mean(name, kept)}"])


def load_changes(path: Path, scene: Scene, layout: Layout) -> list[Change]:
    """The scenes of recorded control that follow the first one.

    Raises:
        RecordingError: it is not a recording.
        CommandError: it cannot be read.
    """
    try:
        return list(scenes_of(read_recording(path), scene, Context(layout.labels, scene, status=idle_status())))
    except OSError as error:
        raise CommandError([f"{path}: cannot be read: {error.strerror}"]) from error
