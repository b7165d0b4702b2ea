"""`stemfield service`: installs the daemon as a service of systemd, removes it, and shows its state."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from stemfield.control.cli.printing import confirm, print_json
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.layouts.problems import shown
from stemfield.systemd import install as systemd
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
from stemfield.systemd.state import Advice, advice, service_state

NOT_RUNNING = 3
"""Exit status of `service status` if the service does not run, as that of `systemctl status`."""
_PROGRAM = re.compile(r"/[^\s\"'\\$;]+")
_HOMES = ("/home/", "/root/", "/run/user/")
_PACKAGED = ("usr/lib/systemd/system", "lib/systemd/system")


def install(options: argparse.Namespace) -> int:
    """Install the units, after showing what that changes."""
    scope, root = _scope(options), Path(options.root)
    _check_options(scope, root, options)
    if scope == "system":
        _check_no_package(root)
    program = _program(scope, options.program, root)
    wanted = service_files(scope, _server(scope, options), program, root)
    changes = {file: file.difference() for file in wanted}
    paths = {file.path for file in wanted}
    stale = tuple(path for path in systemd.untouched_files(scope, root) if path not in paths)
    if not any(changes.values()) and not stale:
        print("the units are installed and up to date")
    else:
        _show(changes)
        for path in stale:
            print(f"remove {path}: it belongs to another server")
        confirm("write these files?", yes=options.yes)
        for file, difference in changes.items():
            if difference:
                systemd.write(file)
        systemd.remove(scope, root, stale)
    if options.start:
        if systemd.start(scope, units_of(tuple(file.path for file in wanted)), root):
            print("the service runs: stemfield service status")
        else:
            print("systemd does not run here: the service starts with the machine that has these files")
    _print_notes(advice(scope) if root == Path("/") else [])
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Remove what `install` installed; configuration, scenes and changed files stay."""
    scope, root = _scope(options), Path(options.root)
    _check_options(scope, root, options)
    untouched = systemd.untouched_files(scope, root)
    for path in untouched:
        print(f"remove {path}")
    for path in installed_files(scope, root):
        if path not in untouched:
            print(f"keep   {path}: changed since, or not from stemfield")
    if not untouched:
        print("nothing is installed")
        return 0
    confirm("remove these files?", yes=options.yes)
    systemd.remove(scope, root, untouched)
    if systemd.manages(root):
        systemd.run(scope, "daemon-reload")
    return 0


def status(options: argparse.Namespace) -> int:
    """Show whether the service runs, and why it ended last time."""
    scope = _scope(options)
    try:
        state = service_state(scope)
    except FileNotFoundError as error:
        raise CommandError(["systemctl: systemd is not installed"], FAILED) from error
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
    starts = "starts automatically" if state.enabled else "does not start automatically"
    print(f"{state.active}, {starts} ({state.unit})")
    if state.status:
        print(f"status: {state.status}")
    if state.ended:
        print(f"last end: {state.ended_at or 'at an unknown time'}: {state.ended}")
    if state.restarts:
        print(f"restarted by systemd: {state.restarts} times")
    print(f"log: journalctl {'--user ' if scope == 'user' else ''}-u stemfield")
    _print_notes(found)
    return 0 if runs else NOT_RUNNING


def _scope(options: argparse.Namespace) -> Scope:
    if options.scope is not None:
        return "system" if options.scope == "system" else "user"
    return "system" if os.geteuid() == 0 else "user"


def _server(scope: Scope, options: argparse.Namespace) -> Server:
    """The sound server, without --server the one that is installed: PipeWire first for a user, jackd for a machine."""
    given: Server | None = options.server
    if given is not None:
        return given
    has_jackd, has_pipewire = shutil.which("jackd") is not None, shutil.which("pipewire") is not None
    if scope == "user" and has_pipewire:
        return "pipewire"
    return "jackd" if has_jackd else "pipewire" if has_pipewire else "none"


def _check_options(scope: Scope, root: Path, options: argparse.Namespace) -> None:
    problems = []
    if scope == "user" and root != Path("/"):
        problems.append("--root: only with --system")
    if scope == "system" and root == Path("/") and os.geteuid() != 0:
        problems.append("--system: needs root: sudo stemfield service ...")
    if not root.is_dir():
        problems.append(f"--root {root}: no such folder")
    if not options.yes and not sys.stdin.isatty():
        problems.append("no terminal to confirm at: pass --yes")
    if problems:
        raise CommandError(problems)


def _check_no_package(root: Path) -> None:
    for folder in _PACKAGED:
        unit = root / folder / MAIN_UNIT
        if unit.is_file():
            raise CommandError([f"{unit}: installed by a package already: systemctl enable --now jackd stemfield"])


def _program(scope: Scope, given: str | None, root: Path) -> Path:
    """The program that the service runs, as the service sees it; in another machine's tree it need not exist yet."""
    try:
        program = Path(given) if given else own_program()
    except FileNotFoundError as error:
        raise CommandError(["stemfield: not found in PATH: pass its path by --program"]) from error
    if not _PROGRAM.fullmatch(str(program)):
        expected = "an absolute path without spaces, quotes and other special characters"
        raise CommandError([f"--program: expected {expected}, got {shown(str(program))}"])
    if scope == "system" and str(program).startswith(_HOMES):
        hint = "install into /opt/stemfield (docs/installing.md)"
        raise CommandError([f"{program}: a system service cannot read home folders: {hint}"])
    if root == Path("/") and not (program.is_file() and os.access(program, os.X_OK)):
        raise CommandError([f"--program {program}: not an executable file"])
    return program


def _show(changes: dict[ServiceFile, str]) -> None:
    for file, difference in changes.items():
        there = file.installed
        if difference and there is not None and not is_untouched(there):
            print(f"{file.path} was changed since it was installed, or is not from stemfield:")
        print(difference, end="")


def _print_notes(found: Sequence[Advice]) -> None:
    for one in found:
        print(f"note: {one.text}: {one.cure}")
