"""Commands that make a service of the daemon, take it away again, and say how it does."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from stemfield.control.cli.printing import print_json
from stemfield.control.problems import FAILED, CommandError
from stemfield.layouts.problems import shown
from stemfield.systemd.files import (
    MAIN_UNIT,
    Scope,
    Server,
    ServiceFile,
    installed_files,
    is_untouched,
    own_program,
    service_files,
    units_of,
)
from stemfield.systemd.state import RUNNING, Advice, advice, first_line, service_state, systemctl

NOT_RUNNING = 3
"""Exit status of `service status` where it does not run, as that of `systemctl status`."""
_NAMES_A_PROGRAM = re.compile(r"/[^\s\"'\\$;]+")
_HOMES = ("/home/", "/root/", "/run/user/")
_PACKAGED = ("usr/lib/systemd/system", "lib/systemd/system")


def install(options: argparse.Namespace) -> int:
    """Put the units in place, after showing what that changes."""
    scope, root = _scope(options), Path(options.root)
    _refuse_what_cannot_be(scope, root, options)
    if scope == "system":
        _refuse_beside_a_package(root)
    program = _program(scope, options.program, root)
    wanted = service_files(scope, _server(scope, options), program, root)
    changes = {file: file.difference() for file in wanted}
    stale = tuple(path for path in _untouched(scope, root) if path not in {file.path for file in wanted})
    if not any(changes.values()) and not stale:
        print("the units are in place as they should be")
    else:
        _show(changes)
        for path in stale:
            print(f"remove {path}: it belongs to another server")
        _ask("write these files?", options)
        for file, difference in changes.items():
            if difference:
                _write(file)
        _remove(scope, root, stale)
    units = units_of(tuple(file.path for file in wanted))
    if options.start:
        _start(scope, units, root)
    _advise(advice(scope) if root == Path("/") else [])
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Take away what `install` has put in place; configuration, scenes and what a person has changed stay."""
    scope, root = _scope(options), Path(options.root)
    _refuse_what_cannot_be(scope, root, options)
    there = installed_files(scope, root)
    ours = _untouched(scope, root)
    for path in ours:
        print(f"remove {path}")
    for path in (path for path in there if path not in ours):
        print(f"keep   {path}: it was changed since, or is not from here")
    if not ours:
        print("nothing is installed")
        return 0
    _ask("remove these files?", options)
    _remove(scope, root, ours)
    if _manages(root):
        _run(scope, "daemon-reload")
    return 0


def status(options: argparse.Namespace) -> int:
    """Say whether the service runs, and why it ended last time."""
    scope = _scope(options)
    try:
        state = service_state(scope)
    except FileNotFoundError as error:
        raise CommandError(["systemctl: there is no systemd here"], FAILED) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError([f"systemd: {error}"], FAILED) from error
    found = advice(scope, state.pid) if state.installed else []
    runs = state.active in ("active", "reloading")
    if options.json:
        print_json({"scope": scope, **asdict(state), "concerns": [asdict(one) for one in found]})
        return 0 if runs else NOT_RUNNING
    if not state.installed:
        print(f"not installed: stemfield service install --{scope}")
        return NOT_RUNNING
    starts = "starts by itself" if state.enabled else "does not start by itself"
    print(f"{state.active}, {starts} ({state.unit})")
    if state.status:
        print(f"it says: {state.status}")
    if state.ended:
        print(f"it ended last {state.ended_at or 'at a time not known'}: {state.ended}")
    if state.restarts:
        print(f"systemd has started it anew {state.restarts} times")
    print(f"its log: journalctl {'--user ' if scope == 'user' else ''}-u stemfield")
    _advise(found)
    return 0 if runs else NOT_RUNNING


def _scope(options: argparse.Namespace) -> Scope:
    if options.scope is not None:
        return "system" if options.scope == "system" else "user"
    return "system" if os.geteuid() == 0 else "user"


def _server(scope: Scope, options: argparse.Namespace) -> Server:
    """Who plays where nothing is said: what the machine has, PipeWire first for a person and jackd for a machine."""
    given: Server | None = options.server
    if given is not None:
        return given
    has_jackd, has_pipewire = shutil.which("jackd") is not None, shutil.which("pipewire") is not None
    if scope == "user" and has_pipewire:
        return "pipewire"
    return "jackd" if has_jackd else "pipewire" if has_pipewire else "none"


def _refuse_what_cannot_be(scope: Scope, root: Path, options: argparse.Namespace) -> None:
    problems = []
    if scope == "user" and root != Path("/"):
        problems.append("--root: of use only with --system")
    if scope == "system" and root == Path("/") and os.geteuid() != 0:
        problems.append("--system: only root may do that: sudo stemfield service ...")
    if not root.is_dir():
        problems.append(f"--root {root}: no such folder")
    if not options.yes and not sys.stdin.isatty():
        problems.append("there is nobody to ask: give --yes")
    if problems:
        raise CommandError(problems)


def _refuse_beside_a_package(root: Path) -> None:
    for folder in _PACKAGED:
        unit = root / folder / MAIN_UNIT
        if unit.is_file():
            raise CommandError([f"{unit}: a package has the units already: systemctl enable --now jackd stemfield"])


def _program(scope: Scope, given: str | None, root: Path) -> Path:
    """What the service runs, as it sees it; in another machine's tree it need not be there yet."""
    try:
        program = Path(given) if given else own_program()
    except FileNotFoundError as error:
        raise CommandError(["stemfield: not found in any folder of PATH: name it with --program"]) from error
    if not _NAMES_A_PROGRAM.fullmatch(str(program)):
        raise CommandError(
            [f"--program {shown(str(program))}: allowed an absolute path without spaces, quotes and the like"]
        )
    if scope == "system" and str(program).startswith(_HOMES):
        raise CommandError(
            [f"{program}: the service may not look into home folders: install into /opt/stemfield (docs/installing.md)"]
        )
    if root == Path("/") and not (program.is_file() and os.access(program, os.X_OK)):
        raise CommandError([f"--program {program}: no program that can be run"])
    return program


def _show(changes: dict[ServiceFile, str]) -> None:
    for file, difference in changes.items():
        there = file.installed
        if difference and there is not None and not is_untouched(there):
            print(f"{file.path} was changed since it was installed, or is not from here:")
        print(difference, end="")


def _ask(question: str, options: argparse.Namespace) -> None:
    if options.yes:
        return
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError(["nothing was changed"], FAILED)


def _write(file: ServiceFile) -> None:
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        beside = file.path.with_name(f".{file.path.name}.new")
        beside.write_text(file.text, encoding="utf-8")
        beside.chmod(0o644)
        beside.replace(file.path)
    except OSError as error:
        raise CommandError([f"{file.path}: {error.strerror}"], FAILED) from error


def _untouched(scope: Scope, root: Path) -> tuple[Path, ...]:
    there = installed_files(scope, root)
    return tuple(path for path in there if is_untouched(path.read_text(encoding="utf-8")))


def _remove(scope: Scope, root: Path, paths: tuple[Path, ...]) -> None:
    units = units_of(paths)
    if units and _manages(root):
        _run(scope, "disable", "--now", *units)
    elif units:
        _link(scope, "disable", units, root)
    for path in paths:
        path.unlink()
        with suppress(OSError):  # a folder in which somebody else has something
            if path.parent.name == f"{MAIN_UNIT}.d":
                path.parent.rmdir()


def _start(scope: Scope, units: list[str], root: Path) -> None:
    if not _manages(root):
        _link(scope, "enable", units, root)
        print("systemd does not run here: the service starts with the machine that has these files")
        return
    if scope == "system":
        _tool("systemd-sysusers", "stemfield.conf")
        _tool("systemd-tmpfiles", "--create", "stemfield.conf")
    _run(scope, "daemon-reload")
    _run(scope, "enable", *units)
    for unit in reversed(units):  # the server before its client
        _run(scope, "restart" if unit == MAIN_UNIT else "start", unit)
    print("the service runs: stemfield service status")


def _link(scope: Scope, verb: str, units: list[str], root: Path) -> None:
    """Have services begin with the machine, or not any more, where it is another one or its systemd does not run."""
    if scope == "system" and shutil.which("systemctl"):
        _tool("systemctl", f"--root={root}", verb, *units)


def _manages(root: Path) -> bool:
    return root == Path("/") and RUNNING.is_dir()


def _run(scope: Scope, *words: str) -> None:
    try:
        done = systemctl(scope, *words)
    except FileNotFoundError as error:
        raise CommandError(["systemctl: there is no systemd here"], FAILED) from error
    except subprocess.TimeoutExpired as error:
        raise CommandError([f"systemctl {' '.join(words)}: no answer"], FAILED) from error
    if done.returncode:
        raise CommandError([f"systemctl {' '.join(words)}: {first_line(done.stderr)}"], FAILED)


def _tool(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError([f"{' '.join(command)}: {first_line(done.stderr)}"], FAILED)


def _advise(found: list[Advice]) -> None:
    for one in found:
        print(f"note: {one.text}: {one.cure}")
