"""Roles by themselves: what is refused where, which rows stems have, and scenes that are heard later."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import numpy as np
import pytest

from stemfield.control.audio.roles import SILENT_ROWS, STEM_PORTS, elsewhere, engine_of, ports_of
from stemfield.control.audio.scene_delay import SceneDelay
from stemfield.control.audio.stem_outputs import StemOutputs
from stemfield.control.config.configuration import Config, ConfigError, parse_config
from stemfield.control.dialects.osc import Message, encode, in_bundles, parse
from stemfield.control.network.upstream import Upstream
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.scenes.changes import compare
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.file import render
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.engine.plan import STEPS
from stemfield.renderer.panning import Panner
from stemfield.renderer.renderer import Room
from stemfield.renderer.scene.scene import default_scene
from stemfield.renderer.scene.timed_scene import TimedScene

QUAD = load_layout("quad")
RATE_HZ = 48_000


def context(role, *, has_peer=False):
    return Context(QUAD.labels, default_scene(), elsewhere=partial(elsewhere, role, has_peer), status=idle_status())


@pytest.mark.parametrize(
    ("role", "has_peer", "address", "value", "where"),
    [
        ("renderer", False, "/separation/threshold", 0.5, "role: separation"),
        ("renderer", True, "/separation/threshold", 0.5, ""),
        ("renderer", False, "/separation/vocals/gain", -6.0, ""),
        ("renderer", False, "/object/vocals/gain", -6.0, ""),
        ("separation", False, "/separation/threshold", 0.5, ""),
        ("separation", False, "/separation/vocals/gain", -6.0, "role: renderer"),
        ("separation", False, "/object/vocals/gain", -6.0, "role: renderer"),
        ("separation", False, "/adm/obj/1/gain", 0.5, "role: renderer"),
        ("separation", False, "/master/gain", -6.0, "role: renderer"),
        ("separation", False, "/scene/amount", 0.5, "role: renderer"),
        ("both", False, "/separation/threshold", 0.5, ""),
        ("both", False, "/object/vocals/gain", -6.0, ""),
    ],
)
def test_what_belongs_to_the_other_machine_is_refused_with_where(role, has_peer, address, value, where):
    before = default_scene()
    after, problems = apply(before, SetParameter(address, (value,)), context(role, has_peer=has_peer))
    assert (after == before) == bool(where)
    assert [where in p.reason for p in problems] == ([True] if where else [])


def test_stems_that_come_in_sound_like_stems_and_direct_inputs_beside_them():
    """Each of the ports alone is heard at its object's loudspeaker, at full level, at once."""
    config = Config(role="renderer", inputs=({"name": "mic"},))
    ports = ports_of(config, QUAD)
    assert ports.music == STEM_PORTS
    chain = design_chain(QUAD, RATE_HZ)
    engine = engine_of("renderer", ports, RATE_HZ, 0, chain)
    room = Room(QUAD, Panner(QUAD), engine, stem_row=SILENT_ROWS)
    scene = config.default_scene()
    places = {"vocals": (1.0, 1.0, 0.0), "bass": (1.0, -1.0, 0.0), "mic": (-1.0, -1.0, 0.0)}
    for item in scene.objects:
        at = places.get(item.name, (-1.0, 1.0, 0.0))
        scene = scene.with_object(type(item)(item.id, item.name, item.kind, item.channels, position=at))
    room.apply(scene)
    engine.settle()
    sound = np.random.default_rng(0).uniform(-0.05, 0.05, (11, 4096)).astype(np.float32)
    heard = np.concatenate(list(render(engine, [sound], lambda _: None)), axis=1)
    rows = {"M+045": [0, 1], "M-045": [2, 3], "M+135": [4, 5, 6, 7, 8, 9], "M-135": [10]}
    for label, own in rows.items():
        feed = heard[QUAD.labels.index(label)]
        assert np.abs(feed - sound[own].sum(0)).max() < 1e-5
    engine.exchange.close()


def test_stems_that_leave_sum_to_the_delayed_mixture():
    ports = ports_of(Config(role="separation"), QUAD)
    engine = engine_of("separation", ports, RATE_HZ, 1000, design_chain(QUAD, RATE_HZ))
    outputs = StemOutputs(engine)
    outputs.follow((TimedScene(default_scene()),))
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8192)).astype(np.float32)
    gains = np.array([0.1, 0.2, 0.3, 0.15], np.float32)[:, None, None]
    engine.settle()
    engine.exchange.write_stems(gains * np.pad(sound, ((0, 0), (0, 2000))))
    feeds = np.concatenate(list(render(engine, [sound], lambda _: None)), axis=1)
    for side in range(2):
        assert np.abs(feeds[side::2].sum(0) - sound[side]).max() < 1e-6
        assert np.abs(feeds[side] - np.float32(0.1) * sound[side]).max() < 1e-6
    assert set(outputs.levels().speakers) <= set(STEM_PORTS)
    engine.exchange.close()


def test_scenes_are_heard_later_in_their_order_and_what_has_a_time_at_that_time():
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
    assert max(map(len, told)) == STEPS


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


def test_bundles_carry_a_time():
    packets = in_bundles([encode("/a", "f", (1.0,)), encode("/b", "f", (2.0,))], 1_000.5)
    (packet,) = packets
    assert [(at, m.address) for at, m in parse(packet, 1_000.0)] == [(1_000.5, "/a"), (1_000.5, "/b")]
    (alone,) = in_bundles([encode("/a", "f", (1.0,))], 1_000.5)
    assert parse(alone, 1_000.0)[0][0] == 1_000.5


def test_the_machine_that_separates_is_told_and_asked():
    """By a real socket; what it says that is none of ours changes nothing."""
    heard: list[str] = []

    class Separator(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for _, message in parse(data, 0.0):
                assert isinstance(message, Message)
                heard.append(f"{message.address} {message.arguments}")
                if message.address == "/status/latency":
                    for answer in (b"rubbish", encode("/status/latency", "f", (float("nan"),))):
                        self.transport.sendto(answer, addr)
                    self.transport.sendto(encode("/status/latency", "f", (123.5,)), addr)

    async def play():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Separator, local_addr=("127.0.0.1", 0))
        scene = default_scene()
        upstream = Upstream(transport.get_extra_info("sockname")[:2], lambda: scene)
        assert upstream.latency_ms is None
        upstream.start()
        while upstream.latency_ms is None:
            await asyncio.sleep(0.01)
        asked, _ = apply(scene, SetParameter("/separation/threshold", (0.25,)), context("both"))
        upstream.changed(asked, compare(scene, asked))
        while "/separation/threshold [0.25]" not in heard:
            await asyncio.sleep(0.01)
        found = upstream.latency_ms
        upstream.close()
        transport.close()
        return found

    assert asyncio.run(asyncio.wait_for(play(), 10)) == 123.5
    assert {"/separation/bypass [False]", "/separation/model ['']", "/status/latency []"} <= set(heard)


def test_a_machine_that_plays_nothing_is_told_and_so_is_its_end(monkeypatch, caplog):
    monkeypatch.setattr("stemfield.control.network.upstream.REFRESH_S", 0.02)
    monkeypatch.setattr("stemfield.control.network.upstream.FRESH_S", 0.1)

    async def play():
        upstream = Upstream(("127.0.0.1", 9), default_scene)
        upstream.start()
        upstream._handle(Message("/status/latency", [0.0], b""))
        await asyncio.sleep(0.3)
        upstream.close()

    with caplog.at_level(logging.INFO, "stemfield.control.network.upstream"):
        asyncio.run(play())
    assert [record.getMessage() for record in caplog.records] == [
        "nothing plays on the machine that separates: 127.0.0.1:9",
        "no reply from the machine that separates: 127.0.0.1:9",
    ]


def test_what_the_machine_that_separates_says_every_second_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr("stemfield.control.network.upstream.REFRESH_S", 0.02)
    monkeypatch.setattr("stemfield.control.network.upstream.FRESH_S", 0.2)
    latencies_ms = [50.0, 0.0]

    class Separator(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            for _, message in parse(data, 0.0):
                if message.address == "/status/latency":
                    latency_ms = latencies_ms.pop(0) if len(latencies_ms) > 1 else latencies_ms[0]
                    self.transport.sendto(encode("/status/latency", "f", (latency_ms,)), addr)
                    self.transport.sendto(encode("/error", "ss", (f"/any/{latency_ms}", "none of ours")), addr)
                elif message.address != "/separation/model":
                    self.transport.sendto(encode("/error", "ss", (message.address, "you may listen")), addr)

    async def play():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Separator, local_addr=("127.0.0.1", 0))
        upstream = Upstream(transport.get_extra_info("sockname")[:2], default_scene)
        upstream.start()
        await asyncio.sleep(0.5)
        assert upstream.latency_ms == 0.0
        upstream.close()
        transport.close()
        return transport.get_extra_info("sockname")[1]

    with caplog.at_level(logging.INFO, "stemfield.control.network.upstream"):
        port = asyncio.run(asyncio.wait_for(play(), 10))
    assert sorted(record.getMessage() for record in caplog.records) == [
        f"nothing plays on the machine that separates: 127.0.0.1:{port}",
        f"stems come from 127.0.0.1:{port}, with a latency of 50.0 ms",
        "the machine that separates refuses /separation/bypass: you may listen",
        "the machine that separates refuses /separation/threshold: you may listen",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"role": "renderr"}, ("role", "renderr", "separation")),
        ({"peer": {"host": "studio"}}, ("peer.host", "studio", "192.168.1.7")),
        ({"mirror": [{"dialect": "s3a", "host": "127.0.0.1", "ahead_ms": 100.0}]}, ("ahead_ms", "time tags")),
        ({"mirror": [{"dialect": "adm", "host": "127.0.0.1", "ahead_ms": 30.0}]}, ("ahead_ms", "70 and more")),
    ],
)
def test_problems_of_the_configuration_name_what_is_allowed(given, words):
    with pytest.raises(ConfigError) as caught:
        parse_config(given, "test")
    (problem,) = caught.value.problems
    assert all(word in problem for word in words)
