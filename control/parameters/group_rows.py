"""Rows of the parameter table about groups of objects."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, get_args

from stemfield.control.parameters.argument import Argument, Value, parse_words
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.object_rows import MAX_GAIN_DB
from stemfield.control.parameters.rows import Parameter, Values, changed, with_entry
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import SILENCE_DB, Group, Link, Scene, SceneObject
from stemfield.renderer.scene.units import reachable

LINKS: Final[tuple[Link, ...]] = get_args(Link)
MAX_GROUPS = 128
"""Maximum number of groups with settings."""


def _row(
    field: str,
    argument: Argument,
    description: str,
    *,
    show: Callable[[Any], Value] = lambda value: value,
    parse: Callable[[Any], object] = lambda value: value,
    turn: bool = False,
) -> Parameter:
    def write(scene: Scene, key: int, values: Values, _: Context) -> Scene:
        group: Any = scene.groups.get(key, Group())
        value = parse(values[0])
        if key not in scene.groups and len(scene.groups) >= MAX_GROUPS:
            raise RefusedError(f"group {key}: expected at most {MAX_GROUPS} groups with settings")
        if turn:
            scene = _turned(scene, key, float(values[0]) - group.rotation_deg)
        return replace(scene, groups=with_entry(scene.groups, key, changed(group, field, value)))

    return Parameter(
        f"/group/{{group}}/{argument.name}",
        (argument,),
        description,
        default=(show(getattr(Group(), field)),),
        stored=True,
        read=lambda scene, key: (show(getattr(scene.groups.get(key, Group()), field)),),
        write=write,
        field="groups",
        recall="groups",
    )


def _turned(scene: Scene, key: int, angle_deg: float) -> Scene:
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))

    def turned(item: SceneObject) -> SceneObject:
        x, y, z = item.position
        return replace(item, position=reachable((cos * x - sin * y, sin * x + cos * y, z)))

    return replace(scene, objects=tuple(turned(o) if o.group == key else o for o in scene.objects))


GROUP_ROWS = (
    _row(
        "gain_db",
        Argument("f", "gain", "gain.db", SILENCE_DB, MAX_GAIN_DB),
        "Gain of all objects of a group, added to their own.",
    ),
    _row("mute", Argument("T", "mute"), "Mute all objects of a group."),
    _row(
        "rotation_deg",
        Argument("f", "rotate", "angle.degree", -180.0, 180.0, cyclic=True),
        "Rotation of a group to the left about the vertical axis. A new angle moves its objects by the difference, so "
        "their positions are always where they sound.",
        turn=True,
    ),
    _row(
        "links",
        Argument("s", "links"),
        f"What the panner page changes for all objects of the group when it is changed for one: some of "
        f"{', '.join(LINKS)}, separated by commas. Group 0 links nothing.",
        show=", ".join,
        parse=lambda text: parse_words(text, LINKS),
    ),
    _row(
        "mirrored",
        Argument("T", "mirrored"),
        "Whether linked positions are mirrored left and right, instead of moved by the same angle.",
    ),
)
"""Every row about groups, in the order of the manual."""
