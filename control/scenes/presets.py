"""The built-in scenes: positions of a recording's instruments that suit the room.

Only stems are placed; direct inputs stay as configured. A room without rear loudspeakers gets no preset that needs
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from stemfield.layouts.model import Layout
from stemfield.renderer.scene.gains import linear
from stemfield.renderer.scene.scene import RESIDUAL, Scene
from stemfield.renderer.scene.units import position_of

_BEHIND_DEG = 90.0
_ABOVE_DEG = 20.0


@dataclass(frozen=True, slots=True)
class _Place:
    azimuth_deg: float
    width_deg: float
    elevation_deg: float = 0.0
    height_deg: float = 0.0
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class _Preset:
    text: str
    """What it does, for a listener."""
    stems: Mapping[str, _Place]
    behind: bool = False
    """Whether it needs loudspeakers behind the listener."""
    above: bool = False
    former: str = ""
    """Its name in older versions, which still loads it."""


_PRESETS: Final = {
    "As it was": _Preset(
        "every instrument where the recording has it",
        dict.fromkeys(("vocals", "bass", "drums", "other", RESIDUAL), _Place(0, 60)),
        former="stage",
    ),
    "Record wider": _Preset(
        "singer and bass in the middle, accompaniment opens to the sides",
        {
            "vocals": _Place(0, 15),
            "bass": _Place(0, 30),
            "drums": _Place(0, 90),
            "other": _Place(0, 120),
            RESIDUAL: _Place(0, 100),
        },
        former="wide stage",
    ),
    "Concert seat": _Preset(
        "the band in front on a stage, the hall around you",
        {
            "vocals": _Place(0, 10),
            "bass": _Place(0, 20),
            "drums": _Place(0, 50),
            "other": _Place(0, 70),
            RESIDUAL: _Place(0, 280),
        },
        behind=True,
    ),
    "Music around me": _Preset(
        "singer and rhythm in front, the rest around you",
        {
            "vocals": _Place(0, 10),
            "bass": _Place(0, 30),
            "drums": _Place(0, 80),
            "other": _Place(0, 220),
            RESIDUAL: _Place(0, 280),
        },
        behind=True,
        former="surround",
    ),
    "Band around me": _Preset(
        "singer in front, bass to the left, drums behind, the rest to the right",
        {
            "vocals": _Place(0, 20),
            "bass": _Place(90, 20),
            "drums": _Place(180, 70),
            "other": _Place(-90, 60),
            RESIDUAL: _Place(0, 180),
        },
        behind=True,
        former="band around you",
    ),
    "Music overhead": _Preset(
        "bass and drums at ear height, harmonies and room overhead",
        {
            "vocals": _Place(0, 15, 10),
            "bass": _Place(0, 30),
            "drums": _Place(0, 80),
            "other": _Place(0, 160, 40, 20),
            RESIDUAL: _Place(0, 200, 30, 40),
        },
        above=True,
        former="heights",
    ),
    "Dialogue": _Preset(
        "voices from the centre and 6 dB above everything else, for films and talk",
        {"vocals": _Place(0, 10, gain_db=3)}
        | dict.fromkeys(("bass", "drums", "other", RESIDUAL), _Place(0, 60, gain_db=-3)),
    ),
}

DESCRIPTIONS: Final[Mapping[str, str]] = {name: preset.text for name, preset in _PRESETS.items()}
"""What each preset does, for a listener."""
FORMER_NAMES: Final[Mapping[str, str]] = {preset.former: name for name, preset in _PRESETS.items() if preset.former}
"""The present names of presets, by those of older versions."""


def presets(layout: Layout, defaults: Scene) -> Mapping[str, Scene]:
    """The presets that suit a room, by name: the default scene with its stems placed."""
    panned = [s for s in layout.speakers if not s.lfe]
    behind = any(abs(s.azimuth_deg) > _BEHIND_DEG for s in panned)
    above = any(s.elevation_deg > _ABOVE_DEG for s in panned)
    return {
        name: _placed(defaults, preset.stems)
        for name, preset in _PRESETS.items()
        if preset.behind <= behind and preset.above <= above
    }


def _placed(scene: Scene, stems: Mapping[str, _Place]) -> Scene:
    for name, place in stems.items():
        item = scene.find(name)
        if item is not None:
            changed = replace(
                item,
                position=position_of(place.azimuth_deg, place.elevation_deg, 1.0),
                width_deg=place.width_deg,
                height_deg=place.height_deg,
                level=linear(place.gain_db),
            )
            scene = scene.with_object(changed)
    return scene
