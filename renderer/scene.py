"""The scene: what plays, where, and how loud, as frozen values.

A scene is a value. Control makes a new one from a command (`dataclasses.replace`); gains follow from scene and layout.
Positions are metres in the convention of `stemfield.layouts.coordinates`: x front, y left, z up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from stemfield.layouts.coordinates import cartesian

STEMS = ("vocals", "bass", "drums", "other")
"""The instruments of the default model, in the order of their object ids."""

RESIDUAL = "residual"
"""The object that plays what no stem claims, and the whole mixture while there are no stems."""

ObjectKind = Literal["stem", "input"]
ObjectType = Literal["point", "plane", "channel"]

MAX_OBJECTS = 128
MAX_LEVEL = 10.0
SILENCE_DB = -120.0


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
    """0..360: the angle between the sides of a stereo object."""
    mute: bool = False
    solo: bool = False
    group: int = 0
    priority: int = 0
    """0 is the highest, as in S3A."""
    outputs: tuple[str, ...] = ()
    """Loudspeaker labels of a `channel` object, one a channel."""
    smooth_s: float = 0.05
    """Ramp time of moves and gains, 0..10."""


@dataclass(frozen=True, slots=True)
class SpeakerTrim:
    """The listener's setting of one loudspeaker."""

    gain_db: float = 0.0
    mute: bool = False


@dataclass(frozen=True, slots=True)
class Separation:
    """What the listener asks of the separator."""

    threshold: float = 0.0
    """0..1: a mask estimate below it is rejected and goes to the residual."""
    gains_db: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Re-scaling of a stem's mask, -120..20 dB; stems that are not named have 0."""
    bypass: bool = False
    model: str = ""
    """Name of a model card; empty for the configured one."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that decides how the room sounds, apart from the layout."""

    objects: tuple[SceneObject, ...]
    amount: float = 1.0
    """0..1: 0 plays the recording as it was mixed, from the stereo pair; 1 plays the scene."""
    master_gain_db: float = 0.0
    master_mute: bool = False
    speakers: Mapping[str, SpeakerTrim] = field(default_factory=lambda: MappingProxyType({}))
    separation: Separation = field(default_factory=Separation)

    def find(self, key: int | str) -> SceneObject | None:
        """The object with this id or name, or None."""
        return next((o for o in self.objects if key in (o.id, o.name)), None)

    def with_object(self, changed: SceneObject) -> Scene:
        """This scene with the object of the same id replaced."""
        return replace(self, objects=tuple(changed if o.id == changed.id else o for o in self.objects))


_STAGE = {
    "vocals": (0.0, 10.0),
    "bass": (0.0, 20.0),
    "drums": (0.0, 60.0),
    "other": (15.0, 150.0),
    RESIDUAL: (0.0, 60.0),
}
"""Elevation and width of each stem, in degrees; all are centred in front."""


def default_scene(inputs: Sequence[tuple[str, tuple[int, ...]]] = ()) -> Scene:
    """The scene that a listener hears before moving anything.

    The singer stands in front with the bass beside, the drums fill the stage, all else stands around and above it, and
    what no stem claims stays where a stereo pair would play it.

    Args:
        inputs: name and 0-based channels of every direct input object; they stand in front, stereo ones as wide as a
            stereo pair.
    """
    stems = [
        SceneObject(number, name, "stem", (), position=_in_front(elevation_deg), width_deg=width_deg)
        for number, (name, (elevation_deg, width_deg)) in enumerate(_STAGE.items())
    ]
    direct = [
        SceneObject(number, name, "input", channels, width_deg=60.0 if len(channels) > 1 else 0.0)
        for number, (name, channels) in enumerate(inputs, start=len(stems))
    ]
    return Scene((*stems, *direct))


def _in_front(elevation_deg: float) -> tuple[float, float, float]:
    x, y, z = cartesian(0.0, elevation_deg).tolist()
    return (x, y, z)
