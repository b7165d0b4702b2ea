"""Changes of the values of some addresses since they were last read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import OBJECTS, Route
from stemfield.control.parameters.rows import Key, Values
from stemfield.control.scenes.changes import compare
from stemfield.renderer.scene.scene import Scene


class Watch:
    """The values of some addresses, as one listener knows them.

    Args:
        find: returns the routes in a scene; called again when objects or groups are added, removed or renamed.
        context: fixed surroundings.
    """

    def __init__(self, find: Callable[[Scene], Sequence[Route]], context: Context) -> None:
        self._find = find
        self._context = context
        self._scene: Scene | None = None
        self._names: tuple[object, ...] = ()
        self._routes: dict[str, Route] = {}
        self._of_objects: dict[Key, dict[str, Route]] = {}
        self._others: dict[str, Route] = {}
        self._new: dict[str, Route] = {}
        """Routes added since the last time."""
        self._measured: dict[str, Route] = {}
        """Routes whose values change without the scene."""
        self._last: dict[str, Values] = {}

    def is_unchanged(self, scene: Scene) -> bool:
        """Whether nothing can have changed in this scene."""
        return scene is self._scene and not self._measured and not self._new

    def add(self, route: Route) -> None:
        """Add a route, which `find` returns too from now on."""
        self._enter(route)
        self._new[route.address] = route

    def remove(self, address: str) -> None:
        """Remove a route, which `find` no longer returns."""
        route = self._routes.pop(address, None)
        if route is not None:
            self._of_objects.get(route.key, {}).pop(address, None)
        for known in (self._others, self._measured, self._new, self._last):
            known.pop(address, None)

    def changes(self, scene: Scene) -> Iterator[tuple[Route, Values]]:
        """Every value that differs from the last one."""
        before, self._scene = self._scene, scene
        names = (*((o.name, o.group) for o in scene.objects), *scene.groups)
        if names != self._names:
            self._names = names
            self._sort(self._find(scene))
        for route in self._due(before, scene):
            if route.address not in self._routes:
                continue  # removed meanwhile
            values = route.parameter.values(scene, route.key, self._context)
            if values is not None and self._last.get(route.address) != values:
                self._last[route.address] = values
                yield route, values

    def _sort(self, routes: Sequence[Route]) -> None:
        self._routes, self._of_objects, self._others, self._measured = {}, {}, {}, {}
        for route in routes:
            self._enter(route)
        self._last = {address: values for address, values in self._last.items() if address in self._routes}
        self._new = {address: self._routes[address] for address in self._new if address in self._routes}

    def _enter(self, route: Route) -> None:
        address = route.address
        self._routes[address] = route
        if route.parameter.watch:
            self._measured[address] = route
        elif route.parameter.variable in OBJECTS:
            self._of_objects.setdefault(route.key, {})[address] = route
        else:
            self._others[address] = route

    def _due(self, before: Scene | None, scene: Scene) -> Iterable[Route]:
        """Routes that must be read again: most of a large scene is unchanged."""
        new, self._new = self._new, {}
        if before is None:
            return tuple(self._routes.values())
        if before is scene:
            return (*self._measured.values(), *new.values())
        changed = (self._of_objects.get(key, {}).values() for key in compare(before, scene).objects)
        return (*self._measured.values(), *self._others.values(), *chain.from_iterable(changed), *new.values())
