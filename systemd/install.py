"""Puts units in place, starts the service, and takes units away again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from stemfield.layouts.problems import UserError
from stemfield.systemd.files import MAIN_UNIT, Scope, ServiceFile, installed_files, is_untouched, units_of
from stemfield.systemd.state import RUNNING, first_line, systemctl


class InstallError(UserError):
    """A step that failed."""

    status = 1


def manages(root: Path) -> bool:
    """Whether systemd runs here and manages the tree at this root."""
    return root == Path("/") and RUNNING.is_dir()


def untouched_files(scope: Scope, root: Path) -> tuple[Path, ...]:
    """The installed files that nobody has changed."""
    there = installed_files(scope, root)
    return tuple(path for path in there if is_untouched(path.read_text(encoding="utf-8")))


def write(file: ServiceFile) -> None:
    """Write a file in one step.

    Raises:
        InstallError: it cannot be written.
    """
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        beside = file.path.with_name(f".{file.path.name}.new")
        beside.write_text(file.text, encoding="utf-8")
        beside.chmod(0o644)
        beside.replace(file.path)
    except OSError as error:
        raise InstallError(f"{file.path}: {error.strerror}") from error


def remove(scope: Scope, root: Path, paths: tuple[Path, ...]) -> None:
    """Disable units and remove their files.

    Raises:
        InstallError: systemd refuses.
    """
    units = units_of(paths)
    if units and manages(root):
        run(scope, "disable", "--now", *units)
    elif units:
        _link(scope, "disable", units, root)
    unlink(paths)


def unlink(paths: Iterable[Path]) -> None:
    """Remove files, and the folders of drop-ins that are then empty."""
    for path in paths:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # a folder that also holds other files
            if path.parent.name.endswith(".service.d"):
                path.parent.rmdir()


def start(scope: Scope, units: list[str], root: Path) -> bool:
    """Enable units and start them; False where they are only enabled, because systemd does not manage the tree.

    Raises:
        InstallError: systemd refuses.
    """
    if not manages(root):
        _link(scope, "enable", units, root)
        return False
    if scope == "system":
        _tool("systemd-sysusers", "stemfield.conf")
        _tool("systemd-tmpfiles", "--create", "stemfield.conf")
    run(scope, "daemon-reload")
    run(scope, "enable", *units)
    for unit in reversed(units):  # the server before its client
        run(scope, "restart" if unit == MAIN_UNIT else "start", unit)
    return True


def run(scope: Scope, *words: str) -> None:
    """Run systemctl.

    Raises:
        InstallError: it fails.
    """
    try:
        done = systemctl(scope, *words)
    except FileNotFoundError as error:
        raise InstallError("systemctl: systemd is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"systemctl {' '.join(words)}: no answer") from error
    if done.returncode:
        raise InstallError(f"systemctl {' '.join(words)}: {first_line(done.stderr)}")


def _link(scope: Scope, verb: str, units: list[str], root: Path) -> None:
    """Enable or disable units in the tree of another machine, or where systemd does not run."""
    if scope == "system" and shutil.which("systemctl"):
        _tool("systemctl", f"--root={root}", verb, *units)


def _tool(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(f"{' '.join(command)}: {first_line(done.stderr)}")
