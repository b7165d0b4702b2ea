from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.group_rows import MAX_GROUPS
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.file import scene_from_dict, scene_to_dict
from stemfield.layouts.loader import load_layout
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.object_gains import ObjectGains
from stemfield.renderer.scene.scene import Scene


def do(scene: Scene, context: Context, address: str, *values: object) -> Scene:
    changed, problems = apply(scene, SetParameter(address, values), context)
    assert not problems
    return changed


def test_a_group_turns_as_a_whole_and_back(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/aed", 10, 20, 2)
    scene = do(scene, context, "/object/{vocals,bass}/group", 3)
    turned = do(scene, context, "/group/3/rotate", 90)
    again = do(turned, context, "/group/3/rotate", 90)
    assert again.objects == turned.objects  # a lost or doubled message does no harm
    back = do(turned, context, "/group/3/rotate", 0)
    for before, there, after in zip(scene.objects, turned.objects, back.objects, strict=True):
        x, y, z = before.position
        expected = (-y, x, z) if before.name in ("vocals", "bass") else before.position
        assert there.position == pytest.approx(expected, abs=1e-12)
        assert after.position == pytest.approx(before.position, abs=1e-12)


def test_gain_and_mute_of_a_group_are_heard_beside_the_objects_own(context: Context) -> None:
    layout = load_layout("quad")
    gains = ObjectGains(layout, Panner(layout), 48_000.0)
    scene = do(context.defaults, context, "/object/bass/group", 2)
    gains.show(scene)
    before = gains.direct.copy()
    gains.show(do(scene, context, "/group/2/gain", -20))
    np.testing.assert_allclose(gains.direct[2:4], 0.1 * before[2:4], rtol=1e-6)
    np.testing.assert_array_equal(np.delete(gains.direct, [2, 3], 0), np.delete(before, [2, 3], 0))
    gains.show(do(scene, context, "/group/2/mute", True))
    assert not gains.direct[2:4].any()
    gains.show(scene)
    np.testing.assert_array_equal(gains.direct, before)


def test_groups_survive_a_restart_without_turning_twice(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/group", 7)
    scene = do(scene, context, "/group/7/rotate", 45)
    scene = do(scene, context, "/group/0/rotate", -30)
    scene = do(scene, context, "/group/7/mute", True)
    assert scene_from_dict(scene_to_dict(scene, context), context) == (scene, ())


def test_patterns_find_the_groups_that_are_used(control: Any, peer: Any) -> None:
    peer.send("/object/drums/group", 12)
    peer.send("/group/9/gain", -3)
    peer.received()
    peer.send("/group/*/gain")
    assert peer.received() == [("/group/0/gain", [0.0]), ("/group/9/gain", [-3.0]), ("/group/12/gain", [0.0])]
    peer.send("/subscribe", "/group/*/gain", 60)
    peer.received()
    peer.send("/group/30/gain", -5)
    assert peer.receive() == ("/group/30/gain", [-5.0])


def test_the_number_of_groups_is_bounded(context: Context) -> None:
    scene = context.defaults
    for number in range(MAX_GROUPS):
        scene = do(scene, context, f"/group/{number}/gain", -1)
    full, (problem,) = apply(scene, SetParameter("/group/500/gain", [-1]), context)
    assert full is scene
    assert "128 groups" in problem.reason
    do(scene, context, "/group/5/gain", -2)


def test_no_turn_leads_where_a_scene_file_could_not_follow(context: Context) -> None:
    scene = do(context.defaults, context, "/object/vocals/position", 1000, 1000, 300)
    scene = do(scene, context, "/group/0/rotate", -45)
    assert scene.objects[0].position == pytest.approx((1000, 0, 300 / 2**0.5))
    scene = do(scene, context, "/adm/obj/1/dmax", 900)
    scene = do(scene, context, "/object/bass/aed", 33, 90, 1000)
    scene = do(scene, context, "/object/drums/position", 900, 900, 900)
    scene = do(scene, context, "/object/drums/elevation", 0)
    assert scene_from_dict(scene_to_dict(scene, context), context) == (scene, ())


def test_what_a_group_links_is_part_of_the_scene(control: Any, peer: Any, context: Context) -> None:
    peer.send("/object/{bass,drums}/group", 3)
    assert peer.ask("/group/3/links") == ["position"]
    assert peer.ask("/group/3/mirrored") == [False]
    peer.send("/group/3/links", "mute,level , position")
    peer.send("/group/3/mirrored", 1)
    assert peer.ask("/group/3/links") == ["position, level, mute"]
    scene = control.hub.scene
    assert scene_from_dict(scene_to_dict(scene, context), context) == (scene, ())
    peer.send("/group/3/links", "position, levle")
    assert peer.receive()[1][1] == "expected position, level, mute, solo, width, got 'levle', did you mean level?"
    peer.send("/group/3/links", "")
    assert peer.ask("/group/3/links") == [""]
    peer.send("/scene/undo")
    assert control.settled().hub.scene.groups.get(3) is None  # one step, as all of it came at once
