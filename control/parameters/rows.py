"""Rows of the parameter table, and functions that make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from stemfield.control.parameters.argument import Argument, Value
from stemfield.control.parameters.commands import Command
from stemfield.control.parameters.context import Context
from stemfield.renderer.scene.scene import (
    DistanceLaw,
    Group,
    Kind,
    Levelling,
    Scene,
    SceneObject,
    Separation,
    SpeakerTrim,
)

K = TypeVar("K")
V = TypeVar("V")
_Value = TypeVar("_Value", SceneObject, Scene, SpeakerTrim, Separation, DistanceLaw, Levelling, Group)

Values = tuple[Value, ...]

_NEW_OBJECT = SceneObject(0, "", "input", ())

Key = int | str | None
"""Subject of a row: id of an object, label of a loudspeaker, name of an instrument, or None for the scene."""

Access = Literal["value", "trigger", "action", "status"]
"""A `value` can be set and queried; a `trigger` changes the scene and has no value; an `action` is a command of its
own; a `status` is a live value that can only be queried."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table."""

    address: str
    """With `{o}` for an object, `{group}`, `{label}` for a loudspeaker, `{stem}` for an instrument, as the last part or
    the one before."""
    arguments: tuple[Argument, ...]
    description: str
    access: Access = "value"
    default: Values = ()
    """Values in a new scene; empty if they depend on the object."""
    stored: bool = False
    """Whether scene files contain it; what follows from another row (`aed` from `position`) is not stored."""
    read: Callable[[Scene, Any], Values] | None = None
    """Returns the values in a scene, given the key of the row."""
    write: Callable[[Scene, Any, Values, Context], Scene] | None = None
    """Returns the scene with other values, which have been checked already. Raises RefusedError."""
    change: Callable[..., SceneObject] | None = None
    """For a row about one object: returns the object with other values, which are the further arguments."""
    command: Callable[..., Command] | None = None
    """The command that an `action` row makes of its arguments."""
    changes: bool = False
    """Whether a peer with read-only access may not send an `action`."""
    field: str = ""
    """Field of the object, or of the scene, that the row is about; only needed with `recall`."""
    recall: Kind | None = None
    """The kind of things with which loading a scene restores this field."""
    page: bool = False
    """Whether the panner page follows it, of a row about an object."""
    watch: Callable[[Any, Any], Values] | None = None
    """For a `status` row: returns the values of the status, given the key of the row."""

    def values(self, scene: Scene, key: Any, context: Context) -> Values | None:
        """The current values; None if the row has none."""
        if self.read is not None:
            return self.read(scene, key)
        return None if self.watch is None else self.watch(context.status, key)

    @property
    def tags(self) -> str:
        """OSC type tags, such as `fff`."""
        return "".join(argument.tag for argument in self.arguments)

    @property
    def variable(self) -> str:
        """The variable part, such as `{o}`, or empty."""
        return _variable(self.address)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the address, such as `("object", "{o}", "aed")`."""
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
    field: str = "",
    recall: Kind | None = None,
    page: bool = False,
) -> Parameter:
    """A row about one object, which is stored if it has a kind (`recall`).

    `read` returns the values of an object, `change` the object with other values, which are its further arguments.
    `field` is the stored field, if its name is not that of the row. `Parameter` describes the others.
    """
    return Parameter(
        f"/object/{{o}}/{name}",
        arguments,
        description,
        default=default,
        stored=recall is not None,
        read=lambda scene, key: read(found_object(scene, key)),
        write=lambda scene, key, values, _: scene.with_object(change(found_object(scene, key), *values)),
        change=change,
        field=field or name,
        recall=recall,
        page=page,
    )


def changed(thing: _Value, field: str, value: Any) -> _Value:
    """A copy with one field changed."""
    return replace(thing, **{field: value})


def component(
    index: int, read: Callable[[_Value], Values], change: Callable[..., _Value]
) -> tuple[Callable[[_Value], Values], Callable[[_Value, Value], _Value]]:
    """How to read and to change one of several values, given how to read and to change all of them."""

    def change_one(thing: _Value, value: Value) -> _Value:
        values = list(read(thing))
        values[index] = value
        return change(thing, *values)

    return lambda thing: (read(thing)[index],), change_one


def object_field(field: str, argument: Argument, description: str, *, recall: Kind, page: bool = False) -> Parameter:
    """A row that is one field of an object."""
    return object_row(
        argument.name,
        (argument,),
        description,
        lambda o: (getattr(o, field),),
        lambda o, value: changed(o, field, value),
        default=(getattr(_NEW_OBJECT, field),),
        field=field,
        recall=recall,
        page=page,
    )


def scene_field(
    address: str,
    path: str,
    argument: Argument,
    description: str,
    *,
    show: Callable[[Any], Value] = lambda value: value,
    parse: Callable[[Any], object] = lambda value: value,
    recall: Kind | None,
) -> Parameter:
    """A row that is one field of the scene, such as `amount`, or of a part of it, such as `separation.bypass`.

    `show` makes the value of the row from that of the field, and `parse` the other way round.
    """
    read = attrgetter(path)
    field, _, inner = path.partition(".")

    def write(scene: Scene, _: None, values: Values, __: Context) -> Scene:
        value = parse(values[0])
        return changed(scene, field, changed(getattr(scene, field), inner, value) if inner else value)

    return Parameter(
        address,
        (argument,),
        description,
        default=(show(read(Scene(()))),),
        stored=True,
        read=lambda scene, _: (show(read(scene)),),
        write=write,
        field=field,
        recall=recall,
    )


def speaker_field(field: str, argument: Argument, description: str) -> Parameter:
    """A row that is one field of the trim of a loudspeaker."""

    def write(scene: Scene, label: str, values: Values, _: Context) -> Scene:
        trim = changed(scene.speakers.get(label, SpeakerTrim()), field, values[0])
        return replace(scene, speakers=with_entry(scene.speakers, label, trim))

    return Parameter(
        f"/speaker/{{label}}/{argument.name}",
        (argument,),
        description,
        default=(getattr(SpeakerTrim(), field),),
        stored=True,
        read=lambda scene, label: (getattr(scene.speakers.get(label, SpeakerTrim()), field),),
        write=write,
    )


def trigger(address: str, description: str, change: Callable[[Scene, Any, Context], Scene]) -> Parameter:
    """A row that acts when it is called, without arguments or like a button: 1 when pressed, 0 when released."""
    return Parameter(
        address,
        (Argument("T", "pressed", optional=True),),
        description,
        "trigger",
        write=lambda scene, key, values, context: scene if values == (False,) else change(scene, key, context),
    )


def found_object(scene: Scene, key: int) -> SceneObject:
    """The object of a route."""
    found = scene.find(key)
    assert found is not None, f"no object {key}"
    return found


def with_entry(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """A read-only copy of the mapping with one entry set."""
    return MappingProxyType({**mapping, key: value})
