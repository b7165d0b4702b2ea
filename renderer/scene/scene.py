"""The scene: objects with their positions and levels, and everything else that decides how a room sounds.

A scene is a frozen value. Control makes a new one from a command (`dataclasses.replace`).
Positions are metres in the convention of `stemfield.layouts.coordinates`: x front, y left, z up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import EqBand

STEMS = ("vocals", "bass", "drums", "other")
"""The instruments of the default model, in the order of their object ids."""

RESIDUAL = "residual"
"""The object that plays what is in no stem, and the whole mixture while there are no stems."""

ObjectKind = Literal["stem", "input"]
TestSignal = Literal["none", "noise", "sweep", "spoken"]
Link = Literal["position", "level", "mute", "solo", "width"]
Kind = Literal[
    "positions", "gains", "eq", "groups", "objects", "separation", "master", "loudspeakers", "listener", "monitor"
]
"""Parts of a scene that can be recalled; `positions` is everything that decides where something is heard."""
ObjectType = Literal["point", "plane", "channel", "diffuse", "pointdiffuse", "pointextent"]
"""Types of S3A. `pointdiffuse` and `pointextent` are rendered as `point`, which may be diffuse and have an extent too.
A `plane` wave comes from its direction wherever the listener is, and no distance law holds for it."""

MAX_OBJECTS = 128
MAX_ID = 2**31 - 1
MAX_LEVEL = 10.0
SILENCE_DB = -120.0


@dataclass(frozen=True, slots=True)
class Sector:
    """A part of the room: from one azimuth anticlockwise to another, and between two elevations.

    -180 to 180 is all around.
    """

    azimuth_from_deg: float
    azimuth_to_deg: float
    elevation_from_deg: float = -90.0
    elevation_to_deg: float = 90.0

    def holds(self, azimuth_deg: float, elevation_deg: float) -> bool:
        """Whether a direction lies in it.

        >>> behind = Sector(120.0, -120.0)
        >>> behind.holds(180.0, 0.0), behind.holds(-150.0, 30.0), behind.holds(0.0, 0.0)
        (True, True, False)
        """
        wide = self.azimuth_to_deg - self.azimuth_from_deg
        wide = 360.0 if wide >= 360.0 else wide % 360.0
        inside = (azimuth_deg - self.azimuth_from_deg) % 360.0 <= wide
        return inside and self.elevation_from_deg <= elevation_deg <= self.elevation_to_deg


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One sound in the room.

    A stem object is stereo: its left and right side stand `width_deg` apart about its position. An input object
    plays the direct inputs named by `channels`.
    """

    id: int
    """From 0. The stems come first, then the residual, then the direct inputs."""
    name: str
    """Unique, 1 to 128 characters."""
    kind: ObjectKind
    channels: tuple[int, ...]
    """Stems: empty. Inputs: 0-based direct input channels."""
    type: ObjectType = "point"
    position: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Metres, x front, y left, z up."""
    level: float = 1.0
    """Linear, 0..10."""
    width_deg: float = 0.0
    """0..360. Of an object with one channel: its extent. Of a stereo object: the angle between its sides; these are
    points up to 180 degrees and stay left and right beyond, where each grows to half of everything."""
    height_deg: float = 0.0
    """0..180: the extent upwards, of every channel."""
    diffuseness: float = 0.0
    """0..1: the part of the power that comes from everywhere. All of a `diffuse` object's does."""
    mute: bool = False
    solo: bool = False
    group: int = 0
    priority: int = 0
    """0 is the highest, as in S3A."""
    outputs: tuple[tuple[str, ...], ...] = ()
    """Of a `channel` object: for each channel the labels of the loudspeakers that play it."""
    smooth_s: float = 0.05
    """Ramp time of moves and gains, 0..10."""
    channel_lock_deg: float = 0.0
    """0..180: a loudspeaker that is no farther from the source than this plays it alone."""
    exclude: tuple[str, ...] = ()
    """Loudspeakers that do not play it: labels, or patterns such as `U*`."""
    exclude_sector: Sector | None = None
    """Where no loudspeaker plays it."""
    eq: tuple[EqBand, ...] = ()
    dref: float = 1.0
    """ADM's reference distance, 0..1 of `dmax_m`: nearer sources are no louder."""
    dmax_m: float = 1.0
    """ADM's distance 1, in metres."""
    own_name: str = ""
    """Its name in the configuration, by which it is always found."""
    label: str = ""
    """Displayed in place of the name, up to 128 characters; empty for the name."""

    @property
    def title(self) -> str:
        """The displayed name."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class Identify:
    """A request for an identifying sound: the spoken label, a second of noise, or a sweep of five."""

    sound: TestSignal = "none"
    request: int = 0
    """Serial number, so that the same sound can be requested again."""


@dataclass(frozen=True, slots=True)
class SpeakerTrim:
    """The listener's settings of one loudspeaker."""

    gain_db: float = 0.0
    mute: bool = False
    solo: bool = False
    identify: Identify = Identify()


@dataclass(frozen=True, slots=True)
class Group:
    """Common settings of the objects with one `group` number."""

    gain_db: float = 0.0
    """-120..20, in addition to the objects' own levels."""
    mute: bool = False
    rotation_deg: float = 0.0
    """Rotation of the group to the left about the vertical axis, which its objects' positions already include."""
    links: tuple[Link, ...] = ("position",)
    """Values that a controller changes for all objects when it changes one."""
    mirrored: bool = False
    """Whether linked positions are mirrored left and right instead of moved alike."""


@dataclass(frozen=True, slots=True)
class Recall:
    """What recalling a stored scene changes."""

    scope: tuple[Kind, ...] = ("positions", "gains", "eq", "groups", "objects", "separation")
    without: tuple[str, ...] = ()
    """Objects that stay as they are: ids, names, or patterns such as `input*`."""
    follow: bool = False
    """Whether the scene of the music that begins is recalled."""


@dataclass(frozen=True, slots=True)
class Separation:
    """The listener's settings of the separator."""

    threshold: float = 0.0
    """0..1: a mask estimate below it is rejected and goes to the residual."""
    gains_db: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Re-scaling of a stem's mask, -120..20 dB; stems that are not named have 0."""
    bypass: bool = False
    model: str = ""
    """Name of a model card; empty for the configured one."""


@dataclass(frozen=True, slots=True)
class Levelling:
    """Whether, and to which loudness, the recording is levelled."""

    on: bool = False
    target_lufs: float = -18.0
    """-40..-10."""


@dataclass(frozen=True, slots=True)
class DistanceLaw:
    """The law by which gain depends on the distance from the listener."""

    law: Literal["none", "inverse", "adm"] = "none"
    """`inverse`: reference_m / distance. `adm`: by the object's dref and dmax_m, as in ADM-OSC."""
    reference_m: float = 1.0
    """0.01..100: nearer sources are no louder."""
    floor_db: float = -40.0
    """-120..0: farther sources are no softer."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides how the room sounds, apart from the layout."""

    objects: tuple[SceneObject, ...]
    amount: float = 1.0
    """0..1: 0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene."""
    master_gain_db: float = 0.0
    master_mute: bool = False
    levelling: Levelling = Levelling()
    night: bool = False
    """Whether loud passages are turned down and soft ones up."""
    speakers: Mapping[str, SpeakerTrim] = field(default_factory=lambda: MappingProxyType({}))
    groups: Mapping[int, Group] = field(default_factory=lambda: MappingProxyType({}))
    """By number; a group that is missing has the defaults."""
    separation: Separation = field(default_factory=Separation)
    distance: DistanceLaw = DistanceLaw()
    listener: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Position of the listener in metres."""
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Yaw to the left, pitch up, roll to the right, degrees: of the listener of the binaural monitor."""
    monitor_gain_db: float = 0.0
    """Of the binaural monitor alone."""
    monitor_mute: bool = False
    recall: Recall = Recall()
    """Belongs to the room; that of a scene file is ignored."""
    compare: bool = False
    """Whether the untouched recording plays instead, for comparison."""
    compare_gain_db: float = 0.0
    """Gain that makes it as loud as the scene, in addition to the master gain."""

    def find(self, key: int | str) -> SceneObject | None:
        """The object with this id, name or own name, or None."""
        if isinstance(key, int):
            at = self._place(key)
            return None if at is None else self.objects[at]
        named = next((o for o in self.objects if o.name == key), None)
        return named or next((o for o in self.objects if o.own_name == key != ""), None)

    def with_object(self, changed: SceneObject) -> Scene:
        """This scene with the object of the same id replaced."""
        at = self._place(changed.id)
        if at is None:
            return self
        return replace(self, objects=(*self.objects[:at], changed, *self.objects[at + 1 :]))

    def with_objects(self, changed: Mapping[int, SceneObject]) -> Scene:
        """This scene with some objects replaced, by their ids."""
        return replace(self, objects=tuple(changed.get(o.id, o) for o in self.objects)) if changed else self

    def _place(self, ident: int) -> int | None:
        """Index of the object with an id, which is nearly always the id."""
        if 0 <= ident < len(self.objects) and self.objects[ident].id == ident:
            return ident
        return next((at for at, o in enumerate(self.objects) if o.id == ident), None)


_STAGE = {
    "vocals": (0.0, 10.0),
    "bass": (0.0, 20.0),
    "drums": (0.0, 60.0),
    "other": (15.0, 150.0),
    RESIDUAL: (0.0, 60.0),
}
"""Elevation and width of each stem, in degrees; all are centred in front."""


def default_scene(inputs: Sequence[tuple[str, tuple[int, ...]]] = ()) -> Scene:
    """The default scene.

    The singer stands in front with the bass beside, the drums fill the stage, everything else is around and above it,
    and the residual stays where a stereo pair would play it.

    Args:
        inputs: name and 0-based channels of every direct input object; they stand in front, stereo ones as wide as a
            stereo pair.
    """
    stems = [
        SceneObject(number, name, "stem", (), "point", _in_front(elevation_deg), width_deg=width_deg, own_name=name)
        for number, (name, (elevation_deg, width_deg)) in enumerate(_STAGE.items())
    ]
    direct = [
        SceneObject(number, name, "input", channels, width_deg=60.0 if len(channels) > 1 else 0.0, own_name=name)
        for number, (name, channels) in enumerate(inputs, start=len(stems))
    ]
    return Scene((*stems, *direct))


def _in_front(elevation_deg: float) -> tuple[float, float, float]:
    x, y, z = cartesian(0.0, elevation_deg).tolist()
    return (x, y, z)
