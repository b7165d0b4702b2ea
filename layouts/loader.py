"""Loads layouts by name, alias or path, from the user's folders and then from the shipped ones.

Files of other renderers are recognised by their content and imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from stemfield.layouts.chain import uncompensated
from stemfield.layouts.check import check_layout
from stemfield.layouts.foreign import ForeignFileError, name_of, xml_root
from stemfield.layouts.import_ear import import_ear, is_ear
from stemfield.layouts.import_iem import import_iem, is_iem
from stemfield.layouts.import_spatgris import import_old_spatgris, import_spatgris
from stemfield.layouts.import_ssr import import_ssr
from stemfield.layouts.import_visr import import_visr
from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout, LayoutEntry, LayoutError, Speaker
from stemfield.layouts.plain_data import PlainDataError
from stemfield.layouts.problems import did_you_mean
from stemfield.layouts.strict_yaml import parse_yaml, read_text

SHIPPED = Path(__file__).parent / "data"
_SUFFIXES = (".yaml", ".yml", ".json", ".xml", ".asd")
_XML = {
    "panningConfiguration": import_visr,
    "SPEAKER_SETUP": import_spatgris,
    "SpeakerSetup": import_old_spatgris,
    "asdf": import_ssr,
}
_OPTIONAL = ("delay_ms", "highpass_hz", "lowpass_hz", "max_level_db")


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
    except PlainDataError:
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
    except (PlainDataError, ForeignFileError) as error:
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


def read_data(text: str, name: str) -> tuple[object, tuple[str, ...] | None]:
    """The plain data of a layout, not yet checked, and the notes of its import; None for a file of stemfield.

    A layout whose file has no name gets the given one.

    Raises:
        PlainDataError: neither YAML of plain data nor another known format.
        ForeignFileError: a file of another renderer that cannot be read.
    """
    if text.lstrip().startswith("<"):
        root = xml_root(text)
        if root.tag not in _XML:
            raise ForeignFileError(f"unknown kind of XML: expected {', '.join(_XML)}, got <{root.tag}>")
        return _XML[root.tag](root, name).finished()
    if is_iem(text):
        return import_iem(text, name).finished()
    data = parse_yaml(text)
    return import_ear(data, name).finished() if is_ear(data) else (data, None)


def layout_of(data: Mapping[str, Any], folder: Path, notes: tuple[str, ...] = ()) -> Layout:
    """The layout of data in which `check_layout` found no problem; paths in it are relative to the folder."""
    bass = data.get("bass_management")
    return Layout(
        name=data["name"],
        title=data.get("title", data["name"]),
        speakers=tuple(_speaker(entry, folder) for entry in data["speakers"]),
        aliases=tuple(data.get("aliases", ())),
        compensate=Compensation(**data.get("compensate", {})),
        dual_band=data.get("dual_band", False),
        bass_management=None if bass is None else _bass_management(bass),
        notes=notes,
    )


def _speaker(entry: Mapping[str, Any], folder: Path) -> Speaker:
    return Speaker(
        label=entry["label"],
        azimuth_deg=_wrapped(entry["azimuth_deg"]),
        elevation_deg=float(entry.get("elevation_deg", 0.0)),
        radius_m=float(entry.get("radius_m", 1.0)),
        channel=entry["channel"],
        lfe=entry.get("lfe", False),
        nominal_azimuth_deg=_wrapped(entry.get("nominal_azimuth_deg", math.nan)),
        nominal_elevation_deg=float(entry.get("nominal_elevation_deg", math.nan)),
        gain_db=float(entry.get("gain_db", 0.0)),
        polarity=entry.get("polarity", "normal"),
        eq=tuple(
            EqBand(type=band["type"], **{key: float(value) for key, value in band.items() if key != "type"})
            for band in entry.get("eq", ())
        ),
        fir=folder / Path(entry["fir"]).expanduser() if "fir" in entry else None,
        **{key: float(entry[key]) for key in _OPTIONAL if key in entry},
    )


def _bass_management(entry: Mapping[str, Any]) -> BassManagement:
    numbers = {key: float(value) for key, value in entry.items() if key != "subwoofers"}
    subwoofers = {
        label: MappingProxyType({target: float(weight) for target, weight in weights.items()})
        for label, weights in entry.get("subwoofers", {}).items()
    }
    return BassManagement(**numbers, subwoofers=MappingProxyType(subwoofers))


def _wrapped(azimuth_deg: float) -> float:
    """The azimuth within -180..180; 180 is kept."""
    return float(azimuth_deg if abs(azimuth_deg) <= 180.0 else math.remainder(azimuth_deg, 360.0))
