"""The Audio Definition Model (ITU-R BS.2076) as frozen values: what of a document decides how it sounds.

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
"""Of channels and packs; the place is the number in their IDs, from 1."""

SILENT_UID = "ATU_00000000"
"""A track without sound."""


def same_id(ident: str) -> str:
    """An ID in the spelling in which all are compared: BS.2076 has its hexadecimal digits in either case.

    >>> same_id(" at_0003100A_01 ")
    'AT_0003100a_01'
    """
    prefix, line, number = ident.strip().partition("_")
    return prefix.upper() + line + number.lower()


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the room that plays no sound of an object: between two corners, both included."""

    cartesian: bool
    low: tuple[float, ...]
    """Azimuth and elevation, of loudspeakers distance too; or X, Y, Z. Azimuths from the first anticlockwise."""
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Where and how an object is heard for some time."""

    start_s: Fraction = Fraction(0)
    """From the beginning of the object."""
    duration_s: Fraction | None = None
    """Until the end of the object where it is not given."""
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
    """0..1: how much of it is decorrelated."""
    jump: bool = False
    """Whether it is there within `interpolation_s` instead of on the way for the whole block."""
    interpolation_s: Fraction = Fraction(0)
    lock: float | None = None
    """It is played by the nearest loudspeaker that is no farther away than this (inf: any)."""
    divergence: float = 0.0
    """0..1: how much of it is shared by two others to both sides."""
    divergence_range: float = 0.0
    """How far away those are: degrees, or a part of the cube."""
    zones: tuple[Zone, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeakerBlock:
    """Which loudspeaker plays a channel for some time."""

    start_s: Fraction = Fraction(0)
    duration_s: Fraction | None = None
    labels: tuple[str, ...] = ()
    cartesian: bool = False
    position: tuple[float, float, float] = (0.0, 0.0, 1.0)
    """For rooms that have no loudspeaker of this label."""
    bounds: Zone | None = None
    """Within these another loudspeaker may play it."""
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Channel:
    """An audioChannelFormat."""

    id: str
    name: str
    kind: Kind
    blocks: tuple[Block, ...] | tuple[SpeakerBlock, ...] = ()
    """Nothing for kinds that are not played here."""
    lfe: bool = False
    """Whether it holds nothing above 200 Hz."""


@dataclass(frozen=True, slots=True)
class Track:
    """An audioTrackUID."""

    uid: str
    format: str = ""
    """ID of its audioTrackFormat or audioChannelFormat; what chna says where it is not given."""
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
    """IDs of those that it is made of."""
    instead: tuple[str, ...] = ()
    """IDs of those that may be played in its place (audioComplementaryObject)."""
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
    """Everything by its ID, in the order of the file."""

    programmes: Mapping[str, Programme] = field(default_factory=lambda: MappingProxyType({}))
    contents: Mapping[str, Content] = field(default_factory=lambda: MappingProxyType({}))
    objects: Mapping[str, AudioObject] = field(default_factory=lambda: MappingProxyType({}))
    channels: Mapping[str, Channel] = field(default_factory=lambda: MappingProxyType({}))
    tracks: Mapping[str, Track] = field(default_factory=lambda: MappingProxyType({}))
    formats: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The audioChannelFormat of each audioTrackFormat, as far as the document says."""
    unknown: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the channels are of a kind that BS.2076 does not have."""
    notes: tuple[str, ...] = ()
    """What of it is not played as it asks for."""

    def channel_of(self, reference: str) -> str:
        """ID of the channel that a track's format stands for: as its own ID says where nothing else does.

        >>> Document().channel_of("AT_00010003_01")
        'AC_00010003'
        """
        if not reference.startswith("AT_"):
            return reference
        return self.formats.get(reference) or f"AC_{reference[3:11]}"


class AdmError(ValueError):
    """A document that cannot be used.

    Attributes:
        problems: every one that was found, one line each.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
