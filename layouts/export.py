"""Writes a layout as a file of stemfield, to keep and complete one that was imported."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stemfield.layouts.model import Layout, Speaker
from stemfield.layouts.strict_yaml import dump_yaml

_DEFAULTS = {field.name: field.default for field in fields(Speaker)}


def layout_yaml(layout: Layout, folder: Path | None = None, *, nominal: bool = False) -> str:
    """The text of a layout file; `load_layout` gives the same layout back, but for its notes.

    Args:
        layout: layout to write.
        folder: folder of the file, for relative paths of filters.
        nominal: whether to write nominal positions that equal the real ones, so that those can be changed later.
    """
    data: dict[str, Any] = {"name": layout.name, "title": layout.title}
    if layout.aliases:
        data["aliases"] = list(layout.aliases)
    chosen = {key: True for key in ("delay", "gain") if getattr(layout.compensate, key)}
    if chosen:
        data["compensate"] = chosen
    if layout.dual_band:
        data["dual_band"] = True
    bass = layout.bass_management
    if bass is not None:
        subwoofers = {label: dict(weights) for label, weights in bass.subwoofers.items()}
        data["bass_management"] = {
            "crossover_hz": bass.crossover_hz,
            "lfe_gain_db": bass.lfe_gain_db,
            "subwoofers": subwoofers,
        }
    data["speakers"] = [_speaker(speaker, folder, nominal=nominal) for speaker in layout.speakers]
    notes = "".join(f"# {note}\n" for note in layout.notes)
    return notes + dump_yaml(data, flow=None)


def _speaker(speaker: Speaker, folder: Path | None, *, nominal: bool) -> dict[str, Any]:
    """The values of a loudspeaker that differ from the defaults."""
    defaults: Mapping[str, Any] = _DEFAULTS | {
        "nominal_azimuth_deg": speaker.azimuth_deg,
        "nominal_elevation_deg": speaker.elevation_deg,
    }
    values = {field.name: getattr(speaker, field.name) for field in fields(speaker)}
    kept = [name for name in values if name.startswith("nominal_") and nominal and not speaker.lfe]
    data = {name: value for name, value in values.items() if value != defaults[name] or name in kept}
    if speaker.eq:
        data["eq"] = [{field.name: getattr(band, field.name) for field in fields(band)} for band in speaker.eq]
    if speaker.fir is not None:
        data["fir"] = str(speaker.fir) if folder is None else os.path.relpath(speaker.fir, folder)
    return data
