"""Loudspeakers and layouts as frozen values.

>>> left = Speaker("M+030", 30.0, 0.0, 2.0, channel=1)
>>> right = Speaker("M-030", -30.0, 0.0, 2.0, channel=2)
>>> layout = Layout("pair", "A pair", (left, right))
>>> layout.labels
('M+030', 'M-030')
>>> left.nominal_azimuth_deg
30.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Speaker:
    """One loudspeaker of a room.

    The nominal position decides between which neighbours a source is panned, the actual one how loud each is: a
    loudspeaker may be moved a little without changing how the room is divided (ITU-R BS.2051 gives both).
    """

    label: str
    """Unique in its layout; BS.2051 style such as `M+030` where that fits."""
    azimuth_deg: float
    """-180..180, left positive."""
    elevation_deg: float
    """-90..90, up positive."""
    radius_m: float
    """Distance from the listener, above 0."""
    channel: int
    """1-based output channel as wired; channels of a layout need not be contiguous."""
    lfe: bool = False
    """A low-frequency effects channel: never panned to."""
    nominal_azimuth_deg: float = math.nan
    """The actual azimuth when not given."""
    nominal_elevation_deg: float = math.nan
    """The actual elevation when not given."""

    def __post_init__(self) -> None:
        if math.isnan(self.nominal_azimuth_deg):
            object.__setattr__(self, "nominal_azimuth_deg", self.azimuth_deg)
        if math.isnan(self.nominal_elevation_deg):
            object.__setattr__(self, "nominal_elevation_deg", self.elevation_deg)


@dataclass(frozen=True, slots=True)
class Layout:
    """A room: its loudspeakers, in the order of all gain columns and output ports."""

    name: str
    title: str
    speakers: tuple[Speaker, ...]
    aliases: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The loudspeakers' labels, in layout order."""
        return tuple(speaker.label for speaker in self.speakers)


@dataclass(frozen=True, slots=True)
class LayoutEntry:
    """A layout that can be loaded by name."""

    name: str
    aliases: tuple[str, ...]
    title: str
    path: Path
    problems: tuple[str, ...] = ()
    """Why the file cannot be loaded; empty for a good one."""


class LayoutError(ValueError):
    """A layout that cannot be loaded, with every reason at once."""

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"layout {source}:", *(f"  {problem}" for problem in problems)]))
