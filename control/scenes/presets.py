"""The built-in scenes: positions of a recording's instruments that suit the room.

Only stems are placed; direct inputs stay as configured. A room without rear loudspeakers gets no preset that needs
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stemfield.layouts.model import Layout
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


_STAGE = {
    # The stage of the recording, slightly narrower than the loudspeakers, with the soloist in the middle.
    "vocals": _Place(0, 10),
    "bass": _Place(0, 20),
    "drums": _Place(0, 60),
    "other": _Place(0, 60),
    RESIDUAL: _Place(0, 60),
}
_WIDE_STAGE = {
    # Accompaniment opens to the sides; bass and soloist stay in the middle.
    "vocals": _Place(0, 15),
    "bass": _Place(0, 30),
    "drums": _Place(0, 90),
    "other": _Place(0, 120),
    RESIDUAL: _Place(0, 100),
}
_SURROUND = {
    # Soloist and rhythm in front, the rest around the listener, ambience from everywhere.
    "vocals": _Place(0, 10),
    "bass": _Place(0, 30),
    "drums": _Place(0, 80),
    "other": _Place(0, 220),
    RESIDUAL: _Place(0, 280),
}
_BAND_AROUND = {
    # The listener is among the players: each has a quarter of the room.
    "vocals": _Place(0, 20),
    "bass": _Place(90, 20),
    "drums": _Place(180, 70),
    "other": _Place(-90, 60),
    RESIDUAL: _Place(0, 180),
}
_HEIGHTS = {
    # Bass and drums at ear level, harmonies and ambience overhead.
    "vocals": _Place(0, 15, 10),
    "bass": _Place(0, 30),
    "drums": _Place(0, 80),
    "other": _Place(0, 160, 40, 20),
    RESIDUAL: _Place(0, 200, 30, 40),
}


def presets(layout: Layout, defaults: Scene) -> Mapping[str, Scene]:
    """The presets that suit a room, by name: the default scene with its stems placed."""
    panned = [s for s in layout.speakers if not s.lfe]
    found = {"stage": _STAGE, "wide stage": _WIDE_STAGE}
    if any(abs(s.azimuth_deg) > _BEHIND_DEG for s in panned):
        found |= {"surround": _SURROUND, "band around you": _BAND_AROUND}
    if any(s.elevation_deg > _ABOVE_DEG for s in panned):
        found |= {"heights": _HEIGHTS}
    return {name: _placed(defaults, stems) for name, stems in found.items()}


def _placed(scene: Scene, stems: Mapping[str, _Place]) -> Scene:
    for name, place in stems.items():
        item = scene.find(name)
        if item is not None:
            position = position_of(place.azimuth_deg, place.elevation_deg, 1.0)
            changed = replace(item, position=position, width_deg=place.width_deg, height_deg=place.height_deg)
            scene = scene.with_object(changed)
    return scene
