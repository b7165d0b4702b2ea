"""Changes are heard at once, whatever has to be computed for them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml

from stemfield.layouts.loader import load_layout
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.scene import STEMS, default_scene

SPEAKERS, OBJECTS = 64, 20
DRAG = """
import socket, sys, time
from pythonosc.osc_message_builder import build_msg
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for step in range(int(sys.argv[2])):
    place = [0.001 * (step % 500), 0.3, 0.0]
    sender.sendto(build_msg("/listener/position", place).dgram, ("127.0.0.1", int(sys.argv[1])))
    time.sleep(0.01)
"""


@pytest.fixture
def layout_file(tmp_path):
    """A sphere of loudspeakers with exclusions per object: every listener position needs many triangulations."""
    places = [
        {
            "label": f"S{i}",
            "azimuth_deg": i * 137.508 % 360,
            "elevation_deg": float(np.degrees(np.arcsin(1 - (2 * i + 1) / SPEAKERS))),
            "channel": i + 1,
        }
        for i in range(SPEAKERS)
    ]
    path = tmp_path / "sphere.yaml"
    path.write_text(yaml.safe_dump({"name": "sphere", "speakers": places}))
    return path


def seconds_of_one_move(path):
    """Time to compute the gains for another listener position."""
    layout = load_layout(str(path))
    engine = Engine(48_000, 2, OBJECTS, SPEAKERS, len(STEMS), 1000)
    engine.timeline.close()
    room = Renderer(layout, Panner(layout), engine)
    scene = default_scene([(f"o{i}", (i,)) for i in range(OBJECTS)])
    for i in range(OBJECTS):
        scene = scene.with_object(replace(scene.objects[5 + i], exclude=(f"S{i}*",), width_deg=40.0))
    room.apply(scene)
    spent = []
    for step in range(5):
        began = time.perf_counter()
        room.apply(replace(scene, listener=(0.1 + 0.1 * step, 0.2, 0.0)))
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def test_a_listener_dragged_a_hundred_times_a_second_does_not_delay_the_answers(daemon, layout_file):
    move_s = seconds_of_one_move(layout_file)
    inputs = [{"name": f"o{i}"} for i in range(OBJECTS)]
    room = daemon(driver="clock", layout=str(layout_file), separation={"enabled": False}, inputs=inputs)
    room.start()
    for i in range(OBJECTS):
        room.send(f"/object/o{i}/exclude", f"S{i}*")
        room.send(f"/object/o{i}/width", 40.0)
    room.settle()
    drag = subprocess.Popen([sys.executable, "-c", DRAG, str(room.port), "250"])
    time.sleep(0.5)
    answers_s = []
    while drag.poll() is None:
        began = time.perf_counter()
        room.send("/ping", len(answers_s))
        room.osc.recv(4096)
        answers_s.append(time.perf_counter() - began)
        time.sleep(0.01)
    assert len(answers_s) > 100
    # Worked out in the loop, each answer would wait for moves that take this long and come faster than they end.
    assert np.percentile(answers_s, 90) < 0.2 * move_s
    assert room.ask("/listener/position") == pytest.approx([0.249, 0.3, 0.0], abs=1e-6)
