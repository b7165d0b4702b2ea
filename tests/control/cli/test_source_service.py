"""`stemfield source list`, `enable` and `disable` in a home folder of their own, with another systemctl."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stemfield.control.cli import source_service
from stemfield.control.command_errors import CommandError
from stemfield.control.device.pipewire import Node, PipeWire
from stemfield.control.options.commands import make_parser
from stemfield.control.sources import presence
from stemfield.control.sources.recipes import RECIPES
from stemfield.systemd import install as systemd_install
from stemfield.systemd.files import is_untouched

Say = Callable[..., int]
PIPE = "--through=fifo"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The home of a user with every program, and the service's template."""
    folder = tmp_path / "home"
    for name, own in (
        ("HOME", ""),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".data"),
        ("XDG_RUNTIME_DIR", "run"),
    ):
        monkeypatch.setenv(name, str(folder / own))
        (folder / own).mkdir(exist_ok=True)
    (folder / "Music").mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    for recipe in RECIPES:
        for need in recipe.needs:
            if "/" not in need.file:
                (programs / need.file).write_text("#!/bin/sh\n")
                (programs / need.file).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(presence, "_is_there", lambda file: "/" in file or presence.program_path(file) is not None)
    monkeypatch.setattr(systemd_install, "RUNNING", tmp_path / "nowhere")
    template = folder / ".config" / "systemd" / "user" / "stemfield-source@.service"
    template.parent.mkdir(parents=True)
    template.write_text("[Service]\n")
    device = PipeWire("1.4.2", (Node(1, "stemfield-device"),), managed=True, default="", latencies={})
    monkeypatch.setattr(source_service, "read_pipewire", lambda: device)
    return folder


@pytest.fixture
def say(home: Path) -> Say:
    """`say("enable", "mpd", ...)` runs the command for the user."""

    def run(*words: str) -> int:
        options = make_parser().parse_args(["source", *words[:1], "--user", *words[1:]])
        return int(getattr(source_service, options.run.removeprefix("source_service."))(options))

    return run


@pytest.fixture
def manager(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `systemctl` that writes down what it is asked, and says that the units named in the file `active` are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "active").write_text("")
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\nfor word; do case $word in *.service|*.socket) grep -qx "$word" {folder}/active && state=active '
        '|| state=inactive; [ "$2" = show ] || [ "$1" = show ] && printf "Id=%s\\nActiveState=%s\\n\\n" $word $state;; '
        f'show) asks=1;; esac; done\n[ "$asks" ] || echo "$@" >> {folder}/asked\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(systemd_install, "RUNNING", folder)
    return folder


def tree(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


NAMES = [recipe.name for recipe in RECIPES]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("through", ["device", "fifo"])
def test_disable_removes_exactly_what_enable_wrote(
    name: str, through: str, say: Say, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(home)
    if through == "fifo" and name in ("bluetooth", "sendspin"):
        with pytest.raises(CommandError, match="plays into the device"):
            say("enable", name, "--through", through, "--yes")
        return
    say("enable", name, "--through", through, "--yes")
    after = tree(home)
    new = after.keys() - before.keys()
    assert new
    assert all(is_untouched(after[path]) for path in new)
    assert f"+++ {home / min(new)}" in capsys.readouterr().out
    say("enable", name, "--through", through, "--yes")
    assert capsys.readouterr().out.startswith("it is installed and up to date")
    say("disable", name, "--yes")
    assert tree(home) == before
    assert not list(home.rglob("*.service.d"))
    say("disable", name, "--yes")
    assert f"{name} is not enabled" in capsys.readouterr().out


def test_a_source_may_change_its_way(say: Say, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say("enable", "mpd", "--through", "device", "--yes")
    device = tree(home)
    say("enable", "mpd", PIPE, "--yes")
    assert len(tree(home)) == len(device) + 1, "what plays the FIFO came"
    capsys.readouterr()
    say("enable", "mpd", "--through", "device", "--yes")
    assert tree(home) == device
    assert "stemfield.conf: no longer needed" in capsys.readouterr().out


def test_changed_files_are_kept_and_named(say: Say, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say("enable", "airplay", "--yes")
    config = home / ".config" / "stemfield" / "sources" / "airplay.conf"
    config.write_text(config.read_text() + "// mine\n")
    with pytest.raises(CommandError, match=rf"{config}: changed since"):
        say("enable", "airplay", "--name", "Other", "--yes")
    assert "Other" not in "".join(tree(home).values())
    capsys.readouterr()
    say("disable", "airplay", "--yes")
    assert f"keep   {config}: changed since" in capsys.readouterr().out
    assert config.read_text().endswith("// mine\n")
    assert not (home / ".config" / "systemd" / "user" / "stemfield-airplay.service").exists()


def test_nothing_is_written_before_a_yes(
    say: Say, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(home)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(CommandError, match="pass --yes"):
        say("enable", "mpd")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandError, match="nothing was changed"):
        say("enable", "mpd")
    assert tree(home) == before
    assert '+  target "stemfield-device"' in capsys.readouterr().out


def test_the_manager_is_asked_in_order(say: Say, manager: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (manager / "active").write_text("mpd.service\n")
    say("enable", "mpd", PIPE, "--yes")
    assert "note: mpd.service runs the same program" in capsys.readouterr().out
    say("enable", "mpd", "--through", "device", "--yes")
    say("disable", "mpd", "--yes")
    say("enable", "bluetooth", "--yes")
    say("disable", "bluetooth", "--yes")
    both = "stemfield-source@mpd.service stemfield-mpd.service"
    assert (manager / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        f"--user enable {both}",
        f"--user restart {both}",
        "--user disable --now stemfield-source@mpd.service",
        "--user daemon-reload",
        "--user enable stemfield-mpd.service",
        "--user restart stemfield-mpd.service",
        "--user disable --now stemfield-mpd.service",
        "--user daemon-reload",
        "--user daemon-reload",
        "--user restart wireplumber.service",
        "--user daemon-reload",
        "--user try-restart wireplumber.service",
    ]


def test_list_says_what_there_is_and_what_is_missing(
    say: Say, manager: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say("enable", "airplay", "--yes")
    say("enable", "snapcast", "--yes")
    (manager / "active").write_text("stemfield-airplay.service\nshairport-sync.service\n")
    monkeypatch.setattr(presence, "_is_there", lambda file: file not in ("mpd", "librespot", "avahi-daemon"))
    capsys.readouterr()
    say("list", "--json")
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert sorted(found) == sorted(NAMES)
    states = {name: (each["installed"], each["enabled"], each["running"]) for name, each in found.items()}
    assert states["airplay"] == (False, True, True)
    assert states["snapcast"] == (True, True, False)
    assert states["mpd"] == (False, False, False)
    assert states["bluetooth"] == (True, False, None)
    assert states["tcp"] == (True, False, False)
    assert found["mpd"]["install"] == ["sudo apt install mpd"]
    assert found["airplay"]["rivals"] == ["shairport-sync.service"]
    assert "cargo" in found["spotify"]["install"][0]
    say("list")
    told = capsys.readouterr().out
    assert "airplay: missing avahi-daemon: sudo apt install avahi-daemon" in told
    assert "airplay: shairport-sync.service runs the same program" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["airply"], "unknown source 'airply', did you mean airplay?"),
        (["shareport-sync"], "did you mean shairport-sync?"),
        (["telegraph"], "expected airplay, bluetooth, fifo, mpd"),
        (["airplay", "--host", "here", "--port", "7"], "--host: airplay takes --name"),
        (["airplay", "--host", "here", "--port", "7"], "--port: airplay takes --name"),
        (["bluetooth", "--name", "x"], "--name: bluetooth takes no such options"),
        (["airplay", "--name", "a\nb"], r"printable text, got 'a\nb'"),
        (["airplay", "--name", "\t"], "printable text"),
        (["airplay", "--name", ""], "printable text"),
        (["airplay", "--name", "ä" * 26], "expected 1 to 50 bytes"),
        (["airplay", "--name", "100%h"], "without %h, which shairport-sync replaces"),
        (["snapcast", "--host", "a b"], "--host: expected a host name"),
        (["snapcast", "--host=-rf"], "--host: expected a host name"),
        (["mpd", "--music", "Music"], "--music: expected the absolute path"),
        (["mpd", "--music", "/nowhere/at/all"], "--music: expected the absolute path"),
        (["fifo", "--fifo", "music"], "--fifo: expected an absolute path"),
        (["fifo", "--fifo", "/tmp/../tmp/x"], "--fifo: expected an absolute path"),
        (["fifo", "--fifo", "/etc/passwd"], "expected a FIFO, got another file"),
        (["spotify", "--through", "device", "--system"], "--through device: the device belongs to the session"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(words: list[str], told: str, say: Say, home: Path) -> None:
    before = tree(home)
    options = make_parser().parse_args(["source", "enable", *words[:1], "--yes", *words[1:]])
    options.scope = options.scope or "user"
    with pytest.raises(CommandError) as refused:
        source_service.enable(options)
    assert told in "\n".join(refused.value.lines)
    assert tree(home) == before


def test_a_fifo_has_one_reader(say: Say, home: Path) -> None:
    say("enable", "mpd", PIPE, "--yes")
    taken = str(home / "run" / "stemfield-mpd" / "pcm")
    with pytest.raises(CommandError, match="mpd uses it already"):
        say("enable", "fifo", "--fifo", taken, "--yes")
    say("enable", "fifo", "--fifo", str(home / "run" / "a fifo"), "--yes")
    with pytest.raises(CommandError) as refused:
        say("enable", "fifo", "--fifo", f"{taken}x", "--rate", "44100", "--name", "x", "--yes")
    assert refused.value.lines == ("--name: fifo takes --fifo, --format, --rate, --channels",)


def test_what_is_needed_is_named(say: Say, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_is_there", lambda _: False)
    (home / ".config" / "systemd" / "user" / "stemfield-source@.service").unlink()
    nothing = PipeWire("1.4.2", (), managed=True, default="", latencies={})
    monkeypatch.setattr(source_service, "read_pipewire", lambda: nothing)
    monkeypatch.setattr(presence, "_PACKAGED", ())
    with pytest.raises(CommandError) as refused:
        say("enable", "spotify", "--through", "device", "--yes")
    assert refused.value.lines == (
        "spotify: missing librespot: not in Debian: cargo install librespot",
        "stemfield-source@.service: not installed: stemfield service install --user",
        "the device is not there: stemfield device install",
    )


def test_any_printable_name_is_taken(say: Say, home: Path) -> None:
    name = 'Ann\'s "big" \\ room, 100% $HOME; 音'
    for recipe in RECIPES:
        if "name" in recipe.options:
            say("enable", recipe.name, "--name", name, "--yes")
    config = (home / ".config" / "stemfield" / "sources" / "mpd.conf").read_text()
    assert 'zeroconf_name "Ann\'s \\"big\\" \\\\ room, 100% $HOME; 音"' in config
