"""What differs between two scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stemfield.renderer.scene.scene import Scene

Part = Literal[
    "amount",
    "master",
    "speakers",
    "groups",
    "separation",
    "distance",
    "listener",
    "head",
    "monitor",
    "recall",
    "compare",
]


@dataclass(frozen=True, slots=True)
class Dirty:
    """The parts of a scene that changed."""

    objects: frozenset[int]
    """Ids of the objects that are new, gone or different."""
    parts: frozenset[Part]
    """What else is different."""
    fade_s: float = 0.0
    """Where a scene was loaded with a cross-fade: ramp over this time whatever is longer than an object's own."""

    def __bool__(self) -> bool:
        return bool(self.objects or self.parts)


def compare(before: Scene, after: Scene, fade_s: float = 0.0) -> Dirty:
    """What is different in `after`. Cheap where the scenes share their objects, as successive scenes do."""
    old = {o.id: o for o in before.objects}
    new = {o.id: o for o in after.objects}
    objects = {i for i in old.keys() | new.keys() if old.get(i) is not new.get(i) and old.get(i) != new.get(i)}
    parts: set[Part] = set()
    if before.amount != after.amount:
        parts.add("amount")
    if (before.master_gain_db, before.master_mute) != (after.master_gain_db, after.master_mute):
        parts.add("master")
    if before.speakers is not after.speakers and dict(before.speakers) != dict(after.speakers):
        parts.add("speakers")
    if before.groups is not after.groups and dict(before.groups) != dict(after.groups):
        parts.add("groups")
    if before.separation is not after.separation and before.separation != after.separation:
        parts.add("separation")
    if before.distance != after.distance:
        parts.add("distance")
    if before.listener != after.listener:
        parts.add("listener")
    if before.head != after.head:
        parts.add("head")
    if (before.monitor_gain_db, before.monitor_mute) != (after.monitor_gain_db, after.monitor_mute):
        parts.add("monitor")
    if before.recall != after.recall:
        parts.add("recall")
    if (before.compare, before.compare_gain_db) != (after.compare, after.compare_gain_db):
        parts.add("compare")
    return Dirty(frozenset(objects), frozenset(parts), fade_s)
