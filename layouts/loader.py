"""Layouts by name, alias or path: those of the user's folders first, then the shipped ones."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from stemfield.layouts.check import check_layout, suggestion
from stemfield.layouts.model import Layout, LayoutEntry, LayoutError, Speaker
from stemfield.layouts.strict_yaml import StrictYamlError, read_yaml

SHIPPED = Path(__file__).parent / "data"
_SUFFIXES = (".yaml", ".yml")


def load_layout(name_or_path: str, folders: Sequence[Path] = ()) -> Layout:
    """The layout of this name, alias or file.

    Args:
        name_or_path: a name or alias such as `22.2` or `9+10+3`, or the path of a YAML file: whatever contains a path
            separator or ends in `.yaml` or `.yml`.
        folders: the user's folders of layouts; they come before the shipped ones.

    Raises:
        LayoutError: an unknown name, or a file with problems (all of them are listed).
    """
    if name_or_path.endswith(_SUFFIXES) or os.sep in name_or_path:
        return _load_file(Path(name_or_path).expanduser())
    entries = available_layouts(folders)
    for entry in entries:
        if name_or_path in (entry.name, *entry.aliases):
            return _load_file(entry.path)
    names = [name for entry in entries for name in (entry.name, *entry.aliases)]
    known = ", ".join(entry.name for entry in entries)
    raise LayoutError(name_or_path, (f"unknown name{suggestion(name_or_path, names) or '.'} Known are: {known}",))


def available_layouts(folders: Sequence[Path] = ()) -> tuple[LayoutEntry, ...]:
    """Every layout that `load_layout` finds by name, in its order of search.

    A file with problems is listed under its file name, with the problems.
    """
    files = [
        file for folder in (*folders, SHIPPED) for file in sorted(folder.glob("*.y*ml")) if file.suffix in _SUFFIXES
    ]
    return tuple(_entry(file) for file in files)


def _entry(path: Path) -> LayoutEntry:
    try:
        layout = _load_file(path)
    except LayoutError as error:
        return LayoutEntry(path.stem, (), "", path, error.problems)
    return LayoutEntry(layout.name, layout.aliases, layout.title, path)


def _load_file(path: Path) -> Layout:
    try:
        data = read_yaml(path)
    except StrictYamlError as error:
        raise LayoutError(str(path), (str(error),)) from error
    problems = check_layout(data)
    if problems:
        raise LayoutError(str(path), problems)
    return _layout(cast(Mapping[str, Any], data))


def _layout(data: Mapping[str, Any]) -> Layout:
    speakers = tuple(
        Speaker(
            label=entry["label"],
            azimuth_deg=_wrapped(entry["azimuth_deg"]),
            elevation_deg=float(entry.get("elevation_deg", 0.0)),
            radius_m=float(entry.get("radius_m", 1.0)),
            channel=entry["channel"],
            lfe=entry.get("lfe", False),
            nominal_azimuth_deg=_wrapped(entry.get("nominal_azimuth_deg", math.nan)),
            nominal_elevation_deg=float(entry.get("nominal_elevation_deg", math.nan)),
        )
        for entry in data["speakers"]
    )
    return Layout(data["name"], data.get("title", data["name"]), speakers, tuple(data.get("aliases", ())))


def _wrapped(azimuth_deg: float) -> float:
    """The same azimuth within -180..180; 180 stays."""
    return float(azimuth_deg if abs(azimuth_deg) <= 180.0 else math.remainder(azimuth_deg, 360.0))
