"""Makes the frozen values of a layout from checked data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stemfield.layouts.model import BassManagement, Compensation, EqBand, Layout, Speaker

_OPTIONAL = ("delay_ms", "highpass_hz", "lowpass_hz", "max_level_db")


def layout_of(data: Mapping[str, Any], folder: Path, notes: tuple[str, ...] = ()) -> Layout:
    """The layout of data in which `check_layout` found no problem.

    Args:
        data: data of a layout file.
        folder: folder of the file, for relative paths.
        notes: what an import left out.
    """
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
