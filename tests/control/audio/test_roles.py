"""Roles: which addresses are refused where, and which rows and ports stems have."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from stemfield.control.audio.roles import MIXTURE_ROWS, STEM_PORTS, StemOutputs, elsewhere, engine_of, ports_of
from stemfield.control.config.configuration import Config
from stemfield.control.parameters.commands import SetParameter
from stemfield.control.parameters.context import Context
from stemfield.control.parameters.routes import apply
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.drivers.file import render
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
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
        ("renderer", True, "/loudness/target", -23.0, "role: separation"),
        ("separation", False, "/loudness/target", -23.0, ""),
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
    """Each port plays on its object's loudspeaker only, at full level, without latency."""
    config = Config(role="renderer", inputs=({"name": "mic"},))
    ports = ports_of(config, QUAD)
    assert ports.music == STEM_PORTS
    chain = design_chain(QUAD, RATE_HZ)
    engine = engine_of("renderer", ports, RATE_HZ, 0, chain)
    room = Renderer(QUAD, Panner(QUAD), engine, stem_row=MIXTURE_ROWS)
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
    engine.timeline.close()


def test_stems_that_leave_sum_to_the_delayed_mixture():
    ports = ports_of(Config(role="separation"), QUAD)
    engine = engine_of("separation", ports, RATE_HZ, 1000, design_chain(QUAD, RATE_HZ))
    outputs = StemOutputs(engine)
    outputs.follow((TimedScene(default_scene()),))
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8192)).astype(np.float32)
    gains = np.array([0.1, 0.2, 0.3, 0.15], np.float32)[:, None, None]
    engine.settle()
    engine.timeline.write_stems(gains * np.pad(sound, ((0, 0), (0, 2000))))
    feeds = np.concatenate(list(render(engine, [sound], lambda _: None)), axis=1)
    for side in range(2):
        assert np.abs(feeds[side::2].sum(0) - sound[side]).max() < 1e-6
        assert np.abs(feeds[side] - np.float32(0.1) * sound[side]).max() < 1e-6
    assert set(outputs.levels().speakers) <= set(STEM_PORTS)
    engine.timeline.close()
