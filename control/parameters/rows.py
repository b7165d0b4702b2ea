"""What a row of the parameter table is, and the ways to make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from stemfield.control.parameters.argument import Argument, Value
from stemfield.control.parameters.commands import Command
from stemfield.control.parameters.context import Context
from stemfield.renderer.scene.scene import DistanceLaw, Group, Kind, Scene, SceneObject, Separation, SpeakerTrim

K = TypeVar("K")
V = TypeVar("V")
_Value = TypeVar("_Value", SceneObject, Scene, SpeakerTrim, Separation, DistanceLaw, Group)

Values = tuple[Value, ...]

Key = int | str | None
"""What a row is about: an object's id, a loudspeaker's label, an instrument's name, or the scene."""

Access = Literal["value", "trigger", "action", "status"]
"""A `value` is written and asked for; a `trigger` changes the scene and holds nothing; an `action` is the hub's; a
`status` is what is measured and counted, asked for only."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table."""

    address: str
    """With `{o}` for an object, `{group}`, `{label}` for a loudspeaker, `{stem}` for an instrument; the variable part
    is the last one or the one before."""
    arguments: tuple[Argument, ...]
    description: str
    access: Access = "value"
    default: Values = ()
    """What a new scene has here; empty where that depends on the object."""
    stored: bool = False
    """Whether scene files hold it; what follows from another row (`aed` from `position`) is not stored."""
    read: Callable[[Scene, Any], Values] | None = None
    """The values in a scene, given the row's key."""
    write: Callable[[Scene, Any, Values, Context], Scene] | None = None
    """The scene with other values, which have been accepted already. Raises RefusedError."""
    change: Callable[..., SceneObject] | None = None
    """Of a row that concerns one object alone: the object with other values, which follow it as arguments."""
    command: Callable[..., Command] | None = None
    """The command that an `action` row makes of its arguments."""
    changes: bool = False
    """Whether a peer with read-only access may not send an `action`."""
    fields: tuple[str, ...] = ()
    """Fields of the object, or of the scene, that the row is about; only needed with `recall`."""
    recall: Kind | None = None
    """The kind of things with which loading a scene restores these fields."""
    page: bool = False
    """Whether the panner page follows it, of a row about an object."""
    watch: Callable[[Any, Any], Values] | None = None
    """The values in the daemon's status, given the row's key, of a `status` row."""

    def values(self, scene: Scene, key: Any, context: Context) -> Values | None:
        """What it is now; None for what holds no value."""
        if self.read is not None:
            return self.read(scene, key)
        return None if self.watch is None else self.watch(context.status, key)

    @property
    def tags(self) -> str:
        """Type tags of OSC, as `fff`."""
        return "".join(argument.tag for argument in self.arguments)

    @property
    def variable(self) -> str:
        """The variable part, as `{o}`, or nothing."""
        return _variable(self.address)

    @property
    def parts(self) -> tuple[str, ...]:
        """The address taken apart, as `("object", "{o}", "aed")`."""
        return tuple(self.address[1:].split("/"))


@cache
def _variable(address: str) -> str:
    return next((part for part in address.split("/") if part.startswith("{")), "")


def object_row(
    name: str,
    arguments: tuple[Argument, ...],
    description: str,
    read: Callable[[SceneObject], Values],
    change: Callable[..., SceneObject],
    *,
    default: Values = (),
    stored: bool = False,
    fields: tuple[str, ...] = (),
    recall: Kind | None = None,
    page: bool = False,
) -> Parameter:
    """A row that concerns one object alone.

    Args:
        name: last part of the address.
        arguments: what it takes.
        description: for the manual.
        read: the values of an object.
        change: the object with other values, which follow it as arguments.
        default: of a new object.
        stored: whether scene files hold it.
        fields: see `Parameter`.
        recall: see `Parameter`.
        page: see `Parameter`.
    """
    return Parameter(
        f"/object/{{o}}/{name}",
        arguments,
        description,
        default=default,
        stored=stored,
        read=lambda scene, key: read(found_object(scene, key)),
        write=lambda scene, key, values, _: scene.with_object(change(found_object(scene, key), *values)),
        change=change,
        fields=fields,
        recall=recall,
        page=page,
    )


def changed(thing: _Value, field: str, value: Any) -> _Value:
    """A copy with one field changed."""
    return replace(thing, **{field: value})


def object_field(
    field: str, argument: Argument, description: str, default: Value, *, recall: Kind, page: bool = False
) -> Parameter:
    """A row that is one field of an object."""
    return object_row(
        argument.name,
        (argument,),
        description,
        lambda o: (getattr(o, field),),
        lambda o, value: changed(o, field, value),
        default=(default,),
        stored=True,
        fields=(field,),
        recall=recall,
        page=page,
    )


def scene_field(
    address: str, field: str, argument: Argument, description: str, default: Value, *, recall: Kind
) -> Parameter:
    """A row that is one field of the scene."""
    return Parameter(
        address,
        (argument,),
        description,
        default=(default,),
        stored=True,
        read=lambda scene, _: (getattr(scene, field),),
        write=lambda scene, _, values, __: changed(scene, field, values[0]),
        fields=(field,),
        recall=recall,
    )


def speaker_field(field: str, argument: Argument, description: str, default: Value) -> Parameter:
    """A row that is one field of a loudspeaker's trim."""

    def write(scene: Scene, label: str, values: Values, _: Context) -> Scene:
        trim = changed(scene.speakers.get(label, SpeakerTrim()), field, values[0])
        return replace(scene, speakers=with_entry(scene.speakers, label, trim))

    return Parameter(
        f"/speaker/{{label}}/{argument.name}",
        (argument,),
        description,
        default=(default,),
        stored=True,
        read=lambda scene, label: (getattr(scene.speakers.get(label, SpeakerTrim()), field),),
        write=write,
    )


def part_field(
    address: str, part: str, field: str, argument: Argument, description: str, default: Value, *, recall: Kind
) -> Parameter:
    """A row that is one field of a part of the scene, which is a value of its own."""
    return Parameter(
        address,
        (argument,),
        description,
        default=(default,),
        stored=True,
        read=lambda scene, _: (getattr(getattr(scene, part), field),),
        write=lambda scene, _, values, __: changed(scene, part, changed(getattr(scene, part), field, values[0])),
        fields=(part,),
        recall=recall,
    )


def trigger(address: str, description: str, change: Callable[[Scene, Any, Context], Scene]) -> Parameter:
    """A row that acts when it is called: without arguments, or as a button does, with 1 when pressed, 0 when let go."""
    return Parameter(
        address,
        (Argument("T", "pressed", optional=True),),
        description,
        "trigger",
        write=lambda scene, key, values, context: scene if values == (False,) else change(scene, key, context),
    )


def found_object(scene: Scene, key: int) -> SceneObject:
    """The object that a route led to."""
    found = scene.find(key)
    assert found is not None, f"no object {key}"
    return found


def with_entry(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """A frozen copy of the mapping with one entry set."""
    return MappingProxyType({**mapping, key: value})
