"""Loads layouts by name, alias or path, from the user's folders and then from the shipped ones.

Files of other renderers are recognised by their content and imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from stemfield.layouts.build import layout_of
from stemfield.layouts.chain import uncompensated
from stemfield.layouts.check import check_layout
from stemfield.layouts.foreign import name_of
from stemfield.layouts.importers import ForeignFileError, read_data
from stemfield.layouts.model import Layout, LayoutEntry, LayoutError
from stemfield.layouts.problems import did_you_mean
from stemfield.layouts.strict_yaml import StrictYamlError, read_text

SHIPPED = Path(__file__).parent / "data"
_SUFFIXES = (".yaml", ".yml", ".json", ".xml", ".asd")


def load_layout(name_or_path: str, folders: Sequence[Path] = ()) -> Layout:
    """The layout of this name, alias or file.

    Args:
        name_or_path: a name or alias such as `22.2` or `9+10+3`, or the path of a file: any text that contains a path
            separator or ends in `.yaml`, `.yml`, `.json`, `.xml` or `.asd`. Files of EAR (YAML), VISR (XML), IEM
            (JSON), SpatGRIS (XML) and SSR (`.asd`) are imported; `Layout.notes` lists what was left out or chosen.
        folders: the user's folders of layouts, searched before the shipped ones.

    Raises:
        LayoutError: an unknown name, or a file with problems (all of them are listed).
    """
    if is_layout_path(name_or_path):
        return _load_file(Path(name_or_path).expanduser())
    for path in _files(folders):
        if _may_be(name_or_path, path):
            entry = _entry(path)
            if name_or_path in (entry.name, *entry.aliases):
                return _load_file(path)
    entries = available_layouts(folders)
    names = [name for entry in entries for name in (entry.name, *entry.aliases)]
    known = ", ".join(entry.name for entry in entries)
    raise LayoutError(name_or_path, (f"unknown name: expected {known}{did_you_mean(name_or_path, names)}",))


def is_layout_path(name_or_path: str) -> bool:
    """Whether this is the path of a layout file, not a name."""
    return name_or_path.lower().endswith(_SUFFIXES) or os.sep in name_or_path


def available_layouts(folders: Sequence[Path] = ()) -> tuple[LayoutEntry, ...]:
    """Every layout that `load_layout` finds by name, in search order.

    A file with problems is listed under its file name, with the problems.
    """
    return tuple(_entry(path) for path in _files(folders))


def _files(folders: Sequence[Path]) -> list[Path]:
    return [
        path for folder in (*folders, SHIPPED) for path in sorted(folder.glob("*")) if path.suffix.lower() in _SUFFIXES
    ]


def _may_be(name: str, path: Path) -> bool:
    """Whether a file can be the layout of this name, without parsing it."""
    try:
        return name in (path.stem, name_of(path.stem)) or name in read_text(path)
    except StrictYamlError:
        return False


def _entry(path: Path) -> LayoutEntry:
    try:
        layout = _load_file(path)
    except LayoutError as error:
        return LayoutEntry(path.stem, (), "", path, error.problems)
    return LayoutEntry(layout.name, layout.aliases, layout.title, path)


def _load_file(path: Path) -> Layout:
    try:
        data, notes = read_data(read_text(path), path.stem)
    except (StrictYamlError, ForeignFileError) as error:
        raise LayoutError(str(path), (str(error),)) from error
    problems = check_layout(data)
    if problems:
        raise LayoutError(str(path), problems)
    layout = layout_of(cast(Mapping[str, Any], data), path.parent, notes or ())
    return layout if notes is None else _compensated(layout)


def _compensated(layout: Layout) -> Layout:
    """A layout of another program, set to compensate different distances, which its files do not mention."""
    keys = uncompensated(layout)
    if not keys:
        return layout
    compensate = replace(layout.compensate, **dict.fromkeys(keys, True))
    note = f"distances differ: {' and '.join(keys)} of nearer loudspeakers compensate it (compensate)"
    return replace(layout, compensate=compensate, notes=(*layout.notes, note))
