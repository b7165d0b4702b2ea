"""Scenes are applied beside the event loop: the last one requested is the one that plays."""

import asyncio
import logging
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from stemfield.control.audio.model_worker import ModelWorker
from stemfield.control.audio.service import AudioService
from stemfield.control.config.configuration import Config
from stemfield.layouts.loader import load_layout
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.levels import SILENT
from stemfield.renderer.engine.memory import Word
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import STEMS, Levelling, default_scene
from stemfield.separation.cards.card import load_card

LAYOUT = load_layout("22.2")


@pytest.fixture
def audio(tmp_path):
    config = Config(driver="clock", state_folder=tmp_path, monitor={"binaural": True})
    made = AudioService(config, LAYOUT, ModelWorker(config, None), None, lambda _: None)
    yield made
    made.close()


def gains_of(room):
    memory, at = room.engine.memory, room.engine.publisher.published
    return memory[Word.TARGET_GAINS][at].copy()


def test_after_a_drag_the_gains_are_those_of_the_last_place(audio):
    scene = default_scene()

    async def drag():
        audio.apply(scene)
        assert audio.levels() == SILENT
        await audio.start()
        for step in range(100):
            audio.apply(replace(scene, listener=(0.01 * step, 0.2, 0.0), head=(float(step), 0.0, 0.0)))
            await asyncio.sleep(0.002)

    asyncio.run(drag())
    last = replace(scene, listener=(0.99, 0.2, 0.0))
    audio._gains.settle(10)
    engine = Engine(48_000, 2, 0, 24, len(STEMS), 4000, audio.renderer.engine.chain)
    engine.timeline.close()
    fresh = Renderer(LAYOUT, Panner(LAYOUT), engine)
    fresh.apply(last)
    np.testing.assert_array_equal(gains_of(audio.renderer), gains_of(fresh))


def test_the_latency_of_the_stems_is_what_the_other_machine_says_and_the_bridge_to_it(tmp_path):
    peer = {"host": "10.0.0.1", "bridge_ms": 20.0}
    config = Config(role="renderer", driver="clock", state_folder=tmp_path, peer=peer)
    made = AudioService(config, LAYOUT, ModelWorker(config, None), None, lambda _: None)
    asyncio.run(made.start())
    own_ms = made.state().path_ms
    made.upstream_ms = lambda: 300.0
    assert made.state().path_ms == own_ms + 320.0
    made.reconfigure(config.model_copy(update={"peer": config.peer.model_copy(update={"bridge_ms": 30.0})}))
    assert made.state().path_ms == own_ms + 330.0
    made.close()


def test_a_scene_that_was_there_before_the_sound_is_in_force_from_the_first_block(audio):
    scene = replace(default_scene(), master_gain_db=-20.0)
    audio.apply(scene)
    asyncio.run(audio.start())
    assert audio.renderer.engine.memory[Word.TARGET_GAINS][audio.renderer.engine.publisher.published][
        0, -2
    ].max() == pytest.approx(0.1)
    assert audio.renderer.engine.outputs == 26


def test_offering_never_waits_for_what_is_being_worked_out(audio, monkeypatch):
    asyncio.run(audio.start())
    free, done = threading.Event(), []
    monkeypatch.setattr(Renderer, "follow", lambda _, cues: done.append((free.wait(10), cues)))
    scenes = [replace(default_scene(), master_gain_db=-float(n)) for n in range(50)]
    for scene in scenes:
        audio.apply(scene)
    assert not done, "whoever offers got back before any of it was worked out"
    free.set()
    audio._gains.settle(10)
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


class Separating(ModelWorker):
    """Starts no process."""

    def __init__(self, config, card):
        super().__init__(config, card)
        self.started, self.supervisors = [], 0
        self.while_the_engine_is_made = lambda: None

    def prepare(self, rate_hz, period_frames):
        latency = super().prepare(rate_hz, period_frames)
        self.while_the_engine_is_made()
        return latency

    def begin(self, engine):
        self.supervisors += 1
        super().begin(engine)

    def _start(self, _, card, successor):
        self.started.append(card.name)
        return Worker()


@pytest.fixture
def separating(tmp_path, monkeypatch):
    """Running audio with a model, the model's worker, and another model, which needs 100 ms more."""
    latency = "stemfield.control.audio.model_worker.live_latency_frames"
    monkeypatch.setattr(latency, lambda one, _: 4800 if one.name == "other" else 100)
    config, card = Config(driver="clock", state_folder=tmp_path), load_card("light")
    model = Separating(config, card)
    made = AudioService(config, LAYOUT, model, None, lambda _: None)
    yield made, model, card.model_copy(update={"name": "other"})
    made.close()


def test_a_model_requested_while_the_engine_is_made_is_refused_where_that_is_too_quick_for_it(separating, caplog):
    audio, model, other = separating
    model.while_the_engine_is_made = lambda: audio.use_model(other)
    with caplog.at_level(logging.ERROR):
        asyncio.run(audio.start())
    audio.look_after(time.monotonic())
    assert (model.started, audio.model) == (["meridian-light"], "meridian-light")
    (told,) = caplog.records
    assert "model other needs" in told.getMessage()


def test_of_two_models_requested_while_it_starts_the_newer_plays(separating, monkeypatch):
    """The first while there is no engine, the second when there is one, which is not called yet."""
    audio, _, other = separating
    first, second = (other.model_copy(update={"name": name}) for name in ("first", "second"))
    audio.use_model(first)
    monkeypatch.setattr(audio._gains, "settle", lambda _: None)
    start = audio._link._start
    monkeypatch.setattr(audio._link, "_start", lambda *given: (audio.use_model(second), start(*given))[1])
    asyncio.run(audio.start())
    assert audio.model == "second"


def test_a_model_requested_in_the_first_moment_of_the_engine_makes_no_second_worker(separating, monkeypatch):
    audio, model, other = separating
    other = other.model_copy(update={"name": "light too"})
    monkeypatch.setattr(audio._gains, "settle", lambda _: audio.use_model(other))
    audio.apply(default_scene())
    asyncio.run(audio.start())
    audio.look_after(time.monotonic())
    assert model.supervisors == 1
    assert (model.started, audio.model) == (["light too"], "light too")


def test_a_cancellation_that_coincides_with_an_answer_is_not_lost(audio, monkeypatch):
    """A daemon that misses it mends forever, and its service manager has to kill it."""

    async def end():
        answer = asyncio.get_running_loop().create_future()

        async def run(_):
            return await answer

        monkeypatch.setattr(audio, "_run", run)
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
            await audio.mend()
            await asyncio.sleep(0.01)

    asyncio.run(end())


def test_the_recording_is_levelled_before_it_is_separated(audio):
    """Its meter shows it as it comes in, and the comparison at equal loudness knows the gain."""
    engine = Engine(48_000, 2, 0, 24, 0, 0)
    audio.renderer = Renderer(LAYOUT, Panner(LAYOUT), engine)
    random = np.random.default_rng(0)
    gains_db = []
    for on in (False, True, False):
        audio.apply(replace(default_scene(), levelling=Levelling(on, -30.0)))
        audio._gains.settle(10)
        for _ in range(100):
            noise = (0.05 * random.standard_normal((2, 4800))).astype(np.float32)
            engine.process(noise, np.zeros((24, 4800), np.float32))
            audio.look_after(0.0)
        gains_db.append((audio.levelling_db(), 20 * np.log10(engine.memory[Word.INPUT_GAIN][0])))
        assert abs(audio.match_db()) < 0.5
        assert audio.levels().mixture[1] == pytest.approx(-26.0, abs=0.3)
    assert gains_db[0] == gains_db[2] == (0.0, 0.0)
    assert gains_db[1][0] == pytest.approx(-9.0, abs=1.1)
    assert gains_db[1][1] == pytest.approx(gains_db[1][0], abs=0.2)


def test_the_loudness_of_lasting_silence_is_measured_later_and_that_of_sound_at_once(audio):
    engine = Engine(48_000, 2, 0, 24, 0, 0)
    audio.renderer = Renderer(LAYOUT, Panner(LAYOUT), engine)
    audio.apply(default_scene())
    audio._gains.settle(10)
    now_s, reads = 100.0, []

    def play(seconds: float, level: float) -> None:
        nonlocal now_s
        noise = (level * np.random.default_rng(0).standard_normal((2, 24_000))).astype(np.float32)
        for _ in range(round(2 * seconds)):
            engine.process(noise, np.zeros((24, 24_000), np.float32))
            now_s += 0.5
            audio.look_after(now_s)
            reads.append(audio._loudness._read)

    play(2.0, 0.1)
    loud = audio.loudness().mixture
    assert loud.momentary_lufs > -30.0
    play(8.0, 0.0)
    assert audio.is_silent
    quiet = audio.loudness().mixture
    assert (quiet.momentary_lufs, quiet.short_term_lufs) == (-120.0, -120.0)
    assert quiet.integrated_lufs == pytest.approx(loud.integrated_lufs, abs=0.5)
    play(30.0, 0.0)
    assert 4 <= len(set(reads[-60:])) <= 5, "every ten seconds"
    play(0.5, 0.1)
    assert not audio.is_silent
    assert reads[-1] == 4050, "all of it"
    assert audio.loudness().mixture.momentary_lufs == pytest.approx(loud.momentary_lufs, abs=0.5)
