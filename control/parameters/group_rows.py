"""Rows of the parameter table about groups of objects."""

from __future__ import annotations

import math
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


def _with_group(scene: Scene, key: int, group: Group) -> Scene:
    if key not in scene.groups and len(scene.groups) >= MAX_GROUPS:
        raise RefusedError(f"group {key}: expected at most {MAX_GROUPS} groups with settings")
    return replace(scene, groups=with_entry(scene.groups, key, group))


def _row(field: str, argument: Argument, description: str, default: Value, turn: bool = False) -> Parameter:
    def write(scene: Scene, key: int, values: Values, _: Context) -> Scene:
        group: Any = scene.groups.get(key, Group())
        if turn:
            scene = _turned(scene, key, float(values[0]) - group.rotation_deg)
        return _with_group(scene, key, changed(group, field, values[0]))

    return Parameter(
        f"/group/{{group}}/{argument.name}",
        (argument,),
        description,
        default=(default,),
        stored=True,
        read=lambda scene, key: (getattr(scene.groups.get(key, Group()), field),),
        write=write,
        fields=("groups",),
        recall="groups",
    )


def _write_links(scene: Scene, key: int, values: Values, _: Context) -> Scene:
    links = parse_words(str(values[0]), LINKS)
    return _with_group(scene, key, replace(scene.groups.get(key, Group()), links=links))


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
        0.0,
    ),
    _row("mute", Argument("T", "mute"), "Mute all objects of a group.", False),
    _row(
        "rotation_deg",
        Argument("f", "rotate", "angle.degree", -180.0, 180.0, cyclic=True),
        "Rotation of a group to the left about the vertical axis. A new angle moves its objects by the difference, so "
        "their positions are always where they sound.",
        0.0,
        turn=True,
    ),
    Parameter(
        "/group/{group}/links",
        (Argument("s", "links"),),
        f"What the panner page changes for all objects of the group when it is changed for one: some of "
        f"{', '.join(LINKS)}, separated by commas. Group 0 links nothing.",
        default=(", ".join(Group().links),),
        stored=True,
        read=lambda scene, key: (", ".join(scene.groups.get(key, Group()).links),),
        write=_write_links,
        fields=("groups",),
        recall="groups",
    ),
    _row(
        "mirrored",
        Argument("T", "mirrored"),
        "Whether linked positions are mirrored left and right, instead of moved by the same angle.",
        False,
    ),
)
"""Every row about groups, in the order of the manual."""
