"""Scenes put in force beside the loop: the last one asked for is the one that sounds."""

import asyncio
import logging
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from stemfield.control.audio.roles import engine_of
from stemfield.control.audio.service import Sound
from stemfield.control.audio.supervisor import Supervisor
from stemfield.control.config.configuration import Config
from stemfield.layouts.loader import load_layout
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT
from stemfield.renderer.panning import Panner
from stemfield.renderer.renderer import Room
from stemfield.renderer.scene.scene import STEMS, default_scene
from stemfield.separation.cards.card import load_card

LAYOUT = load_layout("22.2")


@pytest.fixture
def sound(tmp_path):
    config = Config(driver="clock", state_folder=tmp_path, monitor={"binaural": True})
    made = Sound(config, LAYOUT, None, None, lambda _: None)
    yield made
    made.close()


def gains_of(room):
    memory, at = room.engine.memory, room.engine._publisher.published
    return memory.target_gains[at].copy()


def test_after_a_drag_the_gains_are_those_of_the_last_place(sound):
    scene = default_scene()

    async def drag():
        sound.apply(scene)
        assert sound.levels() == SILENT
        await sound.start()
        for step in range(100):
            sound.apply(replace(scene, listener=(0.01 * step, 0.2, 0.0), head=(float(step), 0.0, 0.0)))
            await asyncio.sleep(0.002)

    asyncio.run(drag())
    last = replace(scene, listener=(0.99, 0.2, 0.0))
    sound._gains.settle(10)
    engine = Engine(48_000, 2, 0, 24, len(STEMS), 4000, sound.room.engine.chain)
    engine.exchange.close()
    fresh = Room(LAYOUT, Panner(LAYOUT), engine)
    fresh.apply(last)
    np.testing.assert_array_equal(gains_of(sound.room), gains_of(fresh))


def test_the_way_of_the_stems_is_what_the_other_machine_says_and_the_bridge_to_it(tmp_path):
    peer = {"host": "10.0.0.1", "bridge_ms": 20.0}
    config = Config(role="renderer", driver="clock", state_folder=tmp_path, peer=peer)
    made = Sound(config, LAYOUT, None, None, lambda _: None)
    asyncio.run(made.start())
    own_ms = made.state().path_ms
    made.upstream_ms = lambda: 300.0
    assert made.state().path_ms == own_ms + 320.0
    made.reconfigure(config.model_copy(update={"peer": config.peer.model_copy(update={"bridge_ms": 30.0})}))
    assert made.state().path_ms == own_ms + 330.0
    made.close()


def test_a_scene_that_was_there_before_the_sound_is_in_force_from_the_first_block(sound):
    scene = replace(default_scene(), master_gain_db=-20.0)
    sound.apply(scene)
    asyncio.run(sound.start())
    assert sound.room.engine.memory.target_gains[sound.room.engine._publisher.published][0, -2].max() == pytest.approx(
        0.1
    )
    assert sound.room.engine.outputs == 26


def test_offering_never_waits_for_what_is_being_worked_out(sound, monkeypatch):
    asyncio.run(sound.start())
    free, done = threading.Event(), []
    monkeypatch.setattr(Room, "follow", lambda _, cues: done.append((free.wait(10), cues)))
    scenes = [replace(default_scene(), master_gain_db=-float(n)) for n in range(50)]
    for scene in scenes:
        sound.apply(scene)
    assert not done, "whoever offers got back before any of it was worked out"
    free.set()
    sound._gains.settle(10)
    assert done[-1][1][0].scene is scenes[-1]
    assert len(done) <= 2, "what was overtaken is left out"


class Worker:
    pid = 1

    def poll(self):
        return None

    def wait(self, _):
        return 0

    def terminate(self):
        pass


@pytest.fixture
def separating(tmp_path, monkeypatch):
    """A sound with a model, another model that needs 100 ms more, and which of them workers were started with."""
    card = load_card("light")
    other, started = card.model_copy(update={"name": "other"}), []
    monkeypatch.setattr(
        "stemfield.control.audio.service.live_latency_frames", lambda one, _: 4800 if one.name == "other" else 100
    )
    made = Sound(Config(driver="clock", state_folder=tmp_path), LAYOUT, card, None, lambda _: None)
    monkeypatch.setattr(made, "_start_worker", lambda _, one, heir=False: started.append(one.name) or Worker())
    yield made, other, started
    made.close()


def test_a_model_asked_for_while_the_engine_is_made_is_refused_where_that_is_too_quick_for_it(
    separating, monkeypatch, caplog
):
    sound, other, started = separating
    with_a_wish = lambda *given: (sound.use_model(other), engine_of(*given))[1]  # noqa: E731
    monkeypatch.setattr("stemfield.control.audio.service.engine_of", with_a_wish)
    with caplog.at_level(logging.ERROR):
        asyncio.run(sound.start())
    sound.look_after(time.monotonic())
    assert (started, sound.model) == (["meridian-light"], "meridian-light")
    (told,) = caplog.records
    assert "model other needs" in told.getMessage()


def test_of_two_models_asked_for_while_it_starts_the_newer_plays(separating, monkeypatch):
    """The first while there is no engine, the second when there is one, which is not called yet."""
    sound, other, _ = separating
    first, second = (other.model_copy(update={"name": name}) for name in ("first", "second"))
    sound.use_model(first)
    monkeypatch.setattr(sound._gains, "settle", lambda _: None)
    start = sound._link._start
    monkeypatch.setattr(sound._link, "_start", lambda *given: (sound.use_model(second), start(*given))[1])
    asyncio.run(sound.start())
    assert sound.model == "second"


def test_a_model_asked_for_in_the_first_moment_of_the_engine_makes_no_second_worker(separating, monkeypatch):
    sound, other, started = separating
    other, made = other.model_copy(update={"name": "light too"}), []
    monkeypatch.setattr(sound._gains, "settle", lambda _: sound.use_model(other))
    monkeypatch.setattr(
        "stemfield.control.audio.service.Supervisor", lambda *given: made.append(Supervisor(*given)) or made[-1]
    )
    sound.apply(default_scene())
    asyncio.run(sound.start())
    sound.look_after(time.monotonic())
    assert len(made) == 1
    assert (started, sound.model) == (["light too"], "light too")


def test_an_end_that_comes_in_the_moment_of_an_answer_is_heard(sound, monkeypatch):
    """A daemon that passes over it mends for ever, and its service manager has to kill it."""

    async def end():
        answer = asyncio.get_running_loop().create_future()

        async def in_lane(_):
            return await answer

        monkeypatch.setattr(sound, "_in_lane", in_lane)
        for turns in range(6):
            answer = asyncio.get_running_loop().create_future()
            mending = asyncio.create_task(mend_on())
            await asyncio.sleep(0.01)
            answer.set_result(True)
            for _ in range(turns):
                await asyncio.sleep(0)
            mending.cancel()
            done, _ = await asyncio.wait([mending], timeout=0.5)
            assert done, f"an end {turns} turns after the answer is passed over"

    async def mend_on():
        while True:
            await sound.mend()
            await asyncio.sleep(0.01)

    asyncio.run(end())
