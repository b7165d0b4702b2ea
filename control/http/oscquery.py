"""The tree of all addresses with values, types, ranges and units, as OSCQuery 1.0 describes it. Pure functions.

An object is listed under its name, or under its id if the name contains a space, which OSC does not allow in an
address. Every object can be requested by its id too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from stemfield.control.parameters.argument import Argument, neat
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import OBJECTS, ROWS, Route, routes
from stemfield.control.parameters.rows import Parameter, Values
from stemfield.renderer.scene.scene import Scene, SceneObject

Node = dict[str, Any]

_OPTIONAL = ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE")
ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", *_OPTIONAL)
EXTENSIONS = (*_OPTIONAL, "LISTEN", "PATH_CHANGED", "PATH_RENAMED", "PATH_ADDED", "PATH_REMOVED")
_ACCESS = {"value": 3, "status": 1, "trigger": 2, "action": 2}

_KINDS = {"stem": "separated from the music", "input": "a direct input"}

Event = tuple[Literal["PATH_ADDED", "PATH_REMOVED", "PATH_CHANGED", "PATH_RENAMED"], object]


def node_at(path: str, scene: Scene, context: Context) -> Node | None:
    """The node of a path with its contents, or None; the path is no pattern."""
    path = path.rstrip("/") or "/"
    method = [route for route in routes(path, scene, context) if route.address == path]
    if method:
        return _method(method[0], scene, context)
    below = "/" if path == "/" else path + "/"
    for name_of in (_name, _number, _own_name):
        if found := [route for route in _routes(scene, context, name_of) if route.address.startswith(below)]:
            break
    root = _container("/")
    for route in found:
        _insert(root, route.address, _method(route, scene, context))
    node: Node | None = root
    for part in path[1:].split("/") if path != "/" else ():
        node = node["CONTENTS"].get(part) if node else None
    if node is not None:
        _describe_objects(root, scene)
    return node


def count(node: Node) -> int:
    """Number of nodes of a tree, with its root."""
    return 1 + sum(map(count, node.get("CONTENTS", {}).values()))


def host_info(name: str, osc_ip: str, osc_port: int, ws_port: int) -> Node:
    """The document of `?HOST_INFO`."""
    return {
        "NAME": name,
        "EXTENSIONS": dict.fromkeys(EXTENSIONS, True),
        "OSC_IP": osc_ip,
        "OSC_PORT": osc_port,
        "OSC_TRANSPORT": "UDP",
        "WS_IP": osc_ip,
        "WS_PORT": ws_port,
    }


def path_events(before: Scene, after: Scene) -> Iterator[Event]:
    """Paths added, removed, renamed, or with another number of values."""
    old, new = ({o.id: o for o in scene.objects} for scene in (before, after))
    for ident in sorted(old.keys() - new.keys()):
        yield from (("PATH_REMOVED", path) for path in _paths(old[ident]))
    for ident in sorted(new.keys() - old.keys()):
        yield from (("PATH_ADDED", path) for path in _paths(new[ident]))
    for ident in old.keys() & new.keys():
        was, item = old[ident], new[ident]
        if was is item:
            continue
        name = _name(item)
        for path, now in zip(_paths(was), _paths(item), strict=True):
            if path != now:
                yield "PATH_RENAMED", {"OLD": path, "NEW": now}
        for row in ("eq", "channels"):
            if len(getattr(was, row)) != len(getattr(item, row)):
                yield "PATH_CHANGED", f"/object/{name}/{row}"
    had, has = ({o.group for o in scene.objects} | set(scene.groups) for scene in (before, after))
    yield from (("PATH_REMOVED", f"/group/{number}") for number in sorted(had - has))
    yield from (("PATH_ADDED", f"/group/{number}") for number in sorted(has - had))


_STEMS = dict.fromkeys(p.address.partition(p.variable)[0] + p.variable for p in ROWS if p.variable in OBJECTS)
"""Paths of objects in the tree, with variables."""


def _paths(item: SceneObject) -> list[str]:
    return [stem.replace("{o}", _name(item)).replace("{n}", str(item.id + 1)) for stem in _STEMS]


def _name(item: SceneObject) -> str:
    return str(item.id) if " " in item.name else item.name


def _number(item: SceneObject) -> str:
    return str(item.id)


def _own_name(item: SceneObject) -> str:
    return item.own_name if " " not in item.own_name else str(item.id)


def _describe_objects(root: Node, scene: Scene) -> None:
    branches = root["CONTENTS"].get("object", {}).get("CONTENTS", {})
    for item in scene.objects:
        for name in dict.fromkeys((_name(item), _number(item), _own_name(item))):
            if name in branches:
                branches[name]["DESCRIPTION"] = f"Object {item.id}, {item.title}: {_KINDS[item.kind]}."


def _routes(scene: Scene, context: Context, name_of: Callable[[SceneObject], str]) -> Iterator[Route]:
    keys: Mapping[str, Sequence[tuple[str, Any]]] = {
        "": [("", None)],
        "{o}": [(name_of(o), o.id) for o in scene.objects],
        "{n}": [(str(o.id + 1), o.id) for o in scene.objects],
        "{group}": [(str(n), n) for n in sorted({o.group for o in scene.objects} | set(scene.groups))],
        "{label}": [(label, label) for label in context.labels],
        "{stem}": [(stem, stem) for stem in context.stems],
    }
    for row in ROWS:
        for name, key in keys[row.variable]:
            yield Route(row, key, row.address.replace(row.variable, name) if row.variable else row.address)


def _container(path: str) -> Node:
    return {"FULL_PATH": path, "ACCESS": 0, "CONTENTS": {}}


def _insert(root: Node, address: str, method: Node) -> None:
    node, path = root, ""
    *branches, leaf = address[1:].split("/")
    for branch in branches:
        path += f"/{branch}"
        contents = node.setdefault("CONTENTS", {})
        node = contents.setdefault(branch, _container(path))
    above = node.setdefault("CONTENTS", {})
    if leaf in above:  # an address may be a value and have others below it
        method = {**method, "CONTENTS": above[leaf]["CONTENTS"]}
    above[leaf] = method


def _method(route: Route, scene: Scene, context: Context) -> Node:
    row = route.parameter
    node: Node = {"FULL_PATH": route.address, "DESCRIPTION": row.description}
    if not row.arguments:
        return node | {"ACCESS": 0}
    values = row.values(scene, route.key, context)
    arguments = _arguments(row, values)
    node |= {
        "TYPE": "".join(argument.tag for argument in arguments),
        "ACCESS": _ACCESS[row.access],
        # A method that cannot be read has the right number of nulls; python-oscquery fails otherwise.
        "VALUE": [neat(value) for value in values] if values else [None] * len(arguments),
        "RANGE": [_range(argument) for argument in arguments],
        "CLIPMODE": ["none" if a.cyclic or "MAX" not in _range(a) else "both" for a in arguments],
    }
    if any(argument.unit for argument in arguments):
        node["UNIT"] = [argument.unit or None for argument in arguments]
    return node


def _arguments(row: Parameter, values: Values | None) -> Sequence[Argument]:
    """One argument per value, for an address that takes any number of them."""
    if not values or not row.arguments[-1].repeated:
        return row.arguments
    return [row.arguments[index % len(row.arguments)] for index in range(len(values))]


def _range(argument: Argument) -> Node:
    if argument.values:
        return {"VALS": list(argument.values)}
    if argument.tag in "fi" and abs(argument.low) < float("inf") and abs(argument.high) < float("inf"):
        number = int if argument.tag == "i" else float
        return {"MIN": number(argument.low), "MAX": number(argument.high)}
    return {}
