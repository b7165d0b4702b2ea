"""What a peer can request, as frozen values: the meaning of a message, whatever its dialect.

A codec makes these from bytes and the hub carries them out. Addresses are those of the parameter table and may be
patterns; arguments are still unchecked, because what is allowed can depend on the scene. Commands with an address of
their own are in `actions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetParameter:
    """Set every parameter that the address matches."""

    address: str
    arguments: Sequence[object] = ()
    dialect: str = "osc"
    """Determines the sender's rank."""
    touch: bool | None = None
    """Whether the sender also takes hold of the object (True) or releases it (False)."""
    in_dmax: bool = False
    """Whether values that the table has in metres are multiples of the object's `dmax`."""


@dataclass(frozen=True, slots=True)
class UpsertObject:
    """Update an object as a scene message describes it, all of it or nothing; add it if it does not exist."""

    id: int
    type: str | None
    """None leaves it."""
    channels: Sequence[int] | None
    """None leaves them."""
    settings: Mapping[str, Sequence[object]]
    """Arguments of the object's parameters by name."""
    dialect: str = "s3a"
    """Determines the sender's rank."""

    @property
    def address(self) -> str:
        """What errors name."""
        return f"object {self.id}"


@dataclass(frozen=True, slots=True)
class Ask:
    """Reply with the value of every parameter that the address matches."""

    address: str


@dataclass(frozen=True, slots=True)
class Touch:
    """Take hold of the objects that the address matches, or release them."""

    address: str
    """Of objects, such as `/object/vocals` or `/adm/obj/*`."""
    held: bool
    dialect: str = "osc"


class Action:
    """A command that is a row of the parameter table."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A message that was not understood or not carried out."""

    address: str
    reason: str = ""
    """Empty for an address that is not in the table: the sender gets a suggestion from there."""
    unknown: bool = False
    """Whether the dialect has no such address."""
    conflict: bool = False
    """Whether another peer controls the object."""


Command = SetParameter | UpsertObject | Ask | Touch | Action


@dataclass(frozen=True, slots=True)
class Timed:
    """A command, or the problem in its place, and its time."""

    at_s: float | None
    """Seconds since the epoch; None is now."""
    command: Command | Problem
