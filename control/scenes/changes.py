"""Differences between two scenes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from stemfield.renderer.scene.scene import Scene

_PARTS: Final = tuple(field.name for field in fields(Scene) if field.name != "objects")


@dataclass(frozen=True, slots=True)
class Dirty:
    """What of a scene has changed."""

    objects: frozenset[int]
    """Ids of new, removed and changed objects."""
    parts: frozenset[str]
    """Names of the other fields that have changed."""
    fade_s: float = 0.0
    """Cross-fade of a loaded scene: the ramp time of everything whose own is shorter."""

    def __bool__(self) -> bool:
        return bool(self.objects or self.parts)


def compare(before: Scene, after: Scene, fade_s: float = 0.0) -> Dirty:
    """What differs in `after`. Fast if the scenes share their objects, as successive scenes do."""
    old = {o.id: o for o in before.objects}
    new = {o.id: o for o in after.objects}
    objects = {i for i in old.keys() | new.keys() if old.get(i) is not new.get(i) and old.get(i) != new.get(i)}
    parts = {name for name in _PARTS if _differ(getattr(before, name), getattr(after, name))}
    return Dirty(frozenset(objects), frozenset(parts), fade_s)


def _differ(one: object, two: object) -> bool:
    return one is not two and one != two
