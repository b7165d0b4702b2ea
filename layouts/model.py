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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from stemfield.layouts.problems import ProblemsError

EqType = Literal["lowpass", "highpass", "bandpass", "bandstop", "peak", "lowshelf", "highshelf", "allpass"]
"""Filter types of S3A's object equaliser, after the Audio EQ Cookbook."""

Polarity = Literal["normal", "inverted"]


@dataclass(frozen=True, slots=True)
class EqBand:
    """One section of an equaliser."""

    type: EqType
    f_hz: float
    """Centre, corner or shelf midpoint frequency, 1..96,000."""
    q: float = math.sqrt(0.5)
    """0.01..100; the default is Butterworth's."""
    gain_db: float = 0.0
    """-60..20, of peaks and shelves."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """One loudspeaker of a room.

    The nominal position decides between which neighbours a source is panned, the actual one their gains: a loudspeaker
    may be moved a little without changing the regions of the layout (ITU-R BS.2051 gives both).
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
    """Output channel, from 1; channels of a layout need not be contiguous."""
    lfe: bool = False
    """A low-frequency effects channel: never panned to."""
    nominal_azimuth_deg: float = math.nan
    """Default: the actual azimuth."""
    nominal_elevation_deg: float = math.nan
    """Default: the actual elevation."""
    delay_ms: float | None = None
    """0..1000: measured delay, instead of the one that follows from the radius."""
    gain_db: float = 0.0
    """-60..20: trim, added to the gain that follows from the radius."""
    polarity: Polarity = "normal"
    eq: tuple[EqBand, ...] = ()
    fir: Path | None = None
    """A WAV file with a correction filter."""
    highpass_hz: float | None = None
    lowpass_hz: float | None = None
    max_level_db: float | None = None
    """-60..0 dBFS: threshold of the loudspeaker's limiter; None: no limiter."""

    def __post_init__(self) -> None:
        if math.isnan(self.nominal_azimuth_deg):
            object.__setattr__(self, "nominal_azimuth_deg", self.azimuth_deg)
        if math.isnan(self.nominal_elevation_deg):
            object.__setattr__(self, "nominal_elevation_deg", self.elevation_deg)


@dataclass(frozen=True, slots=True)
class Compensation:
    """Whether the chain compensates different radii."""

    delay: bool = False
    gain: bool = False


@dataclass(frozen=True, slots=True)
class BassManagement:
    """Which subwoofers play the bass of small loudspeakers."""

    crossover_hz: float = 80.0
    """20..500."""
    lfe_gain_db: float = 10.0
    """Gain of the LFE channel, which is recorded 10 dB low (ITU-R BS.775)."""
    subwoofers: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    """Label of an LFE loudspeaker -> label -> weight of every loudspeaker whose bass it plays. Empty: all LFE
    loudspeakers share the bass of all others."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A room: its loudspeakers, in the order of all gain columns and output ports."""

    name: str
    title: str
    speakers: tuple[Speaker, ...]
    aliases: tuple[str, ...] = ()
    compensate: Compensation = Compensation()
    dual_band: bool = False
    """Pan by amplitude below 700 Hz, by energy above."""
    bass_management: BassManagement | None = None
    notes: tuple[str, ...] = ()
    """What an import from another program left out or chose."""

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


class LayoutError(ProblemsError):
    """A layout that cannot be loaded."""
