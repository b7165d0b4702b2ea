"""What a peer can ask for, as frozen values: the meaning of a message once its dialect is taken off.

A codec makes these from bytes, the hub carries them out. Addresses are those of the parameter table and may be
patterns; arguments are still unchecked, because what is allowed can depend on the scene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Value = float | int | str | bool
"""One argument of a parameter."""


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Give every parameter that the address describes these arguments."""

    address: str
    arguments: Sequence[object] = ()
    dialect: str = "osc"
    """By which the sender's rank goes."""
    touch: bool | None = None
    """Whether the sender says besides that it holds the object (True) or lets it go (False)."""
    in_dmax: bool = False
    """Whether what the table has in metres is given as multiples of the object's `dmax`."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Make an object what a scene message says of it: all of it or nothing; one that is not there is added."""

    id: int
    type: str | None
    """None leaves it."""
    channels: Sequence[int] | None
    """None leaves them."""
    settings: Mapping[str, Sequence[object]]
    """Arguments of the object's parameters, by their names."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer with the present value of every parameter that the address describes."""

    address: str


@dataclass(frozen=True, slots=True)
class SaveScene:
    """Keep the present scene under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteScene:
    """Forget a kept scene."""

    name: str


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the last step back; of a button, when it is pressed."""

    pressed: bool = True


@dataclass(frozen=True, slots=True)
class Redo:
    """Take a step that was undone again; of a button, when it is pressed."""

    pressed: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """Begin to record what changes."""

    name: str


@dataclass(frozen=True, slots=True)
class Capture:
    """Record every change and the sound of every object, under a name of their own."""

    name: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play a recording back."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteRecording:
    """Forget a recording."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End recording or playing; of a button, when it is pressed."""

    pressed: bool = True


@dataclass(frozen=True, slots=True)
class LoadScene:
    """Take up a kept scene, cross-faded over `fade_s` seconds."""

    name: str
    fade_s: float = 0.0
    scope: str | None = None
    """Kinds of things between commas; None is what the scene asks for."""
    without: str | None = None
    """Objects between commas; None is what the scene asks for."""
    address: str = "/scene/load"
    """Where it was asked for."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Tell the sender, at most `rate_hz` times a second, what changes among the parameters that the pattern describes.

    `port` is where to; None is the sender's own.
    """

    pattern: str
    rate_hz: int = 20
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End the sender's subscription to this pattern, or all of them without one."""

    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Renew:
    """Let the sender's subscription to this pattern, or all of them without one, live on."""

    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer `/pong` with the same arguments, which stay as the bytes they came in (type tags and data)."""

    arguments: bytes
    answer: str = "/pong"


@dataclass(frozen=True, slots=True)
class Touch:
    """The sender holds the objects that the address describes, or lets them go."""

    address: str
    """Of objects, such as `/object/vocals` or `/adm/obj/*`."""
    held: bool
    dialect: str = "osc"


@dataclass(frozen=True, slots=True)
class Problem:
    """A message that could not be understood or carried out."""

    address: str
    reason: str
    unknown: bool = False
    """Whether the address describes nothing at all."""
    conflict: bool = False
    """Whether somebody else holds the object."""


Command = (
    SetParameter
    | Describe
    | Ask
    | SaveScene
    | LoadScene
    | DeleteScene
    | Undo
    | Redo
    | Subscribe
    | Unsubscribe
    | Renew
    | Ping
    | Touch
    | Record
    | Capture
    | Play
    | DeleteRecording
    | Stop
)


@dataclass(frozen=True, slots=True)
class Timed:
    """A command, or the problem in its place, and when it is due."""

    at_s: float | None
    """Seconds since the epoch; None is at once."""
    command: Command | Problem
