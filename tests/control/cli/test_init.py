"""The first configuration by options, and changes that leave a person's comments alone."""

from __future__ import annotations

import argparse
import json
import os
import socket
import stat
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from stemfield.control.cli import connect as cli_connect
from stemfield.control.cli import demo as cli_demo
from stemfield.control.cli import init as cli_init
from stemfield.control.cli.main import main
from stemfield.control.config import edit as config_file
from stemfield.control.config.configuration import Config, load_config
from stemfield.control.config.edit import changed, checked, commented, write_config
from stemfield.control.config.free_ports import Claims
from stemfield.control.config.schema import ConfigError
from stemfield.control.doctor import speaker_test
from stemfield.control.doctor.sound_card import PREFERRED, SoundCard, suggested_layouts
from stemfield.control.network.addresses import LocalNetwork, local_networks
from stemfield.layouts.bass import with_bass
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement

EIGHT = SoundCard(True, tuple(f"system:playback_{n}" for n in range(1, 9)), ("system:capture_1", "system:capture_2"))
LAN = LocalNetwork("lan0", "192.168.7.5", "192.168.7.0/24")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "stemfield" / "config.yaml"


def seen(monkeypatch: pytest.MonkeyPatch, card: SoundCard = EIGHT) -> None:
    """As if this card and this network were there; the integration tests have real ones."""
    monkeypatch.setattr(cli_init, "sound_card", lambda _: card)
    monkeypatch.setattr(cli_init, "local_networks", lambda: (LAN,))


def test_suggestions_without_a_question(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch)
    assert main(["init", "--yes"]) == 0
    config = load_config(None)
    assert config.layout == "7.1"
    assert config.jack.connect_outputs == EIGHT.playback
    assert config.network == Config().network
    assert not config.monitor.binaural
    text = target.read_text()
    assert "# Name of a loudspeaker layout" in text
    assert main(["check", str(target)]) == 0


def desktop(*names: str) -> SoundCard:
    """A card as PipeWire shows it, in the order of ALSA."""
    ports = {f"card:playback_{name}": name for name in names}
    return SoundCard(True, tuple(ports), ("mic:capture_FR", "mic:capture_FL"), ports | {"mic:capture_FL": "FL"})


ALSA = ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR")


@pytest.mark.parametrize(
    ("names", "layout", "centre"),
    [
        (ALSA, "7.1", "card:playback_FC"),
        (ALSA[:6], "5.1", "card:playback_FC"),
        (ALSA[:4], "quad", None),
        (("FL", "FR", "FC", "LFE"), "stereo", None),
    ],
)
def test_a_card_whose_channels_have_names(
    names: tuple[str, ...], layout: str, centre: str | None, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch, desktop(*names))
    assert main(["init", "--yes"]) == 0
    config = load_config(target)
    assert config.layout == layout
    assert config.jack.connect_outputs == ()
    assert config.jack.connect_speakers.get("M+000") == centre
    assert len(set(config.jack.connect_speakers.values())) == len(load_layout(layout).labels)
    with closing(Claims()) as ports:
        demo = cli_demo._config(options_of_demo(layout), desktop(*names), None, target.parent, ports)
    if len(config.jack.connect_speakers) > 2:
        assert demo.jack.connect_speakers == config.jack.connect_speakers
    else:
        assert demo.jack.connect_monitor == ("card:playback_FL", "card:playback_FR")
    assert demo.bass_crossover_hz == config.bass_crossover_hz


def options_of_demo(layout: str) -> argparse.Namespace:
    return argparse.Namespace(layout=layout, driver=None)


def test_a_loudspeaker_without_a_port_is_named(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(monkeypatch, desktop(*ALSA[:6]))
    assert main(["init", "--yes", "--layout", "7.1", "--connect-outputs"]) == 2
    assert "expected playback ports for M+090, M-090" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], 80.0),
        (["--no-bass"], None),
        (["--layout", "stereo"], None),
        (["--layout", "22.2"], None),
        (["--layout", "22.2", "--bass"], 80.0),
    ],
)
def test_a_subwoofer_gets_the_bass_unless_told_otherwise(
    words: list[str], wanted: float | None, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(monkeypatch)
    assert main(["init", "--yes", *words]) == 0
    config = load_config(target)
    assert config.bass_crossover_hz == wanted
    layout = with_bass(load_layout(config.layout), config.bass_crossover_hz)
    assert (layout.bass_management is not None) == (wanted is not None)


def test_the_bass_of_a_layout_that_says_itself_who_plays_it_stays() -> None:
    own = replace(load_layout("5.1"), bass_management=BassManagement(crossover_hz=120.0))
    assert with_bass(own, 80.0) is own
    assert with_bass(load_layout("stereo"), 80.0).bass_management is None


def test_without_a_sound_card_it_is_for_headphones(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, SoundCard())
    assert main(["init", "--yes"]) == 0
    config = load_config(target)
    assert (config.layout, config.monitor.binaural, config.jack) == ("stereo", True, Config().jack)


def test_every_answer_is_an_option(
    target: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    seen(monkeypatch)
    words = "--layout 7.1 --input capture --model light --server studio --no-connect-outputs --headphones"
    more = "--interface lan0 --allow 192.168.7.0/25 --allow 10.0.0.0/8 --token swordfish"
    assert main(["init", "--yes", *words.split(), *more.split()]) == 0
    config = load_config(target)
    assert (config.layout, config.model, config.monitor.binaural) == ("7.1", "light", True)
    assert config.jack.server_name == "studio"
    assert config.jack.connect_inputs == EIGHT.capture
    assert config.jack.connect_outputs == ()
    assert config.network.interfaces == ("lan0",)
    assert list(map(str, config.network.allow)) == ["192.168.7.0/25", "10.0.0.0/8"]
    assert config.network.token == "swordfish"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600  # there is a secret in it
    assert "swordfish" not in capfd.readouterr().out


def test_a_network_has_a_word_unless_none_is_wanted(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch)
    assert main(["init", "--yes", "--network"]) == 0
    network = load_config(target).network
    assert list(map(str, network.allow)) == [LAN.network]
    assert network.token is not None
    assert len(network.token) >= 12
    assert main(["init", "--yes", "--network", "--token", "none", "--replace"]) == 0
    assert load_config(target).network.token is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--layout", "sterio"], "did you mean"),
        (["--model", "ligth"], "did you mean"),
        (["--input", "/nowhere.wav"], "no such file"),
        (["--interface", "lan1"], "expected a network interface (lan0), got lan1, did you mean lan0?"),
        (["--network", "--allow", "192.168.7.5/24"], "expected networks such as"),
        (["--network", "--token", "short"], "network.token: expected 8 to 128 characters, got (hidden)"),
        (["--connect-outputs", "--layout", "22.2"], "expected 24 playback ports for 22.2, found 8"),
    ],
)
def test_an_answer_that_cannot_be_used(
    words: list[str], told: str, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(monkeypatch)
    assert main(["init", "--yes", *words]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""
    assert not target.exists()
    assert list(target.parent.glob("*")) == []


def test_a_file_is_never_overwritten_unasked(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(monkeypatch)
    target.parent.mkdir(parents=True)
    target.write_text("layout: quad  # mine\n")
    assert main(["init", "--yes"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert target.read_text() == "layout: quad  # mine\n"
    assert main(["init", "--yes", "--replace"]) == 0
    assert load_config(target).layout == "7.1"


class SilentTest:
    """Stands for the speaker test; the live tests have the real one."""

    def __init__(self, *_: object) -> None:
        self._played = 0

    def __enter__(self) -> SilentTest:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def play(self, _: str) -> None:
        self._played += 1
        assert self._played <= len(EIGHT.playback), "nobody is asked, and it goes on for ever"


def test_what_was_heard_is_asked_for_even_where_all_else_is_suggested(
    target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen(monkeypatch)
    monkeypatch.setattr(cli_connect, "sound_card", lambda _: EIGHT)
    monkeypatch.setattr(speaker_test, "SpeakerTest", SilentTest)
    hushed: list[tuple[str, int]] = []
    monkeypatch.setattr(speaker_test, "muted_daemon", lambda host, port: nullcontext(hushed.append((host, port))))
    answers = iter(["2", "1", "s", "s", "s", "s", "s", "q"])
    monkeypatch.setattr("builtins.input", lambda *_: next(answers))
    assert main(["init", "--yes", "--connect"]) == 0
    first, second = load_layout("7.1").labels[:2]
    assert load_config(target).jack.connect_speakers == {first: EIGHT.playback[1], second: EIGHT.playback[0]}
    monkeypatch.setattr("builtins.input", _ended)
    assert main(["init", "--yes", "--connect", "--replace"]) == 2
    assert "no answer to" in capsys.readouterr().err
    target.write_text("network: {bind: 127.0.0.7}\nosc: {port: 4321}\n")
    assert main(["connect"]) == 2
    assert hushed == [("127.0.0.1", 4001), ("127.0.0.1", 4001), ("127.0.0.7", 4321)]


def test_another_fault_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch)

    def fail(_: Config) -> list[str]:
        raise OSError("the model's disk is gone")

    monkeypatch.setattr(cli_init, "file_problems", fail)
    with pytest.raises(OSError, match="the model's disk is gone"):
        main(["init", "--yes"])


def test_nobody_who_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], target: Path) -> None:
    seen(monkeypatch)
    monkeypatch.setattr("builtins.input", _ended)
    assert main(["init"]) == 2
    assert "no answer to" in capsys.readouterr().err
    assert not target.exists()


def _ended(*_: object) -> str:
    raise EOFError


def test_connections_without_sound(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target.parent.mkdir(parents=True)
    target.write_text(WITH_COMMENTS)
    assert main(["connect", "--speaker", "M-045=system:playback_1", "--speaker", "M+045=system:playback_4"]) == 0
    jack = load_config(target).jack
    assert jack.connect_speakers == {"M-045": "system:playback_1", "M+045": "system:playback_4"}
    assert jack.connect_outputs == ()
    text = target.read_text()
    for comment in ("# my room", "# stays", "# at the end"):
        assert comment in text
    before = text
    assert main(["connect", "--speaker", "M+054=system:playback_1"]) == 2
    assert "did you mean M+045?" in capsys.readouterr().err
    assert main(["connect", "--speaker", "M+045=x:1", "--speaker", "M-045=x:1"]) == 2
    assert "expected one loudspeaker per port, got two for x:1" in capsys.readouterr().err
    assert target.read_text() == before


WITH_COMMENTS = """\
# my room
layout: quad
jack:
  client_name: "mine"  # stays
  connect_outputs: ["system:*"]
# at the end
"""


def test_a_change_that_would_break_the_file_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(WITH_COMMENTS)
    with pytest.raises(ConfigError) as refused:
        write_config(path, changed(WITH_COMMENTS, "jack", {"channels": 7}))
    assert refused.value.source == str(path)
    assert refused.value.problems == ("jack.channels: expected one of 1, 2, got 7",)
    assert path.read_text() == WITH_COMMENTS
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="expected a block"):
        changed("jack: 3\n", "jack", {"channels": 1})


def test_a_file_keeps_its_owner_its_mode_and_its_place(tmp_path: Path) -> None:
    real, link = tmp_path / "mine" / "stemfield.yaml", tmp_path / "config.yaml"
    real.parent.mkdir()
    real.write_text("layout: quad\nnetwork: {token: swordfish}\n")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 65_534, 65_534)
    link.symlink_to(real)
    before = real.stat()
    write_config(link, "layout: '5.1'\nnetwork: {token: swordfish}\n")
    after = real.stat()
    assert link.is_symlink()
    assert load_config(real).layout == "5.1"
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert list(real.parent.iterdir()) == [real]
    assert checked(link, "layout_folders: [rooms]\n").layout_folders == (tmp_path / "rooms",)


def test_a_secret_that_comes_in_is_for_nobody_else_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("layout: quad\n")
    path.chmod(0o644)
    modes = []

    def load(beside: Path) -> Config:
        modes.append(stat.S_IMODE(beside.stat().st_mode))
        return load_config(beside)

    monkeypatch.setattr(config_file, "load_config", load)
    umask = os.umask(0)
    try:
        write_config(path, "network: {token: swordfish}\n")
    finally:
        os.umask(umask)
    assert [*modes, stat.S_IMODE(path.stat().st_mode)] == [0o600, 0o600]


def test_a_label_of_another_layout_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('layout: quad\njack: {connect_speakers: {M+046: "a:b"}}\n')
    assert main(["check", str(path)]) == 2
    assert "jack.connect_speakers.M+046: no loudspeaker of layout quad, did you mean" in capsys.readouterr().err
    path.write_text("jack: {connect_speakers: {M+045: 3}}\n")
    assert main(["check", str(path)]) == 2
    assert "jack.connect_speakers.M+045: expected a string, got 3" in capsys.readouterr().err
    path.write_text("jack: {connect_speakers: [M+045]}\n")
    assert main(["check", str(path)]) == 2
    assert "jack.connect_speakers: expected a block of keys, got ['M+045']" in capsys.readouterr().err


@pytest.mark.parametrize("ports", [1, 2, 4, 6, 8, 10, 12, 24, 64])
def test_layouts_are_suggested_that_fit(ports: int) -> None:
    found = suggested_layouts((None,) * ports)
    counts = [len(layout.labels) for layout in found]
    common = [len(layout.labels) for layout in found if layout.name in PREFERRED]
    assert counts[: len(common)] == sorted(common, reverse=True)
    if ports > 1:
        assert all(speaker.channel <= ports for layout in found for speaker in layout.speakers)
    best = {2: "stereo", 4: "quad", 6: "5.1", 8: "7.1", 12: "7.1.4", 24: "22.2", 64: "22.2"}
    assert found[0].name == best.get(ports, found[0].name)


def test_the_networks_are_those_of_this_machine() -> None:
    for one in local_networks():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
            door.bind((one.address, 0))


def test_a_machine_without_a_network_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli_demo, "local_networks", tuple)
    assert main(["demo", "--network"]) == 2
    assert "--network: this machine has no network interface but loopback" in capsys.readouterr().err
    assert main(["demo", "--interface", "lan0"]) == 2
    assert "--interface lan0: no such network interface: there is none" in capsys.readouterr().err


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    values = {"layout": "22.2", "input": '/a "b"/ü#: x.wav', "jack": {"connect_outputs": ["a: b", "c # d"]}}
    path = tmp_path / "config.yaml"
    path.write_text(commented(values))
    config = load_config(path)
    assert (config.layout, str(config.input)) == ("22.2", values["input"])
    assert config.jack.connect_outputs == ("a: b", "c # d")
    assert json.dumps(values["input"], ensure_ascii=False) in path.read_text()
