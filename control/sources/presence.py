"""What there is of a source on this machine: its program, its files, and whether systemd runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemfield.control.sources.recipes import Need, Recipe
from stemfield.control.sources.units import PCM_TEMPLATE, Place, installed_files, installed_units, unit_files, way_of
from stemfield.systemd.files import Scope
from stemfield.systemd.install import manages
from stemfield.systemd.state import systemctl

_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Folders of programs that are not in the path of every user."""
_PACKAGED: Final = ("/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")


@dataclass(frozen=True, slots=True)
class Presence:
    """A source on this machine.

    Attributes:
        name: its name in commands.
        title: what it is.
        program: its program.
        installed: whether everything that it needs is there.
        enabled: whether `source enable` has installed it.
        running: whether its units run; None if systemd does not say.
        missing: packages and programs that are missing.
        install: commands that bring them, one line each.
        rivals: running units that start the same program.
    """

    name: str
    title: str
    program: str
    installed: bool
    enabled: bool
    running: bool | None
    missing: tuple[str, ...]
    install: tuple[str, ...]
    rivals: tuple[str, ...]


def presence(recipes: Sequence[Recipe], place: Place) -> tuple[Presence, ...]:
    """What there is of some sources."""
    units = {recipe.name: installed_units(recipe, place) for recipe in recipes}
    active = active_units([unit for each in units.values() for unit in each], place)
    rivals = active_rivals(recipes)
    found = []
    for recipe in recipes:
        missing = missing_needs(recipe, place)
        own = units[recipe.name]
        running = None if active is None else bool(own) and all(unit in active for unit in own)
        found.append(
            Presence(
                recipe.name,
                recipe.title,
                recipe.program,
                not missing,
                bool(installed_files(recipe, place)),
                running if unit_files(recipe, place) else None,
                tuple(need.package or need.file for need in missing),
                install_commands(missing),
                tuple(unit for unit in recipe.rivals if unit in rivals),
            )
        )
    return tuple(found)


def program_path(name: str) -> str | None:
    """Absolute path of a program."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS)))
    return str(Path(found).absolute()) if found else None


def missing_needs(recipe: Recipe, place: Place) -> tuple[Need, ...]:
    """What a source needs and this machine lacks."""
    way = way_of(recipe, place)
    needs = (*recipe.needs, *(way.needs if way else ()))
    return tuple(need for need in needs if not _is_there(need.file))


def install_commands(missing: Sequence[Need]) -> tuple[str, ...]:
    """Commands that bring what is missing: one for Debian's packages, and a hint for each other program."""
    packages = " ".join(need.package for need in missing if need.package)
    hints = (f"not in Debian: {need.hint}" for need in missing if not need.package)
    return (*([f"sudo apt install {packages}"] if packages else []), *hints)


def has_template(place: Place) -> bool:
    """Whether systemd knows the unit that plays FIFOs."""
    folders = (place.units, *(place.root / folder.lstrip("/") / place.scope for folder in _PACKAGED))
    return any((folder / PCM_TEMPLATE).is_file() for folder in folders)


def active_units(units: Sequence[str], place: Place) -> frozenset[str] | None:
    """Those of some units that run; None if systemd does not say."""
    if not units:
        return frozenset()
    return _active(place.scope, units) if manages(place.root) else None


def active_rivals(recipes: Sequence[Recipe]) -> frozenset[str]:
    """Units of the programs' own packages that run."""
    units = [unit for recipe in recipes for unit in recipe.rivals]
    if not units or not manages(Path("/")):
        return frozenset()
    return frozenset[str]().union(*(_active(scope, units) or () for scope in ("system", "user")))


def _active(scope: Scope, units: Sequence[str]) -> frozenset[str] | None:
    try:
        done = systemctl(scope, "show", "--property", "Id,ActiveState", *units)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    shown = [_properties(block) for block in done.stdout.split("\n\n")]
    return frozenset(each.get("Id", "") for each in shown if each.get("ActiveState") == "active")


def _properties(block: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _is_there(file: str) -> bool:
    if "/" in file:
        return any(Path("/").glob(file.lstrip("/")))
    return program_path(file) is not None
