"""The parameters that an address matches, and what commands do there. All functions are pure.

A literal address costs at most three look-ups; a pattern is compared with every row and object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from stemfield.control.parameters.adm_rows import ADM_ROWS
from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.commands import Problem, SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import is_pattern, matches
from stemfield.control.parameters.rows import Key, Parameter, Values
from stemfield.control.parameters.table import TABLE
from stemfield.layouts.problems import RefusedError, did_you_mean, shown
from stemfield.renderer.scene.scene import Scene, SceneObject

ROWS = (*TABLE, *ADM_ROWS)
"""Every address of native OSC and ADM-OSC."""

_PLAIN = {p.address: p for p in ROWS if not p.variable}
_KEYED = {tuple(p.address.split(p.variable)): p for p in ROWS if p.variable}
"""Rows by the text before and after the variable part."""
_TRIGGERS = {(len(p.parts), p.parts[-1]) for p in ROWS if p.access == "trigger"}
OBJECTS = ("{o}", "{n}")
"""Variable parts that stand for an object; the key is its id."""

VARIABLES = tuple(dict.fromkeys(p.variable for p in ROWS if p.variable))
_MAX_ID_DIGITS = 10
_REMEMBERED = 32
"""Number of cached patterns: `/*/*/*` has about 4000 routes with 128 objects."""


Candidates = tuple[tuple[tuple[str, ...], Key], ...]
"""For each thing its names and its key."""


@dataclass(frozen=True, slots=True)
class Route:
    """One concrete address: a row of the table and its key."""

    parameter: Parameter
    key: Key
    address: str


def routes(address: str, scene: Scene, context: Context) -> Sequence[Route]:
    """Everything that an address or address pattern matches, in the order of the table.

    Args:
        address: such as `/object/vocals/aed`, `/object/0/aed` or `/object/*/a[!z]*`.
        scene: has the objects.
        context: has the loudspeakers and instruments.

    Raises:
        PatternError: invalid pattern.
    """
    if is_pattern(address):
        return _matched(address, tuple(_candidates(variable, scene, context) for variable in VARIABLES))
    if plain := _PLAIN.get(address):
        return (Route(plain, None, address),)
    above, _, last = address.rpartition("/")
    head, _, middle = above.rpartition("/")
    if keyed := _KEYED.get((f"{head}/", f"/{last}")):
        key = _key(keyed, middle, scene, context)
    elif keyed := _KEYED.get((f"{above}/", "")):
        key = _key(keyed, last, scene, context)
    else:
        return ()
    return () if key is None else (Route(keyed, key, address),)


def every_route(scene: Scene, context: Context) -> Iterator[Route]:
    """All concrete addresses, with objects by their names."""
    for parameter in ROWS:
        if not parameter.variable:
            yield Route(parameter, None, parameter.address)
        for name, key in _keys(parameter.variable, scene, context):
            yield Route(parameter, key, _concrete(parameter, name))


def is_trigger(address: str) -> bool:
    """Whether a message without arguments is a trigger rather than a query.

    The last part must be literal: a query such as `/object/*/*` must not remove anything.
    """
    parts = address[1:].split("/")
    return (len(parts), parts[-1]) in _TRIGGERS


def apply(
    scene: Scene, command: SetParameter, context: Context, refusal: Callable[[int], str] | None = None
) -> tuple[Scene, tuple[Problem, ...]]:
    """The scene after a command, and the problems.

    Numbers out of range are clamped; refused values stay as they were.

    Args:
        scene: before.
        command: what to set.
        context: fixed surroundings.
        refusal: returns why the sender may not change an object, by its id, or nothing.
    """
    try:
        found = routes(command.address, scene, context)
    except RefusedError as refused:
        return scene, (Problem(command.address, str(refused)),)
    if not found:
        return scene, (Problem(command.address, "unknown address", unknown=True),)
    return apply_at(found, scene, command, context, refusal, is_only=len(found) == 1)


def apply_at(
    found: Sequence[Route],
    scene: Scene,
    command: SetParameter,
    context: Context,
    refusal: Callable[[int], str] | None = None,
    *,
    is_only: bool,
) -> tuple[Scene, tuple[Problem, ...]]:
    """The same for some of the routes that the command matches.

    Args:
        found: the routes; objects that no longer exist are skipped.
        scene: before.
        command: what to set.
        context: fixed surroundings.
        refusal: see `apply`.
        is_only: whether the command matches nothing else. Of many routes, those that cannot be set are skipped.
    """
    problems = []
    objects: dict[int, SceneObject] = {}
    """Changed objects, which are put into the scene all at once."""
    accepted: tuple[Parameter, Values] | None = None
    for route in found:
        parameter = route.parameter
        key = route.key if parameter.variable in OBJECTS and isinstance(route.key, int) else None
        item = None if key is None else objects.get(key) or scene.find(key)
        if key is not None and item is None:
            continue
        if parameter.write is None:
            if is_only:
                problems.append(Problem(route.address, "can be queried, not set"))
            continue
        if parameter.access == "trigger" and not is_trigger(command.address):
            continue
        if reason := context.elsewhere(parameter.address):
            if is_only:
                problems.append(Problem(route.address, reason))
            continue
        try:
            if command.in_dmax and item is not None:
                given = _in_metres(command.arguments, parameter, item.dmax_m)
                values = accept_all(parameter.arguments, given)
            elif accepted is not None and accepted[0] is parameter:
                values = accepted[1]
            else:
                values = accept_all(parameter.arguments, command.arguments)
                accepted = parameter, values
            if refusal is not None and key is not None and (reason := refusal(key)):
                problems.append(Problem(route.address, reason, conflict=True))
                continue
            if parameter.change is not None and key is not None:
                objects[key] = parameter.change(item, *values)
                continue
            scene = scene.with_objects(objects)
            objects = {}
            scene = parameter.write(scene, route.key, values, context)
        except RefusedError as refused:
            problems.append(Problem(route.address, str(refused)))
    return scene.with_objects(objects), tuple(problems)


def readable(address: str, scene: Scene, context: Context) -> Sequence[Route]:
    """Everything that the address matches and that has a value.

    Raises:
        RefusedError: invalid pattern, or an address without value.
    """
    found = routes(address, scene, context)
    with_value = [route for route in found if route.parameter.read is not None or route.parameter.watch is not None]
    if found and not with_value:
        raise RefusedError(f"has no value; it takes {_takes(found[0].parameter)}")
    return with_value


def value_of(route: Route, scene: Scene, context: Context) -> Values | None:
    """The current values; None if the object no longer exists."""
    if route.parameter.variable in OBJECTS and isinstance(route.key, int) and scene.find(route.key) is None:
        return None
    return route.parameter.values(scene, route.key, context)


def suggestion(address: str, scene: Scene, context: Context) -> str:
    """Why an address matches nothing, and what may have been meant."""
    parts = address[1:].split("/")
    heads = {p.parts[0]: None for p in ROWS}
    if parts[0] not in heads:
        return f"no {shown(parts[0])} here{did_you_mean(parts[0], heads)}"
    for keyed in () if is_pattern(address) else (p for p in ROWS if p.variable and len(p.parts) == len(parts)):
        at = keyed.parts.index(keyed.variable)
        if keyed.parts[:at] != tuple(parts[:at]):
            continue
        if _key(keyed, parts[at], scene, context) is None:
            names = [name for name, _ in _keys(keyed.variable, scene, context)]
            return f"no {_KINDS[keyed.variable]} {shown(parts[at])}{did_you_mean(parts[at], names)}"
        lasts = [p.parts[-1] for p in ROWS if p.parts[: at + 1] == keyed.parts[: at + 1]]
        return f"no {shown(parts[-1])} here{did_you_mean(parts[-1], lasts)}"
    known = [p.address for p in ROWS if p.parts[0] == parts[0]]
    return f"matches nothing{did_you_mean(address, known)}"


_KINDS = {"{o}": "object", "{n}": "object", "{group}": "group", "{label}": "loudspeaker", "{stem}": "instrument"}


def _in_metres(given: Sequence[object], parameter: Parameter, dmax_m: float) -> Sequence[object]:
    """Arguments in metres, where they were given as multiples of `dmax_m`."""
    return [
        value * dmax_m if argument.unit == "distance.m" and isinstance(value, int | float) else value
        for argument, value in zip(parameter.arguments, given, strict=False)
    ]


def _takes(parameter: Parameter) -> str:
    return " ".join(f"{a.name} ({a.tag})" for a in parameter.arguments) or "no arguments"


def _concrete(parameter: Parameter, name: str) -> str:
    return parameter.address.replace(parameter.variable, name)


def _keys(variable: str, scene: Scene, context: Context) -> list[tuple[str, Key]]:
    """The names that a variable part can have, each with its key."""
    match variable:
        case "{o}":
            return [(o.name, o.id) for o in scene.objects]
        case "{n}":
            return [(str(o.id + 1), o.id) for o in scene.objects]
        case "{group}":
            return [(str(number), number) for number in sorted({o.group for o in scene.objects} | set(scene.groups))]
        case "{label}":
            return [(label, label) for label in context.labels]
        case "{stem}":
            return [(stem, stem) for stem in context.stems]
    return []


def _key(parameter: Parameter, name: str, scene: Scene, context: Context) -> Key:
    """The key of the thing with this name (or id), or None."""
    number = int(name) if name.isdecimal() and name.isascii() and len(name) <= _MAX_ID_DIGITS else None
    match parameter.variable:
        case "{o}":
            found = scene.find(name if number is None else number)
            return None if found is None else found.id
        case "{n}":
            found = None if number is None else scene.find(number - 1)
            return None if found is None else found.id
        case "{group}":
            return number
        case "{label}":
            return name if name in context.labels else None
        case _:
            return name if name in context.stems else None


@lru_cache(maxsize=_REMEMBERED)
def _matched(pattern: str, names: tuple[Candidates, ...]) -> tuple[Route, ...]:
    """What a pattern matches among these names, which are those of each of `VARIABLES`."""
    parts = pattern[1:].split("/")
    chosen: dict[tuple[str, str], list[tuple[str, Key]]] = {}
    found = []
    for parameter in ROWS:
        own, variable = parameter.parts, parameter.variable
        if len(parts) != len(own):
            continue
        if not all(part == variable or matches(asked, part) for asked, part in zip(parts, own, strict=True)):
            continue
        if not variable:
            found.append(Route(parameter, None, parameter.address))
            continue
        asked = parts[own.index(variable)]
        if (variable, asked) not in chosen:
            chosen[variable, asked] = list(_chosen(asked, names[VARIABLES.index(variable)]))
        found += [Route(parameter, key, _concrete(parameter, name)) for name, key in chosen[variable, asked]]
    return tuple(found)


def _candidates(variable: str, scene: Scene, context: Context) -> Candidates:
    """Names that a pattern may match, with their keys; an object under the first name that matches."""
    if variable == "{o}":
        return tuple((tuple(dict.fromkeys((o.name, o.own_name, str(o.id)))), o.id) for o in scene.objects)
    return tuple(((name,), key) for name, key in _keys(variable, scene, context))


def _chosen(asked: str, candidates: Candidates) -> Iterator[tuple[str, Key]]:
    """What one part of a pattern matches."""
    for names, key in candidates:
        name = next((one for one in names if one and matches(asked, one)), "")
        if name:
            yield name, key
