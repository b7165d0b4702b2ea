"""Scenes that are delayed so that mirrors change together with this room."""

from __future__ import annotations

import asyncio

import pytest

from stemfield.control.audio.scene_delay import SceneDelay
from stemfield.renderer.engine.plan import MAX_TARGETS
from stemfield.renderer.scene.scene import default_scene
from stemfield.renderer.scene.timed_scene import TimedScene


def test_scenes_are_delayed_in_order_and_scheduled_ones_by_as_much():
    told: list[tuple[float, list[TimedScene]]] = []
    scenes = [default_scene([(f"in{n}", (0,))]) for n in range(4)]

    async def play():
        loop = asyncio.get_running_loop()
        delay = SceneDelay(lambda cues: told.append((loop.time(), list(cues))), 0.05, TimedScene(scenes[0]))
        begun_s = loop.time()
        delay.follow((TimedScene(scenes[1]), TimedScene(scenes[2], 0.0, begun_s + 0.1)))
        await asyncio.sleep(0.11)
        delay.follow((TimedScene(scenes[2]),))
        delay.follow((TimedScene(scenes[3]),))
        await asyncio.sleep(0.2)
        delay.close()
        return begun_s

    begun_s = asyncio.run(play())
    _, cues = told[0]
    assert [cue.scene for cue in cues] == scenes[:3]
    assert [cue.at_s - begun_s for cue in cues[1:]] == pytest.approx([0.05, 0.15], abs=0.02)
    begins = {id(cue.scene): cue.at_s - begun_s for _, cues in told for cue in cues}
    assert begins[id(scenes[2])] == pytest.approx(0.15, abs=1e-6)
    assert told[-1][1] == [told[-1][1][0]]
    assert told[-1][1][0].scene is scenes[3]


def test_no_more_is_worked_out_ahead_than_a_plan_holds():
    told = []

    async def play():
        delay = SceneDelay(told.append, 0.1, TimedScene(default_scene()))
        for n in range(100):
            delay.follow((TimedScene(default_scene([(f"in{n}", (0,))])),))
        delay.close()

    asyncio.run(play())
    assert max(map(len, told)) == MAX_TARGETS


def test_a_delay_that_ends_puts_the_newest_scene_in_force_at_once():
    told, scenes = [], [default_scene([(f"in{n}", (0,))]) for n in range(3)]

    async def play():
        delay = SceneDelay(told.append, 0.05, TimedScene(scenes[0]))
        for scene in scenes[1:]:
            delay.follow((TimedScene(scene),))
        delay.end()
        await asyncio.sleep(0.1)

    asyncio.run(play())
    assert [cue.scene for cue in told[-1]] == [scenes[2]]
    assert len(told) == 3, "nothing follows later"
