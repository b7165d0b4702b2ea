"""Scenes as plain data: a tree of the addresses.

`/object/vocals/width` is `{"object": {"vocals": {"width": 40}}}`. The parameter table says what may stand there, so
that a file is checked by the same rules as a message, except that a number out of range is refused instead of clamped.
Objects stand under the names that they have in the default scene; a new name is their `name`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemfield.control.arguments import accept_all, shown
from stemfield.control.commands import RefusedError
from stemfield.control.object_parameters import check_name
from stemfield.control.parameters import TABLE
from stemfield.control.patterns import is_pattern
from stemfield.control.routes import Route, every_route, routes, suggestion
from stemfield.control.rows import Parameter, Values
from stemfield.control.venue import Venue
from stemfield.layouts.strict_yaml import StrictYamlError, parse_yaml
from stemfield.renderer.scene import Scene

MAX_BYTES = 1 << 20
FORMAT = 1
_ORDER = {parameter.address: index for index, parameter in enumerate(TABLE)}


class SceneFileError(ValueError):
    """A scene file that cannot be used.

    Attributes:
        source: the file.
        problems: every one that was found.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.source = source
        self.problems = tuple(problems)


def scene_to_dict(scene: Scene, venue: Venue) -> dict[str, Any]:
    """Everything of a scene that files hold, as data that JSON and YAML can hold.

    `inputs` keeps the configured routing of the direct inputs: where that is another one when the file is read, the
    channels in it would lead to other instruments and are passed over.
    """
    tree: dict[str, Any] = {
        "format": FORMAT,
        "inputs": {name: list(channels) for name, channels in venue.routing.items()},
    }
    for route in every_route(venue.defaults, venue):
        parameter = route.parameter
        if not parameter.stored or parameter.read is None:
            continue
        values = parameter.read(scene, route.key)
        if not values or (isinstance(route.key, str) and values == parameter.default):
            # Loudspeakers and instruments differ between layouts and models: only those that were set are kept.
            continue
        *branches, leaf = route.address[1:].split("/")
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = _plain(parameter, values)
    return tree


def scene_from_dict(data: object, venue: Venue) -> tuple[Scene, tuple[str, ...]]:
    """The default scene with everything in the data that can be used, and what cannot.

    Args:
        data: as `scene_to_dict` makes it; whatever is missing is as in the default scene.
        venue: what there is.
    """
    if not isinstance(data, Mapping):
        return venue.defaults, (f"{shown(data)}: allowed the branches {', '.join(_branches())}",)
    if data.get("format", FORMAT) != FORMAT:
        return venue.defaults, (f"format: {shown(data['format'])}: allowed {FORMAT}",)
    problems: list[str] = []
    found: list[tuple[Route, Sequence[Any], str]] = []
    for address, value in _leaves({k: v for k, v in data.items() if k not in ("format", "inputs")}):
        path = ".".join(address[1:].split("/"))
        match () if is_pattern(address) else routes(address, venue.defaults, venue):
            case (Route(parameter=Parameter(access="value")) as route,):
                found.append((route, _values(route.parameter, value), path))
            case (_,):
                problems.append(f"{path}: holds no value")
            case _:
                problems.append(f"{path}: {suggestion(address, venue.defaults, venue)}")
    routing = {name: list(channels) for name, channels in venue.routing.items()}
    if data.get("inputs", routing) != routing:
        found = [entry for entry in found if not entry[0].address.endswith("/channels")]
    scene = venue.defaults
    names: dict[int, str] = {}
    # In the order of the table, because outputs are as many as channels.
    for route, values, path in sorted(found, key=lambda entry: _ORDER[entry[0].parameter.address]):
        parameter = route.parameter
        try:
            accepted = accept_all(parameter.arguments, values, strict=True)
            if parameter.address == "/object/{o}/name" and isinstance(route.key, int):
                names[route.key] = check_name(str(accepted[0]))
            elif parameter.write is not None:
                scene = parameter.write(scene, route.key, accepted, venue)
        except RefusedError as refused:
            problems.append(f"{path}: {refused}")
    scene, clashes = _named(scene, names)
    return scene, (*problems, *clashes)


def load_scene_file(path: Path, venue: Venue) -> Scene:
    """The scene of a YAML or JSON file that a person wrote.

    Raises:
        SceneFileError: unreadable, or with problems (all of them are listed).
    """
    scene, problems = scene_from_dict(read_data(path), venue)
    if problems:
        raise SceneFileError(str(path), problems)
    return scene


def read_data(path: Path) -> object:
    """The plain data of a JSON file (by its name) or a YAML file, of at most 1 MiB.

    Raises:
        SceneFileError: unreadable, too large, or not what its name says.
        FileNotFoundError: it does not exist.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SceneFileError(str(path), (f"larger than {MAX_BYTES} bytes",))
        text = content.decode()
        data: object = json.loads(text) if path.suffix == ".json" else parse_yaml(text)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SceneFileError(str(path), (f"cannot be read: {error.strerror}",)) from error
    except (UnicodeDecodeError, json.JSONDecodeError, StrictYamlError, RecursionError) as error:
        raise SceneFileError(str(path), (f"not what it should be: {error}",)) from error
    return data


def _leaves(tree: Mapping[Any, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The addresses in a tree, with what stands there; a branch too deep is a leaf that no row knows."""
    for key, value in tree.items():
        address = f"{above}/{key}"
        if isinstance(value, Mapping) and value and address.count("/") < 3:
            yield from _leaves(value, address)
        else:
            yield address, value


def _named(scene: Scene, names: Mapping[int, str]) -> tuple[Scene, tuple[str, ...]]:
    """The scene with all new names at once, because two objects may have changed theirs for each other's."""
    objects = tuple(replace(o, name=names.get(o.id, o.name)) for o in scene.objects)
    taken = [o.name for o in objects]
    clashes = sorted({name for name in taken if taken.count(name) > 1})
    if clashes:
        return scene, tuple(f"object: two are named {name}: the names stay as configured" for name in clashes)
    return replace(scene, objects=objects), ()


def _plain(parameter: Parameter, values: Values) -> object:
    """Values as they stand in a file: one alone, some as a list, groups of them as a list of lists."""
    size = len(parameter.arguments)
    if not parameter.arguments[-1].repeated:
        return values[0] if size == 1 else list(values)
    if size == 1:
        return list(values)
    return [] if values == parameter.default else [list(values[at : at + size]) for at in range(0, len(values), size)]


def _values(parameter: Parameter, plain: object) -> Sequence[Any]:
    """What `_plain` was made from."""
    if not isinstance(plain, list):
        return [plain]
    if parameter.arguments[-1].repeated and len(parameter.arguments) > 1:
        return [v for entry in plain for v in (entry if isinstance(entry, list) else [entry])] or parameter.default
    return plain


def _branches() -> dict[str, None]:
    return {parameter.parts[0]: None for parameter in TABLE if parameter.access == "value"}
