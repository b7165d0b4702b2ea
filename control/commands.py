"""What a peer can ask for, as frozen values: the meaning of a message once its dialect is taken off.

A codec makes these from bytes, the hub carries them out. Addresses are those of the parameter table and may be
patterns; arguments are still unchecked, because what is allowed can depend on the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Value = float | int | str | bool
"""One argument of a parameter."""


class RefusedError(ValueError):
    """A command that cannot be carried out; the message names the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Give every parameter that the address describes these arguments."""

    address: str
    arguments: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer with the present value of every parameter that the address describes."""

    address: str


@dataclass(frozen=True, slots=True)
class SaveScene:
    """Keep the present scene under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class LoadScene:
    """Take up a kept scene, cross-faded over `fade_s` seconds."""

    name: str
    fade_s: float = 0.0


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


@dataclass(frozen=True, slots=True)
class Problem:
    """A message that could not be understood or carried out."""

    address: str
    reason: str
    unknown: bool = False
    """Whether the address describes nothing at all."""


Command = SetParameter | Ask | SaveScene | LoadScene | Subscribe | Unsubscribe | Renew | Ping


@dataclass(frozen=True, slots=True)
class Timed:
    """A command, or the problem in its place, and when it is due."""

    at_s: float | None
    """Seconds since the epoch; None is at once."""
    command: Command | Problem
