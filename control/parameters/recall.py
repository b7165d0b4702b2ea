"""What loading a scene changes: some kinds of things, except for some objects. And what undo does not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, get_args

from stemfield.control.parameters.argument import check_stored, listed, parse_words
from stemfield.control.parameters.group_rows import GROUP_ROWS
from stemfield.control.parameters.object_rows import OBJECT_ROWS
from stemfield.control.parameters.patterns import is_pattern, matches
from stemfield.control.parameters.rows import Parameter
from stemfield.control.parameters.scene_rows import ROOM_ROWS, SCENE_ROWS
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import MAX_OBJECTS, Kind, Recall, Scene, SceneObject, SpeakerTrim

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MAX_LEFT_OUT: Final = 128


def _fields(rows: Iterable[Parameter]) -> Mapping[Kind, tuple[str, ...]]:
    found: dict[Kind, dict[str, None]] = {}
    for row in rows:
        if row.recall is not None:
            found.setdefault(row.recall, {})[row.field] = None
    return {kind: tuple(names) for kind, names in found.items()}


OBJECT_FIELDS: Final = _fields(OBJECT_ROWS)
"""What each kind restores of an object."""

SCENE_FIELDS: Final = _fields((*GROUP_ROWS, *SCENE_ROWS, *ROOM_ROWS))
"""What each kind restores of the scene itself; `loudspeakers` are its trims."""


def recalled(present: Scene, saved: Scene, recall: Recall | None = None) -> Scene:
    """A saved scene in the current room.

    Head rotation and recall settings do not change; a comparison ends, so that the scene is audible. Without `recall`,
    the settings of the current scene say what changes.
    """
    recall = present.recall if recall is None else recall
    found: dict[str, Any] = {n: getattr(saved, n) for kind in recall.scope for n in SCENE_FIELDS.get(kind, ())}
    if "loudspeakers" in recall.scope:
        found["speakers"] = _trims(present, saved)
    objects = _objects(present, saved, recall)
    return replace(present, objects=objects, compare=False, compare_gain_db=0.0, **found)


def undone(present: Scene, before: Scene) -> Scene:
    """The scene before a step: test signals are not repeated, and a comparison continues."""
    speakers = _trims(present, before)
    return replace(before, speakers=speakers, compare=present.compare, compare_gain_db=present.compare_gain_db)


def recall_of(scope: str | None, without: str | None, otherwise: Recall) -> Recall:
    """Recall settings from the arguments of a message: comma-separated kinds and objects.

    An empty scope, and what is None, is as in `otherwise`.

    Raises:
        RefusedError: an unknown kind, an invalid pattern, or too many.
    """
    return Recall(
        parse_words(scope, KINDS) if scope else otherwise.scope,
        otherwise.without if without is None else parse_left_out(without),
    )


def parse_left_out(text: str) -> tuple[str, ...]:
    """Comma-separated objects: ids, names or patterns, which need not match anything.

    Raises:
        RefusedError: an invalid pattern, or too many.
    """
    patterns = listed(text)
    if len(patterns) > MAX_LEFT_OUT:
        raise RefusedError(f"expected at most {MAX_LEFT_OUT} objects, got {len(patterns)}")
    for pattern in patterns:
        matches(pattern, "")
    check_stored(", ".join(patterns))
    return patterns


def _trims(present: Scene, other: Scene) -> Mapping[str, SpeakerTrim]:
    """The loudspeaker trims of another scene, with the current test signals."""
    untrimmed = SpeakerTrim()
    return MappingProxyType(
        {
            label: replace(
                other.speakers.get(label, untrimmed), identify=present.speakers.get(label, untrimmed).identify
            )
            for label in (*other.speakers, *present.speakers)
        }
    )


def _objects(present: Scene, saved: Scene, recall: Recall) -> tuple[SceneObject, ...]:
    fields = [name for kind in recall.scope for name in OBJECT_FIELDS.get(kind, ())]
    everything = set(recall.scope) >= OBJECT_FIELDS.keys()
    if everything and not recall.without:
        return saved.objects
    comes_and_goes = "objects" in recall.scope
    before = {o.id: o for o in present.objects}
    after = {o.id: o for o in saved.objects}
    stay = {o.id for o in (*present.objects, *saved.objects) if _is_left_out(o, recall.without)}
    ids = [*after, *(stay & before.keys() - after.keys())] if comes_and_goes else [*before]
    found = []
    for ident in ids:
        own, other = before.get(ident), after.get(ident)
        if own is None and other is not None and ident not in stay:
            found.append(other)
        elif own is not None:
            taken = other if other is not None and ident not in stay else own
            found.append(_with(own, taken, fields))
    while len(found) > MAX_OBJECTS:
        found.remove(next(o for o in reversed(found) if o.id not in before))
    return _named(found, before, stay)


def _is_left_out(item: SceneObject, patterns: Iterable[str]) -> bool:
    names = (item.name, item.own_name, str(item.id))
    return any(p in names or (is_pattern(p) and any(matches(p, name) for name in names)) for p in patterns)


def _with(own: SceneObject, other: SceneObject, fields: Iterable[str]) -> SceneObject:
    """The same object if nothing differs, so that its gains can be reused."""
    changes: dict[str, Any] = {n: getattr(other, n) for n in fields if getattr(other, n) != getattr(own, n)}
    found = replace(own, **changes) if changes else own
    most = len(found.channels) or 2
    return replace(found, outputs=found.outputs[:most]) if len(found.outputs) > most else found


def _named(
    objects: Sequence[SceneObject], before: Mapping[int, SceneObject], stay: set[int]
) -> tuple[SceneObject, ...]:
    """Objects with unique names: those that do not change keep theirs."""
    if len({o.name for o in objects}) == len(objects):
        return tuple(objects)
    taken = {o.name for o in objects if o.id in stay}
    found = []
    for item in objects:
        if item.id not in stay:
            own = (item.name, before[item.id].name if item.id in before else item.name, f"object-{item.id}")
            further = (f"object-{item.id}-{n}" for n in range(2, MAX_OBJECTS + 3))
            name = next(name for name in (*own, *further) if name not in taken)
            taken.add(name)
            item = item if name == item.name else replace(item, name=name)
        found.append(item)
    return tuple(found)
