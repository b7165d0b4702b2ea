from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stemfield.control.config.configuration import Config, load_config, parse_config
from stemfield.control.config.schema import ConfigError
from stemfield.renderer.scene.scene import default_scene


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load_config(path)


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.source == str(tmp_path / "config.yaml")
    assert str(caught.value).count("\n") == len(caught.value.problems) - 1
    return caught.value.problems


EVERYTHING_WRONG = """
drvier: jack
driver: jak
input: 5
loop: "yes"
jack: {channels: 3, connect_inputs: system, client_name: ""}
clock: {sample_rate_hz: 1000, period_frames: 12.5}
separation: {margin_ms: .nan, providers: []}
inputs:
  - {name: pad, position: [1, 2]}
  - {channels: 2, aed: [0, 100, 1]}
  - {name: "3", position: [1, 2, 3], aed: [1, 2, 3]}
network: {bind: anywhere, allow: [192.168.1.0/24, home], read_only: [5.5], token: a b}
osc: {port: 99999, prt: 3}
s3a: {enabled: 1}
mirror: [{dialect: adm, host: home}, {dialect: osc, host: 127.0.0.1, port: -1}]
hands: {osc: 101}
discovery: 7
log_level: loud
"""


def test_every_problem_at_once_in_these_words(tmp_path: Path) -> None:
    assert problems(tmp_path, EVERYTHING_WRONG) == (
        "driver: expected one of auto, jack, clock, got 'jak', did you mean jack?",
        "input: expected a string, got 5",
        "loop: expected true or false, got 'yes'",
        "jack.client_name: expected 1 to 63 characters, got ''",
        "jack.channels: expected one of 1, 2, got 3",
        "jack.connect_inputs: expected a list, got 'system'",
        "clock.sample_rate_hz: expected a whole number from 8000 to 192000, got 1000",
        "clock.period_frames: expected a whole number from 16 to 8192, got 12.5",
        "separation.margin_ms: expected a number from 5 to 500, got nan",
        "separation.providers: expected 1 or more entries, got []",
        "inputs[0].position[2]: missing",
        "inputs[1].name: missing",
        "inputs[1].aed[1]: expected a number from -90 to 90, got 100",
        "inputs[2].name: expected 1 to 128 characters, not digits only, none of / * ? [ ] { } # ,, got '3'",
        "inputs[2].aed: expected either aed or position, got both",
        "network.bind: expected a numeric address such as 127.0.0.1, 0.0.0.0 or ::1, got 'anywhere'",
        "network.allow[1]: expected a network such as 192.168.1.0/24, got 'home'",
        "network.read_only[0]: expected a network such as 192.168.1.0/24, got 5.5",
        "network.token: expected 8 to 128 characters, got (hidden)",
        "osc.port: expected a whole number from 1 to 65535, got 99999",
        "osc.prt: unknown key, did you mean port?",
        "s3a.enabled: expected true or false, got 1",
        "mirror[0].host: expected a numeric address such as 192.168.1.7, got 'home'",
        "mirror[1].dialect: expected one of s3a, adm, got 'osc'",
        "mirror[1].port: expected a whole number from 0 to 65535, got -1",
        "hands.osc: expected a whole number from 0 to 100, got 101",
        "discovery: expected a block of keys, got 7",
        "log_level: expected one of debug, info, warning, error, got 'loud'",
        "drvier: unknown key, did you mean driver?",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1, 2]", "expected a block of keys, got [1, 2]"),
        ("layout: [1]", "layout: expected a string, got [1]"),
        ("layout: true", "layout: expected a string, got true"),
        ("a: &x 1\nb: *x", "aliases"),
        ("osc: {port: 1, port: 2}", "twice"),
        ("osc: !!python/object:os.system {}", "python/object"),
        ("x: " + "[" * 100 + "]" * 100, "deep"),
        ("inputs: [{name: vocals}]", "expected unique names, got more than one object named vocals"),
        ("inputs: [{name: a}, {name: a}]", "expected unique names, got more than one object named a"),
        ("layout: 'unclosed", "line 1"),
    ],
)
def test_one_problem(tmp_path: Path, text: str, expected: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert expected in problem


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read: No such file or directory"):
        load_config(tmp_path / "missing.yaml")


def test_an_open_port_needs_a_list_of_networks(tmp_path: Path) -> None:
    for bind in ("0.0.0.0", "192.168.1.5", "'::'"):
        (problem,) = problems(tmp_path, f"network: {{bind: {bind}}}")
        assert problem.startswith("network.allow: expected at least one network, because network.bind ")
        opened = load(tmp_path, f"network: {{bind: {bind}, allow: [192.168.1.0/24, 10.0.0.7]}}")
        assert [str(network) for network in opened.network.allow] == ["192.168.1.0/24", "10.0.0.7/32"]
    (problem,) = problems(tmp_path, "network: {interfaces: [eth0]}")
    assert "network.interfaces opens the ports" in problem
    for bind in ("127.0.0.1", "127.0.0.2", "'::1'"):
        assert load(tmp_path, f"network: {{bind: {bind}}}").network.allow == ()


def test_defaults_where_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert load_config(None) == Config()
    assert Config().layout_folders == (tmp_path / "config" / "stemfield" / "layouts",)
    mine = tmp_path / "config" / "stemfield" / "config.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("layout: quad\n")
    assert load_config(None).layout == "quad"


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "# nothing yet\n") == Config()


def test_a_layout_name_needs_no_quotes(tmp_path: Path) -> None:
    assert load(tmp_path, "layout: 22.2").layout == "22.2"
    assert load(tmp_path, "layout: 7.1.4").layout == "7.1.4"
    assert load(tmp_path, "layout: 9+10+3").layout == "9+10+3"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    got = load(
        tmp_path, "{layout: room.yaml, input: music/song.flac, model: ./m/card.yaml, layout_folders: [a, /b, ~/c]}"
    )
    assert got.layout == str(tmp_path / "room.yaml")
    assert got.input == tmp_path / "music/song.flac"
    assert got.model == str(tmp_path / "m/card.yaml")
    assert got.layout_folders == (tmp_path / "a", Path("/b"), Path.home() / "c")


def test_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Config().state_folder == tmp_path / "home" / ".local" / "state" / "stemfield"
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert Config().state_folder == Path("/state/stemfield")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/stemfield:/var/lib/other")
    assert Config().state_folder == Path("/var/lib/stemfield")


def test_further_inputs_are_objects_of_the_default_scene(tmp_path: Path) -> None:
    assert Config().default_scene() == default_scene()
    scene = load(
        tmp_path,
        "inputs: [{name: pad, channels: 2, aed: [90, 0, 2]}, {name: flute}, {name: bell, position: [0, -1, 1]}]",
    ).default_scene()
    pad, flute, bell = scene.objects[5:]
    assert [(o.id, o.name, o.kind, o.channels) for o in (pad, flute, bell)] == [
        (5, "pad", "input", (0, 1)),
        (6, "flute", "input", (2,)),
        (7, "bell", "input", (3,)),
    ]
    assert pad.position == pytest.approx((0, 2, 0), abs=1e-12)
    assert flute.position == (1.0, 0.0, 0.0)
    assert bell.position == (0.0, -1.0, 1.0)


def test_as_many_inputs_as_there_is_room_for(tmp_path: Path) -> None:
    names = ", ".join(f"{{name: in{n}}}" for n in range(123))
    assert len(load(tmp_path, f"inputs: [{names}]").default_scene().objects) == 128
    (problem,) = problems(tmp_path, f"inputs: [{names}, {{name: more}}]")
    assert problem.startswith("inputs: expected 0 to 123 entries, got ")


def fields(model: type[BaseModel]) -> list[tuple[str, Any]]:
    return [(f"{model.__name__}.{name}", field) for name, field in model.model_fields.items()]


def test_every_key_is_documented() -> None:
    blocks = [f.annotation for _, f in fields(Config) if isinstance(f.annotation, type)]
    models = [Config, *(b for b in blocks if issubclass(b, BaseModel))]
    for model in models:
        for name, field in fields(model):
            block = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            assert field.annotation.__doc__ if block else field.description, name


def test_a_head_is_beside_the_file_unless_it_is_built_in(tmp_path: Path) -> None:
    assert not Config().monitor.binaural
    assert load(tmp_path, "monitor: {binaural: true}").monitor.hrtf == "default"
    assert load(tmp_path, "monitor: {hrtf: heads/mine.sofa}").monitor.hrtf == str(tmp_path / "heads/mine.sofa")
    assert load(tmp_path, "monitor: {hrtf: /heads/mine.sofa}").monitor.hrtf == "/heads/mine.sofa"
    assert problems(tmp_path, "monitor: {binaural: 1, hrft: x}") == (
        "monitor.binaural: expected true or false, got 1",
        "monitor.hrft: unknown key, did you mean hrtf?",
    )


def test_objects_without_a_configuration_have_names_that_are_free() -> None:
    config = parse_config({"inputs": [{"name": "input2"}, {"name": "pad", "channels": 2}]}, "test").with_objects(3)
    assert [given.name for given in config.inputs] == ["input2", "pad", "input1", "input3", "input4"]
    assert config.default_scene().objects[-1].channels == (5,)
    assert Config().with_objects(0) == Config()
    assert len(Config().with_objects(123).default_scene().objects) == 128
    with pytest.raises(ConfigError, match="--objects 123: expected at most 123 inputs, got 123 besides 2"):
        parse_config({"inputs": [{"name": "a"}, {"name": "b"}]}, "test").with_objects(123)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"inputs": [{"name": "é" * 128}]}, "expected at most 200 bytes, the limit of JACK, got 256 in"),
        ({"inputs": [{"name": "😀" * 64}]}, "expected at most 200 bytes, the limit of JACK, got 256 in"),
        ({"jack": {"client_name": "é" * 63}}, "expected at most 63 bytes, the limit of JACK, got 126 in"),
        ({"inputs": [{"name": "\ufffe"}]}, "expected 1 to 128 characters"),
    ],
)
def test_names_that_jack_would_cut_are_refused(data: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse_config(data, "x")
    assert parse_config({"inputs": [{"name": "é" * 100}], "jack": {"client_name": "é" * 31}}, "x").inputs


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
