"""From an address to the parameters it describes, and what commands do there. Everything here is pure.

A literal address costs three look-ups at most; a pattern is compared with every row and object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from stemfield.control.adm_parameters import ADM_ROWS
from stemfield.control.arguments import accept_all, did_you_mean, shown
from stemfield.control.commands import Problem, RefusedError, SetParameter
from stemfield.control.parameters import TABLE
from stemfield.control.patterns import is_pattern, matches
from stemfield.control.rows import Key, Parameter, Values, found_object
from stemfield.control.venue import Venue
from stemfield.renderer.scene import Scene

ROWS = (*TABLE, *ADM_ROWS)
"""Every address of every dialect that has addresses for its values."""

_PLAIN = {p.address: p for p in ROWS if not p.variable}
_KEYED = {tuple(p.address.split(p.variable)): p for p in ROWS if p.variable}
"""By what stands before and behind the variable part, which is the last one or the one before."""
_TRIGGERS = {(len(p.parts), p.parts[-1]) for p in ROWS if p.access == "trigger"}
OBJECTS = ("{o}", "{n}")
"""The variable parts that stand for an object; the key is its id."""

_MAX_ID_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Route:
    """One concrete address: a row of the table and what it is about."""

    parameter: Parameter
    key: Key
    address: str


def routes(address: str, scene: Scene, venue: Venue) -> Sequence[Route]:
    """Everything in this scene that an address or address pattern describes, in the order of the table.

    Args:
        address: such as `/object/vocals/aed`, `/object/0/aed` or `/object/*/a[!z]*`.
        scene: says which objects there are.
        venue: says which loudspeakers and instruments there are.

    Raises:
        PatternError: the pattern cannot be read.
    """
    if is_pattern(address):
        parts = address[1:].split("/")
        return [route for parameter in ROWS for route in _described(parameter, parts, scene, venue)]
    if plain := _PLAIN.get(address):
        return (Route(plain, None, address),)
    above, _, last = address.rpartition("/")
    head, _, middle = above.rpartition("/")
    if keyed := _KEYED.get((f"{head}/", f"/{last}")):
        key = _key(keyed, middle, scene, venue)
    elif keyed := _KEYED.get((f"{above}/", "")):
        key = _key(keyed, last, scene, venue)
    else:
        return ()
    return () if key is None else (Route(keyed, key, address),)


def every_route(scene: Scene, venue: Venue) -> Iterator[Route]:
    """All concrete addresses, objects by their names."""
    for parameter in ROWS:
        if not parameter.variable:
            yield Route(parameter, None, parameter.address)
        for name, key in _keys(parameter, scene, venue):
            yield Route(parameter, key, _concrete(parameter, name))


def is_trigger(address: str) -> bool:
    """Whether a message without arguments means to trigger something rather than to ask.

    The last part has to be spelt out: a question such as `/object/*/*` must not remove anything.
    """
    parts = address[1:].split("/")
    return (len(parts), parts[-1]) in _TRIGGERS


def apply(
    scene: Scene, command: SetParameter, venue: Venue, held: Callable[[int], str] | None = None
) -> tuple[Scene, tuple[Problem, ...]]:
    """The scene after a command, and what could not be done.

    Numbers out of range are clamped; whatever is refused leaves its value alone.

    Args:
        scene: before.
        command: what to set.
        venue: what there is.
        held: says of an object, by its id, why its sender may not change it, or nothing.
    """
    problems = []
    try:
        found = routes(command.address, scene, venue)
    except RefusedError as refusal:
        return scene, (Problem(command.address, str(refusal)),)
    if not found:
        return scene, (Problem(command.address, "unknown address", unknown=True),)
    for route in found:
        parameter = route.parameter
        if parameter.write is None:
            if len(found) == 1:
                problems.append(Problem(route.address, "can be asked for, not set"))
            continue
        if parameter.access == "trigger" and not is_trigger(command.address):
            continue
        if reason := venue.elsewhere(parameter.address):
            if len(found) == 1:
                problems.append(Problem(route.address, reason))
            continue
        try:
            given = command.arguments
            key = route.key if parameter.variable in OBJECTS else None
            if command.in_dmax and isinstance(key, int):
                given = _in_metres(given, parameter, found_object(scene, key).dmax_m)
            values = accept_all(parameter.arguments, given)
            if held is not None and isinstance(key, int) and (reason := held(key)):
                problems.append(Problem(route.address, reason, conflict=True))
                continue
            scene = parameter.write(scene, route.key, values, venue)
        except RefusedError as refusal:
            problems.append(Problem(route.address, str(refusal)))
    return scene, tuple(problems)


def answers(address: str, scene: Scene, venue: Venue) -> list[tuple[Route, Values]]:
    """The present values of everything readable that the address describes.

    Raises:
        RefusedError: the pattern cannot be read, or the address is one that holds no value.
    """
    found = routes(address, scene, venue)
    readable = [(r, v) for r in found if (v := r.parameter.values(scene, r.key, venue)) is not None]
    if found and not readable:
        raise RefusedError(f"holds no value; it takes {_takes(found[0].parameter)}")
    return readable


def suggestion(address: str, scene: Scene, venue: Venue) -> str:
    """What is wrong with an address that describes nothing, and what may have been meant."""
    parts = address[1:].split("/")
    heads = {p.parts[0]: None for p in ROWS}
    if parts[0] not in heads:
        return f"no {shown(parts[0])} here{did_you_mean(parts[0], heads)}"
    for keyed in () if is_pattern(address) else (p for p in ROWS if p.variable and len(p.parts) == len(parts)):
        at = keyed.parts.index(keyed.variable)
        if keyed.parts[:at] != tuple(parts[:at]):
            continue
        if _key(keyed, parts[at], scene, venue) is None:
            names = [name for name, _ in _keys(keyed, scene, venue)]
            return f"no {_KINDS[keyed.variable]} {shown(parts[at])}{did_you_mean(parts[at], names)}"
        lasts = [p.parts[-1] for p in ROWS if p.parts[: at + 1] == keyed.parts[: at + 1]]
        return f"no {shown(parts[-1])} here{did_you_mean(parts[-1], lasts)}"
    known = [p.address for p in ROWS if p.parts[0] == parts[0]]
    return f"describes nothing{did_you_mean(address, known)}"


_KINDS = {"{o}": "object", "{n}": "object", "{group}": "group", "{label}": "loudspeaker", "{stem}": "instrument"}


def _in_metres(given: Sequence[object], parameter: Parameter, dmax_m: float) -> Sequence[object]:
    """Arguments of which those that the table has in metres were given as multiples of `dmax_m`."""
    return [
        value * dmax_m if argument.unit == "distance.m" and isinstance(value, int | float) else value
        for argument, value in zip(parameter.arguments, given, strict=False)
    ]


def _takes(parameter: Parameter) -> str:
    return " ".join(f"{a.name} ({a.tag})" for a in parameter.arguments) or "no arguments"


def _concrete(parameter: Parameter, name: str) -> str:
    return parameter.address.replace(parameter.variable, name)


def _keys(parameter: Parameter, scene: Scene, venue: Venue) -> list[tuple[str, Key]]:
    """The names that can stand in the variable part, each with what the row calls it."""
    match parameter.variable:
        case "{o}":
            return [(o.name, o.id) for o in scene.objects]
        case "{n}":
            return [(str(o.id + 1), o.id) for o in scene.objects]
        case "{group}":
            return [(str(number), number) for number in sorted({o.group for o in scene.objects} | set(scene.groups))]
        case "{label}":
            return [(label, label) for label in venue.labels]
        case "{stem}":
            return [(stem, stem) for stem in venue.stems]
    return []


def _key(parameter: Parameter, name: str, scene: Scene, venue: Venue) -> Key:
    """What the row calls the thing of this name (or id), or None."""
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
            return name if name in venue.labels else None
        case _:
            return name if name in venue.stems else None


def _described(parameter: Parameter, parts: list[str], scene: Scene, venue: Venue) -> Iterator[Route]:
    """The routes of one row that a pattern, taken apart, describes."""
    own, variable = parameter.parts, parameter.variable
    if len(parts) != len(own):
        return
    if not all(part == variable or matches(pattern, part) for pattern, part in zip(parts, own, strict=True)):
        return
    if not variable:
        yield Route(parameter, None, parameter.address)
        return
    asked = parts[own.index(variable)]
    for name, key in _keys(parameter, scene, venue):
        if matches(asked, name):
            yield Route(parameter, key, _concrete(parameter, name))
        elif variable == "{o}" and matches(asked, str(key)):
            yield Route(parameter, key, _concrete(parameter, str(key)))
