"""What of a kept scene is taken up, and what stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from daemon_process import bundle_at

from stemfield.control.parameters.context import Context
from stemfield.control.parameters.recall import KINDS, OBJECT_FIELDS, SCENE_FIELDS, recall_of, recalled, undone
from stemfield.control.parameters.table import TABLE
from stemfield.control.scenes.file import scene_from_dict, scene_to_dict
from stemfield.layouts.model import EqBand
from stemfield.layouts.problems import RefusedError
from stemfield.renderer.scene.scene import (
    MAX_OBJECTS,
    DistanceLaw,
    Group,
    Levelling,
    Recall,
    Scene,
    SceneObject,
    Sector,
    Separation,
    SpeakerTrim,
)

OTHER: dict[str, Any] = {
    "type": "plane",
    "position": (0.0, 2.0, 0.5),
    "width_deg": 33.0,
    "height_deg": 11.0,
    "diffuseness": 0.5,
    "channel_lock_deg": 5.0,
    "smooth_s": 1.0,
    "exclude": ("U*",),
    "exclude_sector": Sector(10.0, 20.0),
    "outputs": (("M+030",),),
    "dref": 0.5,
    "dmax_m": 3.0,
    "level": 0.25,
    "mute": True,
    "solo": True,
    "eq": (EqBand("peak", 1000.0, 1.0, 3.0),),
    "group": 7,
    "name": "renamed",
    "label": "The singer",
    "channels": (),
    "priority": 3,
}
OTHER_SCENE: dict[str, Any] = {
    "amount": 0.5,
    "distance": DistanceLaw("inverse"),
    "groups": {7: Group(-3.0)},
    "separation": Separation(threshold=0.5),
    "master_gain_db": -6.0,
    "master_mute": True,
    "night": True,
    "levelling": Levelling(on=True, target_lufs=-23.0),
    "speakers": {"M+030": SpeakerTrim(-2.0)},
    "listener": (0.5, 0.0, 0.0),
    "monitor_gain_db": -9.0,
    "monitor_mute": True,
}


def other(scene: Scene) -> Scene:
    """Every field of one object, and of the scene, has another value."""
    return replace(scene.with_object(replace(scene.objects[0], **OTHER)), **OTHER_SCENE)


def different(one: object, two: object) -> set[str]:
    return {f.name for f in fields(one) if getattr(one, f.name) != getattr(two, f.name)}  # type: ignore[arg-type]


def test_every_stored_value_belongs_to_a_kind() -> None:
    for row in TABLE:
        own = row.variable == "{label}" or row.address.startswith(("/scene/recall/", "/scene/follow"))
        assert (row.recall is not None and bool(row.field)) == (row.stored and not own), row.address


def test_every_field_belongs_to_one_kind() -> None:
    of_objects = [name for names in OBJECT_FIELDS.values() for name in names]
    assert sorted([*of_objects, "id", "kind", "own_name"]) == sorted(f.name for f in fields(SceneObject))
    of_scene = [name for names in SCENE_FIELDS.values() for name in names]
    # How the head is turned, what is compared and how scenes are recalled are no scene's.
    stays = ("objects", "speakers", "head", "recall", "compare", "compare_gain_db")
    assert sorted([*of_scene, *stays]) == sorted(f.name for f in fields(Scene))
    assert {*OBJECT_FIELDS, *SCENE_FIELDS, "loudspeakers"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_changes_what_it_says_and_nothing_else(context: Context, kind: Any) -> None:
    present, kept = context.defaults, other(context.defaults)
    assert different(present.objects[0], kept.objects[0]) == OTHER.keys() - {"channels"}
    found = recalled(present, kept, Recall((kind,)))
    assert different(found.objects[0], present.objects[0]) == set(OBJECT_FIELDS.get(kind, ())) - {"channels"}
    assert found.objects[1:] == present.objects[1:]
    expected = {"speakers"} if kind == "loudspeakers" else set(SCENE_FIELDS.get(kind, ()))
    assert different(found, replace(present, objects=found.objects)) == expected
    for name in OBJECT_FIELDS.get(kind, ()):
        assert getattr(found.objects[0], name) == OTHER[name]
    assert recalled(present, kept, Recall(())) == present
    everything = recalled(present, kept, Recall(KINDS))
    assert everything == kept


def test_objects_that_are_left_out_stay_whatever_happens_to_the_others(context: Context) -> None:
    present = context.defaults
    kept = replace(present, objects=tuple(replace(o, level=0.1, name=f"new-{o.name}") for o in present.objects))
    for without in (("vocals",), ("0",), ("voc*",), ("no such", "v?cals"), ("{vocals,nobody}",)):
        found = recalled(present, kept, Recall(without=without))
        assert found.objects[0] is present.objects[0], without
        assert found.objects[1:] == kept.objects[1:]
    assert recalled(present, kept, Recall(without=("*",))).objects == present.objects


def test_added_objects_come_and_go_with_their_kind_unless_left_out(context: Context) -> None:
    added = [SceneObject(n, f"object-{n}", "input", (0,)) for n in (20, 21, 22)]
    present = replace(context.defaults, objects=(*context.defaults.objects, added[0], added[1]))
    kept = replace(context.defaults, objects=(*context.defaults.objects, added[1], added[2]))

    def ids(**recall: Any) -> list[int]:
        return sorted(o.id for o in recalled(present, kept, Recall(**recall)).objects if o.id >= 20)

    assert ids() == [21, 22]
    assert ids(scope=("positions", "gains")) == [20, 21]
    assert ids(without=("object-20", "object-22")) == [20, 21]
    full = replace(present, objects=tuple(SceneObject(n, f"o-{n}", "input", (0,)) for n in range(MAX_OBJECTS)))
    later = replace(full, objects=tuple(replace(o, id=o.id + 1000, name=f"p-{o.id}") for o in full.objects))
    found = recalled(full, later, Recall(without=("o-1*",))).objects
    assert len(found) == MAX_OBJECTS
    assert {o.name for o in full.objects if o.name.startswith("o-1")} <= {o.name for o in found}


def test_two_objects_never_share_a_name(context: Context) -> None:
    present = context.defaults
    vocals, bass, *rest = present.objects
    kept = replace(present, objects=(replace(vocals, name="lead"), replace(bass, name="vocals"), *rest))
    found = recalled(present, kept, Recall(without=("vocals",)))
    assert [o.name for o in found.objects[:2]] == ["vocals", "bass"]
    taken = replace(bass, name="object-20")
    present = replace(present, objects=(vocals, taken, *rest))
    kept = replace(kept, objects=(*kept.objects, SceneObject(20, "object-20", "input", (0,))))
    found = recalled(present, kept, Recall(without=("1",)))
    names = [o.name for o in found.objects]
    assert len(set(names)) == len(names)
    assert found.objects[1] is taken


def test_what_is_the_same_stays_the_very_same(context: Context) -> None:
    present = context.defaults
    kept = present.with_object(replace(present.objects[1], level=0.5))
    found = recalled(present, kept, Recall(scope=("gains", "eq")))
    assert [a is b for a, b in zip(found.objects, present.objects, strict=True)] == [
        index != 1 for index in range(len(present.objects))
    ]


def test_words_that_cannot_be_understood_are_explained() -> None:
    with pytest.raises(RefusedError, match=r"expected positions, gains, .*, got 'gain', did you mean gains"):
        recall_of("positions, gain", None, Recall())
    with pytest.raises(RefusedError, match="expected at most 128 objects, got 129"):
        recall_of(None, ",".join(map(str, range(129))), Recall())
    with pytest.raises(RefusedError):
        recall_of(None, "vocals[", Recall())
    own = Recall(("eq",), ("bass",))
    assert recall_of(None, None, own) == recall_of("", None, own) == own
    assert recall_of("gains,positions", "", own) == Recall(("positions", "gains"), ())


def test_by_osc_for_every_recall_and_for_one(control: Any, peer: Any, until: Callable[..., None]) -> None:
    assert peer.ask("/scene/recall/scope") == ["positions, gains, eq, groups, objects, separation"]
    for name, azimuth, gain in (("one", 40.0, -6.0), ("two", -40.0, -12.0)):
        peer.send("/object/{vocals,bass}/azimuth", azimuth)
        peer.send("/object/{vocals,bass}/gain", gain)
        peer.send("/master/gain", gain)
        peer.send("/scene/save", name)
    until(lambda: {"one", "two"} <= {*peer.ask("/scene/list")}, 5, "both are kept")

    def state() -> list[float]:
        asked = ("vocals/azimuth", "vocals/gain", "bass/azimuth", "bass/gain")
        numbers = [peer.ask(f"/object/{what}")[0] for what in asked]
        return [round(float(n)) for n in (*numbers, peer.ask("/master/gain")[0])]

    peer.send("/scene/load", "one", 0.0, "gains", "")
    assert state() == [-40, -6, -40, -6, -12]
    peer.send("/scene/load", "one", 0.0, "", "voc*")
    assert state() == [-40, -6, 40, -6, -12]
    peer.send("/scene/recall/scope", "master, positions")
    peer.send("/scene/recall/without", "bass")
    assert peer.ask("/scene/recall/scope") == ["positions, master"]
    peer.send("/scene/load", "one")
    assert state() == [40, -6, 40, -6, -6]
    peer.send("/scene/load", "two")
    assert state() == [-40, -6, 40, -6, -12]
    peer.send("/scene/load", "two", 0.0, "place")
    assert peer.receive()[1][1].startswith("expected positions")
    peer.send("/scene/recall/without", "a[")
    assert peer.receive()[0] == "/error"
    peer.send("/scene/reset")
    assert state()[:4] == [0, 0, 0, 0]
    assert peer.ask("/scene/recall/without") == ["bass"]
    at_s = time.time() + 0.2
    peer.send_bytes(bundle_at(at_s, "/scene/load", "one"))
    until(lambda: peer.ask("/master/gain") == [-6.0], 5, "its time has come")
    assert state() == [40, 0, 0, 0, -6]


def test_how_scenes_are_recalled_survives_a_restart_and_is_no_scenes_own(context: Context) -> None:
    own = replace(context.defaults, recall=Recall(("gains",), ("vocals", "b*")))
    assert scene_from_dict(scene_to_dict(own, context), context) == (own, ())
    assert recalled(context.defaults, own).recall == Recall()


def test_a_comparison_is_no_step_and_a_recall_ends_it(control: Any, peer: Any) -> None:
    peer.send("/object/bass/gain", -6.0)
    control.hub.history.end_step()
    peer.send("/scene/compare", 1)
    peer.send("/scene/compare", 0)
    peer.send("/scene/compare", 1)
    peer.send("/scene/undo")
    assert peer.ask("/object/bass/gain") == [0.0]
    assert peer.ask("/scene/compare") == [True]
    peer.send("/scene/redo")
    assert peer.ask("/object/bass/gain") == pytest.approx([-6.0])
    peer.send("/scene/compare", 0)
    peer.send("/scene/undo")
    assert peer.ask("/scene/compare") == [False]
    peer.send("/scene/undo")
    assert peer.received() == [("/error", ["/scene/undo", "nothing to undo"])]
    before = replace(control.hub.scene, compare=True, compare_gain_db=3.0)
    assert undone(before, control.hub.scene).compare_gain_db == 3.0
    assert not recalled(before, control.hub.scene).compare
