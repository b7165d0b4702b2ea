"""Finds the recordings that a plan lists by paths and patterns, and names their results."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path, PurePath

from stemfield.control.offline.batch.plan import Source
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.files.audiofile import READABLE

Recordings = dict[str, Path]
"""Absolute paths by the names of their results, such as `album/song`."""


def find_recordings(sources: Sequence[Source], folder: Path, output: Path) -> tuple[Recordings, list[str]]:
    """The recordings of a plan, and every problem with them.

    A file that is found twice counts once; a given name takes precedence over one from a pattern. Relative paths are
    relative to the folder of the plan; in the output folder patterns find nothing.
    """
    problems: list[str] = []
    names: dict[Path, str] = {}
    recordings: Recordings = {}
    for index, source in enumerate(sources):
        try:
            for path, name in _found(source, folder, output):
                if source.name is not None or path not in names:
                    names[path] = name
        except ValueError as error:
            problems.append(f"inputs.{index}: {source.path}: {error}")
    for path, name in names.items():
        other = recordings.setdefault(name, path)
        if other != path:
            problems.append(f"inputs: {other} and {path} would both be {name}: give one of them another name")
    return recordings, problems


def _found(source: Source, folder: Path, output: Path) -> Iterator[tuple[Path, str]]:
    wanted = normalised(folder / Path(source.path).expanduser())
    if wanted.exists() or not glob.has_magic(source.path):
        yield _one(wanted, output), str(PurePath(source.name or wanted.stem))
        return
    if source.name is not None:
        raise ValueError("a pattern cannot have a name")
    fixed = Path(*takewhile(lambda part: not glob.has_magic(part), wanted.parts[:-1]))
    count = 0
    for path in sorted(fixed.glob(str(wanted.relative_to(fixed)))):
        name = path.relative_to(fixed)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.suffix.lower() in READABLE and path.is_file() and not hidden and not path.is_relative_to(output):
            count += 1
            yield path, str(name.with_suffix(""))
    if not count:
        raise ValueError(f"matches no sound file ({', '.join(READABLE)})")


def normalised(path: Path) -> Path:
    """An absolute path without `..`; links are not resolved."""
    return Path(os.path.normpath(path.absolute()))


def _one(path: Path, output: Path) -> Path:
    if path.is_dir():
        raise ValueError(f"expected a file or a pattern such as {path.name}/*, got a folder")
    if not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ValueError(f"no such file{did_you_mean(path.name, beside)}")
    if path.is_relative_to(output):
        raise ValueError("is in the output folder")
    return path
