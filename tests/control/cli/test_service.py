"""The daemon as a service: what is put in place, shown, taken away again, and said of how it went.

systemd itself does not run where tests do. A program in its place writes down what it is asked; whether the units are
right is for the real `systemd-analyze` to say.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stemfield.control.cli import service as cli_service
from stemfield.control.command_errors import CommandError
from stemfield.control.options.commands import make_parser
from stemfield.systemd import install as systemd_install
from stemfield.systemd.files import is_untouched
from stemfield.systemd.state import advice, last_end, process_limits

SYSTEM = ["--system", "--program", "/opt/stemfield/bin/stemfield"]

Say = Callable[..., int]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Say:
    """`say("install", "--system", ...)` runs the command in a home folder of its own; there is no systemd."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setattr(systemd_install, "RUNNING", tmp_path / "nowhere")

    def run(*words: str) -> int:
        options = make_parser().parse_args(["service", *words])
        return int(getattr(cli_service, options.run.removeprefix("service."))(options))

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `systemctl` that writes down what it is asked, and answers `show` with what the file `shown` holds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "shown").write_text("")
    for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho {name} "$@" >> {folder}/asked\n'
            f'for word; do [ "$word" = show ] && cat {folder}/shown; done\nexit 0\n'
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(systemd_install, "RUNNING", folder)
    return folder


def asked(manager: Path) -> list[str]:
    log = manager / "asked"
    return log.read_text().splitlines() if log.exists() else []


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def verify(units: list[Path], *, user: bool, runtime: Path) -> str:
    """What systemd finds wrong with the units themselves."""
    done = subprocess.run(
        ["systemd-analyze", "--user" if user else "--system", "verify", "--man=no", *map(str, units)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_UNIT_PATH": f"{units[0].parent}:"},
        capture_output=True,
        text=True,
    )
    return "\n".join(line for line in done.stderr.splitlines() if any(unit.name in line for unit in units))


SETS = {
    ("system", "jackd"): {"stemfield.service", "jackd.service", "stemfield-source@.service"},
    ("system", "pipewire"): {
        "stemfield.service",
        "stemfield.service.d/pipewire.conf",
        "stemfield-pipewire.service",
        "stemfield-wireplumber.service",
    },
    ("system", "none"): {"stemfield.service", "stemfield-source@.service"},
    ("user", "jackd"): {"stemfield.service", "jackd.service", "stemfield-source@.service"},
    ("user", "pipewire"): {
        "stemfield.service",
        "stemfield.service.d/pipewire.conf",
        "stemfield-source@.service",
        "stemfield-source@.service.d/pipewire.conf",
    },
    ("user", "none"): {"stemfield.service", "stemfield-source@.service"},
}


@pytest.mark.parametrize(("scope", "server"), SETS)
def test_the_units_of_each_server_are_put_in_place_and_are_right(
    scope: str, server: str, say: Say, root: Path, tmp_path: Path
) -> None:
    program = Path(sys.executable).parent / "stemfield"
    if scope == "system":
        program = tmp_path / "opt" / "stemfield"
        program.parent.mkdir()
        program.symlink_to(sys.executable)
    where = ["--root", str(root)] if scope == "system" else []
    words = [f"--{scope}", "--server", server, "--program", str(program), *where, "--yes", "--no-start"]
    assert say("install", *words) == 0
    folder = root / "etc/systemd/system" if scope == "system" else tmp_path / "home/.config/systemd/user"
    assert tree(folder) == SETS[scope, server]
    text = (folder / "stemfield.service").read_text()
    assert f"ExecStart={program} serve $STEMFIELD_OPTIONS" in text
    units = sorted(folder.glob("*.service"))
    assert verify(units, user=scope == "user", runtime=tmp_path) == ""
    if scope == "system":
        assert tree(root / "etc") >= {"sysusers.d/stemfield.conf", "tmpfiles.d/stemfield.conf"}
    assert say("uninstall", f"--{scope}", *where, "--yes") == 0
    assert tree(root) == set()
    assert not folder.exists() or tree(folder) == set()


def test_accounts_and_folders_are_what_systemd_makes_of_them(say: Say, root: Path) -> None:
    (root / "etc").mkdir()
    for name in ("passwd", "group"):
        (root / "etc" / name).write_text(
            "root:x:0:0::/root:/bin/sh\n" if name == "passwd" else "root:x:0:\naudio:x:29:\n"
        )
    say("install", *SYSTEM, "--root", str(root), "--yes", "--no-start")
    subprocess.run(["systemd-sysusers", f"--root={root}"], check=True, capture_output=True)
    assert re.search(r"^stemfield:", (root / "etc" / "passwd").read_text(), re.MULTILINE)
    assert re.search(r"^audio:x:29:stemfield$", (root / "etc" / "group").read_text(), re.MULTILINE)
    made = subprocess.run(["systemd-tmpfiles", f"--root={root}", "--create"], capture_output=True, text=True)
    assert "stemfield.conf" not in made.stderr, made.stderr  # no line that it does not understand
    state = root / "var" / "lib" / "stemfield"
    assert state.stat().st_mode & 0o777 == 0o750


def test_what_changes_is_shown_before_anything_is_asked_and_a_no_changes_nothing(
    say: Say, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    heard: list[str] = []

    def no(question: str) -> str:
        heard.append(capsys.readouterr().out)
        return "n"

    monkeypatch.setattr("builtins.input", no)
    with pytest.raises(CommandError, match="nothing was changed"):
        say("install", *SYSTEM, "--root", str(root), "--server", "jackd", "--no-start")
    (shown,) = heard
    assert "+++ " + str(root / "etc/systemd/system/stemfield.service") in shown
    assert "+ExecStart=/usr/bin/jackd $JACKD_OPTIONS" in shown
    assert tree(root) == set()


def test_a_second_time_there_is_nothing_to_do_and_an_update_shows_its_lines(
    say: Say, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SYSTEM, "--root", str(root), "--server", "jackd", "--yes", "--no-start"]
    say("install", *words)
    capsys.readouterr()
    say("install", *words)
    assert capsys.readouterr().out == "the units are installed and up to date\n"
    words[2] = "/srv/stemfield/bin/stemfield"
    say("install", *words)
    shown = capsys.readouterr().out
    assert "-ExecStart=/opt/stemfield/bin/stemfield serve $STEMFIELD_OPTIONS" in shown
    assert "+ExecStart=/srv/stemfield/bin/stemfield serve $STEMFIELD_OPTIONS" in shown
    assert "systemd/system/jackd.service" not in shown


def test_what_a_person_has_changed_is_said_and_stays(say: Say, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--root", str(root)]
    say("install", *SYSTEM, *where, "--server", "jackd", "--yes", "--no-start")
    folder = root / "etc/systemd/system"
    unit = folder / "stemfield.service"
    assert is_untouched(unit.read_text())
    unit.write_text(unit.read_text().replace("RestartSec=1", "RestartSec=9"))
    override = folder / "stemfield.service.d" / "override.conf"
    override.parent.mkdir()
    override.write_text("[Service]\nNice=1\n")
    capsys.readouterr()
    say("uninstall", "--system", *where, "--yes")
    told = capsys.readouterr().out
    assert f"keep   {unit}" in told
    assert tree(folder) == {"stemfield.service", "stemfield.service.d/override.conf"}
    say("install", *SYSTEM, *where, "--server", "jackd", "--yes", "--no-start")
    assert f"{unit} was changed since it was installed" in capsys.readouterr().out


def test_another_server_takes_the_place_of_the_first(say: Say, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two servers would fight for the sound card."""
    words = [*SYSTEM, "--root", str(root), "--yes", "--no-start", "--server"]
    folder = root / "etc/systemd/system"
    for server in ("jackd", "pipewire", "jackd"):
        say("install", *words, server)
        assert tree(folder) == SETS["system", server]
    assert f"remove {folder}/stemfield-pipewire.service: it belongs to another server" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["systemd", "systemd/user"])
def test_the_service_gets_the_libjack_of_pipewire(folder: str, repository: Path) -> None:
    """As the kernel has it loaded, with the environment of the unit."""
    unit = (repository / folder / "stemfield.service.d" / "pipewire.conf").read_text()
    (path,) = re.findall(r'^Environment="LD_LIBRARY_PATH=(.+)"$', unit, re.MULTILINE)
    look = "import ctypes; ctypes.CDLL('libjack.so.0'); print(open('/proc/self/maps').read())"
    bare = {"PATH": os.environ["PATH"]}
    loaded = [
        re.findall(r"\S+/libjack\S*", subprocess.check_output([sys.executable, "-c", look], env=environment, text=True))
        for environment in (bare, bare | {"LD_LIBRARY_PATH": path})
    ]
    assert not any("pipewire" in library for library in loaded[0])
    assert loaded[1]
    assert all("pipewire-0.3/jack/" in library for library in loaded[1])


def test_the_manager_is_asked_in_order(say: Say, manager: Path) -> None:
    assert say("install", "--user", "--server", "jackd", "--program", sys.executable, "--yes") == 0
    assert asked(manager) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable stemfield.service jackd.service",
        "systemctl --user start jackd.service",
        "systemctl --user restart stemfield.service",
    ]
    (manager / "asked").unlink()
    assert say("uninstall", "--user", "--yes") == 0
    assert asked(manager) == [
        "systemctl --user disable --now stemfield.service jackd.service",
        "systemctl --user daemon-reload",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--system", "--program", "/home/ann/.local/bin/stemfield", "--yes"], "cannot read home folders"),
        (["--user", "--root", "/tmp", "--yes"], "--root: only with --system"),
        (["--system", "--root", "/nowhere/at/all", "--yes"], "--root /nowhere/at/all: no such folder"),
        (["--user"], "no terminal to confirm at: pass --yes"),
        (["--user", "--program", "/nowhere/stemfield", "--yes"], "/nowhere/stemfield: not an executable file"),
        (["--user", "--program", "/etc/passwd", "--yes"], "/etc/passwd: not an executable file"),
        (["--user", "--program", "bin/stemfield", "--yes"], "special characters, got 'bin/stemfield'"),
        (["--user", "--program", "/opt/my own/stemfield", "--yes"], "expected an absolute path without spaces"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    words: list[str], told: str, say: Say, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CommandError) as refused:
        say("install", *words)
    assert told in "\n".join(refused.value.lines)
    assert refused.value.status == 2


def test_units_of_a_package_are_left_to_it(say: Say, root: Path) -> None:
    packaged = root / "lib" / "systemd" / "system" / "stemfield.service"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("[Unit]\n")
    with pytest.raises(CommandError, match="installed by a package already"):
        say("install", *SYSTEM, "--root", str(root), "--yes")
    packaged.unlink()
    say("install", *SYSTEM, "--root", str(root), "--yes", "--no-start")
    packaged.write_text("[Unit]\n")  # the package came later: what is in its way can go
    assert say("uninstall", "--system", "--root", str(root), "--yes") == 0
    assert tree(root) == {"lib/systemd/system/stemfield.service"}


def test_what_is_uninstalled_does_not_begin_with_the_machine(say: Say, root: Path) -> None:
    where = ["--root", str(root), "--yes"]
    say("install", *SYSTEM, "--server", "jackd", *where)

    def wanted() -> set[str]:
        return {path.name for path in root.rglob("*.wants/*")}

    assert wanted() == {"stemfield.service", "jackd.service"}
    say("install", *SYSTEM, "--server", "none", *where)
    assert wanted() == {"stemfield.service"}
    say("uninstall", "--system", *where)
    assert wanted() == set()


SHOWN = """LoadState=loaded
ActiveState=activating
SubState=auto-restart
UnitFileState=enabled
Result=exit-code
ExecMainCode=1
ExecMainStatus=2
ExecMainExitTimestamp=Thu 2026-11-26 16:40:00 UTC
NRestarts=3
MainPID=0
StatusText=waiting for a JACK server
FragmentPath=/etc/systemd/system/stemfield.service
"""


def test_status_says_how_it_is_and_why_it_ended(say: Say, manager: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (manager / "shown").write_text(SHOWN)
    assert say("status", "--system") == 3
    told = capsys.readouterr().out
    assert "activating, starts automatically (/etc/systemd/system/stemfield.service)" in told
    assert "status: waiting for a JACK server" in told
    assert "its configuration is invalid" in told
    assert "restarted by systemd: 3 times" in told
    running = SHOWN.replace("activating", "active").replace("MainPID=0", f"MainPID={os.getpid()}")
    # of the present run there is no end yet
    running = running.replace("exit-code", "success").replace("ExecMainCode=1\nExecMainStatus=2", "ExecMainCode=0")
    (manager / "shown").write_text(running)
    assert say("status", "--system") == 0
    told = capsys.readouterr().out
    assert "last end" not in told
    assert "restarted by systemd: 3 times" in told
    assert say("status", "--system", "--json") == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["active"], state["pid"], state["restarts"]) == ("active", os.getpid(), 3)
    (manager / "shown").write_text("LoadState=not-found\nActiveState=inactive\n")
    assert say("status", "--user") == 3
    assert capsys.readouterr().out == "not installed: stemfield service install --user\n"


def test_without_systemd_status_is_one_line(say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError) as refused:
        say("status")
    assert refused.value.lines == ("systemctl: systemd is not installed",)


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"Result": "watchdog", "ExecMainCode": "2", "ExecMainStatus": "6"}, "no watchdog message"),
        ({"Result": "oom-kill", "ExecMainCode": "2", "ExecMainStatus": "9"}, "memory ran out"),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": str(int(signal.SIGKILL))}, "RTTIME"),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": str(int(signal.SIGXCPU))}, "(SIGXCPU)"),
        ({"Result": "core-dump", "ExecMainCode": "3", "ExecMainStatus": "11"}, "crashed"),
        ({"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "217"}, "user of the unit does not exist"),
        ({"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}, "it was stopped"),
        ({"Result": "success", "ExecMainCode": "2", "ExecMainStatus": "15"}, "it was stopped"),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "64"}, "it was ended by a signal (SIGRTMAX)"),
        ({"Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "40"}, "it was ended by a signal (signal 40)"),
        ({}, ""),
    ],
)
def test_every_end_has_its_words(shown: dict[str, str], told: str) -> None:
    assert told in last_end(shown)
    assert bool(last_end(shown)) == bool(told)


def test_limits_are_those_that_the_kernel_holds(tmp_path: Path) -> None:
    """Read of a process that has given its own limits up."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0)); "
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536)); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        limits = process_limits(process.pid)
        found = advice("system", process.pid)
        process.communicate()
    assert limits["Max realtime priority"] == 0
    assert limits["Max locked memory"] == 65_536
    assert [one.text for one in found] == [
        "real-time priority is not allowed, so other programs can interrupt the sound"
    ]
    assert "rtprio 95" in found[0].cure
    assert "tee -a" in found[0].cure  # what others have promised there stays
    assert process_limits(process.pid) == {}


def test_a_service_of_a_person_that_does_not_linger_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("stemfield.systemd.state.LINGER", tmp_path)
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    assert any(one.cure == "loginctl enable-linger ann" for one in advice("user"))
    (tmp_path / "ann").touch()
    assert not any("linger" in one.cure for one in advice("user"))
