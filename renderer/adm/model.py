"""The Audio Definition Model (ITU-R BS.2076) as frozen values, as far as it decides how a document sounds.

    programme -> contents -> objects -> track UIDs -> channels -> blocks

Names are those of the standard without their `audio`. Times are exact fractions of a second. Axes are those of the
standard: azimuth to the left and elevation up in degrees; X right, Y front, Z up in a cube from -1 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Final, Literal

Kind = Literal["DirectSpeakers", "Matrix", "Objects", "HOA", "Binaural"]
KINDS: Final[tuple[Kind, ...]] = ("DirectSpeakers", "Matrix", "Objects", "HOA", "Binaural")
"""Types of channels and packs, by the number in their IDs, from 1."""

SILENT_UID = "ATU_00000000"
"""A track without sound."""


def same_id(ident: str) -> str:
    """Normalises an ID: its hexadecimal digits may be in either case.

    >>> same_id(" at_0003100A_01 ")
    'AT_0003100a_01'
    """
    prefix, line, number = ident.strip().partition("_")
    return prefix.upper() + line + number.lower()


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the room in which an object does not sound: between two corners, both included."""

    cartesian: bool
    low: tuple[float, ...]
    """Azimuth and elevation, of loudspeakers distance too; or X, Y, Z. Azimuths from the first anticlockwise."""
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Position and rendering of an object for some time."""

    start_s: Fraction = Fraction(0)
    """From the beginning of the object."""
    duration_s: Fraction | None = None
    """Default: until the end of the object."""
    cartesian: bool = False
    position: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """Azimuth, elevation and distance, of which 1 is where the loudspeakers are; or X, Y and Z."""
    width: float = 0.0
    """Degrees, or a part of the cube."""
    height: float = 0.0
    depth: float = 0.0
    """A part of the distance, or of the cube."""
    gain: float = 1.0
    """Linear."""
    diffuse: float = 0.0
    """Decorrelated part, 0..1."""
    jump: bool = False
    """Whether it arrives within `interpolation_s` instead of at the end of the block."""
    interpolation_s: Fraction = Fraction(0)
    lock: float | None = None
    """Maximum distance of the nearest loudspeaker to play it alone (inf: any)."""
    divergence: float = 0.0
    """Part shared by two positions at its sides, 0..1."""
    divergence_range: float = 0.0
    """Distance of those: degrees, or a part of the cube."""
    zones: tuple[Zone, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeakerBlock:
    """Loudspeaker of a channel for some time."""

    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    labels: tuple[str, ...] = ()
    cartesian: bool = False
    position: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """For rooms without a loudspeaker of this label."""
    bounds: Zone | None = None
    """Bounds within which another loudspeaker may play it."""
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Channel:
    """An audioChannelFormat."""

    id: str
    name: str
    kind: Kind
    blocks: tuple[Block, ...] | tuple[SpeakerBlock, ...] = ()
    """Empty for types that are not rendered here."""
    lfe: bool = False
    """Whether it is low-passed at 200 Hz or below."""


@dataclass(frozen=True, slots=True)
class Track:
    """An audioTrackUID."""

    uid: str
    format: str = ""
    """ID of its audioTrackFormat or audioChannelFormat; default: that of chna."""
    pack: str = ""
    """ID of its audioPackFormat."""


@dataclass(frozen=True, slots=True)
class AudioObject:
    """An audioObject."""

    id: str
    name: str = ""
    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    tracks: tuple[str, ...] = ()
    """UIDs."""
    objects: tuple[str, ...] = ()
    """IDs of its parts."""
    instead: tuple[str, ...] = ()
    """IDs of its alternatives (audioComplementaryObject)."""
    gain: float = 1.0
    mute: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """An audioContent."""

    id: str
    name: str = ""
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Programme:
    """An audioProgramme."""

    id: str
    name: str = ""
    contents: tuple[str, ...] = ()
    loudness_lkfs: float | None = None
    """Integrated loudness by ITU-R BS.1770."""
    duration_s: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document: everything by its ID, in the order of the file."""

    programmes: Mapping[str, Programme] = field(default_factory=lambda: MappingProxyType({}))
    contents: Mapping[str, Content] = field(default_factory=lambda: MappingProxyType({}))
    objects: Mapping[str, AudioObject] = field(default_factory=lambda: MappingProxyType({}))
    channels: Mapping[str, Channel] = field(default_factory=lambda: MappingProxyType({}))
    tracks: Mapping[str, Track] = field(default_factory=lambda: MappingProxyType({}))
    formats: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The audioChannelFormat of each audioTrackFormat, as far as given."""
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Types of channels that BS.2076 does not have."""
    notes: tuple[str, ...] = ()
    """Features that are not rendered."""

    def channel_of(self, reference: str) -> str:
        """ID of the channel of a track format; by default derived from its ID.

        >>> Document().channel_of("AT_00010003_01")
        'AC_00010003'
        """
        if not reference.startswith("AT_"):
            return reference
        return self.formats.get(reference) or f"AC_{reference[3:11]}"


class AdmError(ValueError):
    """A document that cannot be used.

    Attributes:
        problems: all problems, one line each.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
