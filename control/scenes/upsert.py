"""Objects updated or added as a scene message describes them, completely or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from stemfield.control.parameters.argument import accept_all
from stemfield.control.parameters.commands import UpsertObject
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import routes
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import MAX_OBJECTS, ObjectType, Scene, SceneObject


def upsert_object(scene: Scene, command: UpsertObject, context: Context) -> Scene:
    """The scene with an object as described.

    A new object is added if it names a direct input. If its type changes, it is reset. Channels of a stem are ignored.

    Raises:
        RefusedError: with all problems, joined by semicolons.
    """
    present = scene.find(command.id)
    item = present or _new(scene, command, context)
    kind = cast(ObjectType, command.type or item.type)
    if kind != item.type:
        anew = SceneObject(item.id, item.name, item.kind, item.channels, kind, item.position)
        item = replace(anew, smooth_s=item.smooth_s, own_name=item.own_name, label=item.label)
    after = scene.with_object(item) if present else replace(scene, objects=(*scene.objects, item))
    settings = dict(command.settings)
    if command.channels is not None and item.kind == "input":
        settings = {"channels": command.channels} | settings
    problems = []
    for name, values in settings.items():
        (route,) = routes(f"/object/{command.id}/{name}", after, context)
        assert route.parameter.write is not None
        try:
            after = route.parameter.write(after, route.key, accept_all(route.parameter.arguments, values), context)
        except RefusedError as refused:
            problems.append(f"{name}: {refused}")
    if problems:
        raise RefusedError("; ".join(problems))
    # Streams repeat themselves: the gains of the same object can be reused.
    return scene if after.find(command.id) == present else after


def added_object(ident: int, channels: tuple[int, ...]) -> SceneObject:
    """An object that is not in the configuration, in front."""
    name = f"object-{ident}"
    return SceneObject(ident, name, "input", channels, own_name=name)


def _new(scene: Scene, command: UpsertObject, context: Context) -> SceneObject:
    if not command.channels:
        known = ", ".join(str(o.id) for o in scene.objects[:16])
        raise RefusedError(f"no such object: expected {known}, or a new one with channels")
    if len(scene.objects) >= MAX_OBJECTS:
        raise RefusedError(f"expected at most {MAX_OBJECTS} objects")
    added = added_object(command.id, tuple(command.channels))
    if scene.find(added.name) or context.defaults.find(added.name):  # files have the first names of objects
        raise RefusedError(f"another object is named {added.name}")
    if not context.direct_inputs:
        raise RefusedError("a new object needs a direct input, but none is configured (inputs)")
    return added
