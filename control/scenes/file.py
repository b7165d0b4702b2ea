"""Scenes as plain data: a tree of the addresses.

`/object/vocals/width` is `{"object": {"vocals": {"width": 40}}}`. Files are checked against the parameter table like
messages, except that numbers out of range are refused instead of clamped. Objects have their names of the default
scene; a new name is their `name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from stemfield.control.config.object_names import check_name
from stemfield.control.parameters.argument import accept_all, whole
from stemfield.control.parameters.commands import UpsertObject
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.patterns import is_pattern
from stemfield.control.parameters.routes import Route, every_route, routes, suggestion
from stemfield.control.parameters.rows import Parameter, Values, found_object
from stemfield.control.parameters.table import TABLE
from stemfield.control.scenes.upsert import added_object, upsert_object
from stemfield.layouts.plain_data import PlainDataError, decode, parse_json, read_file, unusable
from stemfield.layouts.problems import ProblemsError, RefusedError, shown
from stemfield.layouts.strict_yaml import parse_yaml
from stemfield.renderer.scene.scene import Scene

MAX_BYTES = 1 << 20
FORMAT = 1
MAX_CHANNEL = 2**31 - 1
_NAME = "/object/{o}/name"
_ORDER = {parameter.address: index for index, parameter in enumerate(TABLE)}


def _order(parameter: Parameter) -> tuple[bool, int]:
    """Order of the table, because outputs depend on channels, but groups first, because they rotate their objects."""
    return parameter.variable != "{group}", _ORDER[parameter.address]


_STORED = sorted((row for row in TABLE if row.stored and row.read), key=_order)


class SceneFileError(ProblemsError):
    """A scene file that cannot be used."""


class NewerSceneError(SceneFileError):
    """A scene file of a newer version, which must not be lost."""


def scene_to_dict(scene: Scene, context: Context) -> dict[str, Any]:
    """The content of a scene file, as plain data.

    Objects that were added at run time are in `added` with their channels, under their first names. `inputs` is the
    configured routing of the direct inputs: if it differs when the file is read, the channels in the file are ignored,
    because they would play other instruments.
    """
    tree: dict[str, Any] = {
        "format": FORMAT,
        "inputs": {name: list(channels) for name, channels in context.routing.items()},
    }
    added = tuple(o for o in scene.objects if context.defaults.find(o.id) is None)
    if added:
        tree["added"] = {f"object-{o.id}": list(o.channels) for o in added}
    first_names = tuple(added_object(o.id, o.channels) for o in added)
    for route in every_route(replace(scene, objects=(*context.defaults.objects, *first_names)), context):
        parameter = route.parameter
        if not parameter.stored or parameter.read is None:
            continue
        values = parameter.read(scene, route.key)
        if not values or (parameter.variable not in ("", "{o}") and values == parameter.default):
            # Loudspeakers and instruments depend on layout and model: only those that were set are stored.
            continue
        *branches, leaf = route.address[1:].split("/")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = _plain(parameter, values)
    return tree


def scene_from_dict(data: object, context: Context) -> tuple[Scene, tuple[str, ...]]:
    """The scene in the result of `scene_to_dict`, and the problems; what is missing or invalid is as in the default."""
    if not isinstance(data, Mapping):
        return context.defaults, (f"expected the keys {', '.join(_branches())}, got {shown(data)}",)
    if data.get("format", FORMAT) != FORMAT:
        return context.defaults, (f"format: expected {FORMAT}, got {shown(data['format'])}",)
    problems: list[str] = []
    found: list[tuple[Route, Sequence[Any], str]] = []
    scene = _with_added(data.get("added", {}), context, problems)
    for address, value in _leaves({k: v for k, v in data.items() if k not in ("format", "inputs", "added")}):
        path = ".".join(address[1:].split("/"))
        match () if is_pattern(address) else routes(address, scene, context):
            case (Route(parameter=Parameter(access="value")) as route,):
                found.append((route, _values(route.parameter, value), path))
            case (_,):
                problems.append(f"{path}: has no value")
            case _:
                problems.append(f"{path}: {suggestion(address, scene, context)}")
    routing = {name: list(channels) for name, channels in context.routing.items()}
    if data.get("inputs", routing) != routing:
        found = [entry for entry in found if not entry[0].address.endswith("/channels")]
    names: dict[int, str] = {}
    alone: dict[int, Scene] = {}
    """Each object in a scene of its own, because finding and replacing one among many is slow."""
    for route, values, path in sorted(found, key=lambda entry: _order(entry[0].parameter)):
        parameter = route.parameter
        try:
            accepted = accept_all(parameter.arguments, values, strict=True)
            if parameter.address == _NAME and isinstance(route.key, int):
                names[route.key] = check_name(str(accepted[0]))
            elif parameter.write is not None and isinstance(route.key, int) and parameter.variable == "{o}":
                own = alone.get(route.key) or replace(scene, objects=(found_object(scene, route.key),))
                if parameter.read is None or tuple(parameter.read(own, route.key)) != tuple(accepted):
                    own = parameter.write(own, route.key, accepted, context)
                alone[route.key] = own
            elif parameter.write is not None:
                scene = parameter.write(scene, route.key, accepted, context)
        except RefusedError as refused:
            problems.append(f"{path}: {refused}")
    scene = replace(scene, objects=tuple(alone[o.id].objects[0] if o.id in alone else o for o in scene.objects))
    scene, clashes = _named(scene, names)
    return scene, (*problems, *clashes)


def stored_changes(before: Scene | None, after: Scene, context: Context) -> Iterator[tuple[str, Values]]:
    """Every stored value that differs in `after` (without `before`: all), by its address with the id of the object.

    Setting them in this order makes the scene: an object whose name another one gets is renamed first.
    """
    for row in _STORED:
        assert row.read is not None
        if row.address == _NAME:
            yield from _temporary_names(context.defaults if before is None else before, after)
        for key in _stored_keys(row, before, after, context):
            values = row.read(after, key)
            known = before is not None and (row.variable != "{o}" or before.find(key) is not None)
            if values and not (before is not None and known and row.read(before, key) == values):
                yield row.address.replace(row.variable, str(key)) if row.variable else row.address, values


def _temporary_names(before: Scene, after: Scene) -> Iterator[tuple[str, Values]]:
    """Temporary names of objects whose names others get."""
    holders = {o.name: o.id for o in before.objects}
    known = holders.keys() | {o.name for o in after.objects}
    for item in after.objects:
        holder = holders.get(item.name, item.id)
        if holder != item.id and after.find(holder):
            free = next(name for n in count() if (name := f"object-{holder}-{n}") not in known)
            yield _NAME.replace("{o}", str(holder)), (free,)


def load_scene_file(path: Path, context: Context) -> Scene:
    """The scene of a YAML or JSON file written by the user.

    Raises:
        SceneFileError: unreadable, or with problems (all of them are listed).
    """
    scene, problems = scene_from_dict(read_data(path), context)
    if problems:
        raise SceneFileError(str(path), problems)
    return scene


def read_data(path: Path) -> object:
    """The plain data of a JSON file (`.json`) or a YAML file of at most 1 MiB.

    Raises:
        SceneFileError: unreadable, too large, or invalid.
        FileNotFoundError: it does not exist.
    """
    try:
        text = decode(read_file(path, MAX_BYTES))
        return scene_data(text, str(path)) if path.suffix == ".json" else parse_yaml(text)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SceneFileError(str(path), (f"cannot be read: {error.strerror}",)) from error
    except SceneFileError:
        raise
    except ValueError as error:
        raise SceneFileError(str(path), (f"invalid: {error}",)) from error


def scene_data(text: str, source: str) -> object:
    """The plain data of a scene in JSON; errors name its source.

    Raises:
        SceneFileError: not JSON, or with text that cannot be stored.
    """
    try:
        data = parse_json(text)
    except PlainDataError as error:
        raise SceneFileError(source, (f"invalid: {error}",)) from error
    if problems := tuple(unusable(data)):
        raise SceneFileError(source, problems)
    return data


def saved_scene(data: object, context: Context, source: str) -> tuple[Scene, tuple[str, ...]]:
    """A scene saved by the daemon; see `scene_from_dict`.

    Raises:
        NewerSceneError: saved by a newer version.
        SceneFileError: not a scene.
    """
    if not isinstance(data, Mapping):
        raise SceneFileError(source, (f"expected the keys {', '.join(_branches())}, got {shown(data)}",))
    number = data.get("format", FORMAT)
    if number != FORMAT:
        newer = isinstance(number, int | float) and number > FORMAT
        reason = f"format: expected {FORMAT}, got {shown(number)}"
        raise (NewerSceneError if newer else SceneFileError)(source, (reason + "; a newer version wrote it" * newer,))
    return scene_from_dict(data, context)


def _with_added(added: object, context: Context, problems: list[str]) -> Scene:
    """The default scene with the added objects whose inputs exist here."""
    scene = context.defaults
    for name, channels in added.items() if isinstance(added, Mapping) else ():
        ident = str(name).removeprefix("object-")
        try:
            if not (ident.isdecimal() and len(ident) <= 10 and isinstance(channels, list)):
                raise RefusedError("expected object-N with a list of channels")
            if scene.find(int(ident)):
                raise RefusedError("exists already")
            command = UpsertObject(int(ident), None, [whole(channel, 0, MAX_CHANNEL) for channel in channels], {})
            scene = upsert_object(scene, command, context)
        except RefusedError as error:
            problems.append(f"added.{name}: {error}")
    return scene


def _leaves(tree: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The addresses in a tree with their values; a branch that is too deep is an unknown address."""
    for key, value in tree.items():
        address = f"{above}/{key}"
        if isinstance(value, Mapping) and value and address.count("/") < 3:
            yield from _leaves(value, address)
        else:
            yield address, value


def _named(scene: Scene, names: Mapping[int, str]) -> tuple[Scene, tuple[str, ...]]:
    """The scene with all new names at once, because two objects may have swapped theirs."""
    objects = tuple(replace(o, name=names.get(o.id, o.name)) for o in scene.objects)
    taken = [o.name for o in objects]
    clashes = sorted({name for name in taken if taken.count(name) > 1})
    if clashes:
        return scene, tuple(f"object: two objects are named {name}: the configured names are used" for name in clashes)
    return replace(scene, objects=objects), ()


def _plain(parameter: Parameter, values: Values) -> object:
    """Values as in a file: a single one, a list, or groups of them as a list of lists."""
    size = len(parameter.arguments)
    if not parameter.arguments[-1].repeated:
        return values[0] if size == 1 else list(values)
    if size == 1:
        return list(values)
    return [] if values == parameter.default else [list(values[at : at + size]) for at in range(0, len(values), size)]


def _values(parameter: Parameter, plain: object) -> Sequence[Any]:
    """The inverse of `_plain`."""
    if not isinstance(plain, list):
        return [plain]
    if parameter.arguments[-1].repeated and len(parameter.arguments) > 1:
        return [v for entry in plain for v in (entry if isinstance(entry, list) else [entry])] or parameter.default
    return plain


def _stored_keys(row: Parameter, before: Scene | None, after: Scene, context: Context) -> Sequence[Any]:
    match row.variable:
        case "{o}":
            known = {} if before is None else {o.id: o for o in before.objects}
            return [o.id for o in after.objects if known.get(o.id) is not o]
        case "{group}":
            return sorted({*after.groups, *(before.groups if before is not None else ())})
        case "{label}":
            return context.labels
        case "{stem}":
            return context.stems
    return (None,)


def _branches() -> dict[str, None]:
    return {parameter.parts[0]: None for parameter in TABLE if parameter.access == "value"}
