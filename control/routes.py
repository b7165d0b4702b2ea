"""From an address to the parameters it describes, and what commands do there. Everything here is pure.

A literal address costs two look-ups; a pattern is compared with every row and object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stemfield.control.arguments import accept_all, did_you_mean, shown
from stemfield.control.commands import Problem, RefusedError, SetParameter
from stemfield.control.parameters import TABLE
from stemfield.control.patterns import is_pattern, matches
from stemfield.control.rows import Key, Parameter, Values
from stemfield.control.venue import Venue
from stemfield.renderer.scene import Scene

_PLAIN = {p.address: p for p in TABLE if "{" not in p.address}
_KEYED = {(p.parts[0], p.parts[2]): p for p in TABLE if "{" in p.address}
_TRIGGERS = {(len(p.parts), p.parts[-1]) for p in TABLE if p.access == "trigger"}
_MAX_ID_DIGITS = 9


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
        return [route for parameter in TABLE for route in _described(parameter, parts, scene, venue)]
    if plain := _PLAIN.get(address):
        return (Route(plain, None, address),)
    parts = address.split("/")
    if len(parts) != 4 or not (keyed := _KEYED.get((parts[1], parts[3]))):
        return ()
    key = _key(keyed, parts[2], scene, venue)
    return () if key is None else (Route(keyed, key, address),)


def every_route(scene: Scene, venue: Venue) -> Iterator[Route]:
    """All concrete addresses, objects by their names."""
    for parameter in TABLE:
        if "{" not in parameter.address:
            yield Route(parameter, None, parameter.address)
        for name, key in _keys(parameter, scene, venue):
            yield Route(parameter, key, _concrete(parameter, name))


def is_trigger(address: str) -> bool:
    """Whether a message without arguments means to trigger something rather than to ask.

    The last part has to be spelt out: a question such as `/object/*/*` must not remove anything.
    """
    parts = address[1:].split("/")
    return (len(parts), parts[-1]) in _TRIGGERS


def apply(scene: Scene, command: SetParameter, venue: Venue) -> tuple[Scene, tuple[Problem, ...]]:
    """The scene after a command, and what could not be done.

    Numbers out of range are clamped; whatever is refused leaves its value alone.
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
        if parameter.write is None or (parameter.access == "trigger" and not is_trigger(command.address)):
            continue
        try:
            values = accept_all(parameter.arguments, command.arguments)
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
    readable = [(r, r.parameter.read(scene, r.key)) for r in found if r.parameter.read]
    if found and not readable:
        raise RefusedError(f"holds no value; it takes {_takes(found[0].parameter)}")
    return readable


def suggestion(address: str, scene: Scene, venue: Venue) -> str:
    """What is wrong with an address that describes nothing, and what may have been meant."""
    head, *rest = address[1:].split("/")
    heads = {p.parts[0]: None for p in TABLE}
    if head not in heads:
        return f"no {shown(head)} here{did_you_mean(head, heads)}"
    keyed = [p for p in TABLE if p.parts[0] == head and "{" in p.address]
    if len(rest) == 2 and keyed and not is_pattern(address):
        key, last = rest
        if _key(keyed[0], key, scene, venue) is None:
            names = [name for name, _ in _keys(keyed[0], scene, venue)]
            return f"no {_KINDS[keyed[0].parts[1]]} {shown(key)}{did_you_mean(key, names)}"
        return f"no {shown(last)} here{did_you_mean(last, [p.parts[2] for p in keyed])}"
    known = [p.address for p in TABLE if p.parts[0] == head]
    return f"describes nothing{did_you_mean(address, known)}"


_KINDS = {"{o}": "object", "{label}": "loudspeaker", "{stem}": "instrument"}


def _takes(parameter: Parameter) -> str:
    return " ".join(f"{a.name} ({a.tag})" for a in parameter.arguments) or "no arguments"


def _concrete(parameter: Parameter, name: str) -> str:
    head, _, last = parameter.parts
    return f"/{head}/{name}/{last}"


def _keys(parameter: Parameter, scene: Scene, venue: Venue) -> list[tuple[str, Key]]:
    """The names that can stand in the variable part, each with what the row calls it."""
    match parameter.parts[1:2]:
        case ("{o}",):
            return [(o.name, o.id) for o in scene.objects]
        case ("{label}",):
            return [(label, label) for label in venue.labels]
        case ("{stem}",):
            return [(stem, stem) for stem in venue.stems]
    return []


def _key(parameter: Parameter, name: str, scene: Scene, venue: Venue) -> Key:
    """What the row calls the thing of this name (or id), or None."""
    match parameter.parts[1]:
        case "{o}":
            found = scene.find(int(name) if name.isdecimal() and len(name) <= _MAX_ID_DIGITS else name)
            return None if found is None else found.id
        case "{label}":
            return name if name in venue.labels else None
        case _:
            return name if name in venue.stems else None


def _described(parameter: Parameter, parts: list[str], scene: Scene, venue: Venue) -> Iterator[Route]:
    """The routes of one row that a pattern, taken apart, describes."""
    if len(parts) != len(parameter.parts):
        return
    if "{" not in parameter.address:
        if all(matches(pattern, part) for pattern, part in zip(parts, parameter.parts, strict=True)):
            yield Route(parameter, None, parameter.address)
        return
    if not (matches(parts[0], parameter.parts[0]) and matches(parts[2], parameter.parts[2])):
        return
    for name, key in _keys(parameter, scene, venue):
        if matches(parts[1], name):
            yield Route(parameter, key, _concrete(parameter, name))
        elif parameter.parts[1] == "{o}" and matches(parts[1], str(key)):
            yield Route(parameter, key, _concrete(parameter, str(key)))
