"""A configuration, a state folder and a journal that the first version wrote still mean the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stemfield.control.config.configuration import Config, load_config
from stemfield.control.parameters.context import Context
from stemfield.control.scenes.library import SceneLibrary
from stemfield.control.scenes.recording import read_recording, scenes_of
from stemfield.control.scenes.store import SceneStore
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.scene.scene import Scene

FIRST = Path(__file__).parent / "data" / "first"
VOCALS_POSITION = (-0.67364818, 1.85083316, 0.34729636)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    shutil.copytree(FIRST, tmp_path / "first")
    return load_config(tmp_path / "first" / "config.yaml")


@pytest.fixture
def context(config: Config) -> Context:
    return Context(load_layout(config.layout).labels, config.default_scene(), status=idle_status())


def check_scene(scene: Scene) -> None:
    vocals, bass, drums, other, residual, mic, pad = scene.objects
    assert [item.name for item in scene.objects] == ["vocals", "bass", "drums", "other", "residual", "mic", "pad"]
    assert vocals.position == pytest.approx(VOCALS_POSITION)
    assert (bass.group, bass.eq[0].type, bass.eq[0].f_hz, bass.eq[0].gain_db) == (1, "highshelf", 4000.0, -3.0)
    assert drums.level == pytest.approx(10 ** (-6 / 20))
    assert (mic.position, mic.label, mic.channels) == ((2.0, 1.0, 0.5), "Anna's mic", (0,))
    assert (pad.exclude, pad.channels) == (("U*", "LFE1"), (1, 2))
    assert scene.groups[1].gain_db == -2.0
    assert (scene.amount, scene.separation.threshold) == pytest.approx((0.8, 0.1))
    assert [item.mute for item in (other, residual)] == [False, False]


def test_the_configuration(config: Config) -> None:
    assert (config.layout, config.driver, config.model, config.bass_crossover_hz) == ("7.1.4", "clock", "light", 100.0)
    assert (config.osc.port, config.http.port, config.s3a.enabled) == (4711, 8711, False)
    assert (config.hands.hold_s, config.hands.adm) == (2.0, 3)
    assert [item.name for item in config.inputs] == ["mic", "pad"]


def test_the_present_scene(config: Config, context: Context) -> None:
    scene, problems = SceneStore(config.state_folder, context).load()
    assert not problems
    check_scene(scene)
    assert (scene.master_gain_db, scene.objects[2].width_deg) == (-3.0, 40.0)
    assert scene.speakers["M+030"].gain_db == -1.5


def test_a_kept_scene(config: Config, context: Context) -> None:
    scene, problems = SceneLibrary(SceneStore(config.state_folder, context), {}).load("first night")
    assert not problems
    check_scene(scene)
    assert scene.objects[2].width_deg == 60.0


def test_the_journal_of_a_full_disk(config: Config, context: Context) -> None:
    shutil.copy(FIRST / "scene.journal", config.state_folder)
    scene, problems = SceneStore(config.state_folder, context).load()
    assert not problems
    check_scene(scene)
    assert scene.master_gain_db == -9.0


def test_a_recording(config: Config, context: Context) -> None:
    steps = read_recording(config.state_folder / "recordings" / "take.jsonl")
    scenes = list(scenes_of(steps, context.defaults, context))
    assert [round(at_s, 2) for at_s, _, _ in scenes if at_s] == [2.17, 4.59, 6.61, 8.36]
    check_scene(scenes[0][1])
    assert [scene.objects[0].mute for _, scene, _ in scenes[-3:]] == [False, True, False]
    assert scenes[-1][1].objects[3].position == pytest.approx((0.0, 0.96592583, 0.25881905))
