"""`stemfield source list`, `enable` and `disable`: other programs as sources, as services of systemd."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from stemfield.control.cli.printing import confirm, print_json, print_table
from stemfield.control.cli.source_options import misplaced_options, place_of, recipe_of, settings_of
from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.device.pipewire import read_pipewire
from stemfield.control.sources.presence import (
    active_rivals,
    has_template,
    install_commands,
    missing_needs,
    presence,
    program_path,
)
from stemfield.control.sources.recipes import RECIPES, Recipe
from stemfield.control.sources.units import (
    Place,
    installed_files,
    installed_units,
    source_files,
    unit_files,
    way_of,
)
from stemfield.systemd import install as systemd
from stemfield.systemd.files import ServiceFile, is_untouched

_HOMES: Final = ("/home/", "/root/")


def show(options: argparse.Namespace) -> int:
    """Show every source: whether it is there, enabled and running, and what is missing."""
    found = presence(RECIPES, place_of(options))
    if options.json:
        print_json([asdict(each) for each in found])
        return 0
    print_table(
        [
            ("source", "program", "installed", "enabled", "running", "what it is"),
            *(
                (each.name, each.program, *map(_yes, (each.installed, each.enabled, each.running)), each.title)
                for each in found
            ),
        ]
    )
    for each in found:
        for command in each.install:
            print(f"{each.name}: missing {', '.join(each.missing)}: {command}")
        for unit in each.rivals if each.enabled else ():
            print(f"{each.name}: {_rival(unit)}")
    return 0


def enable(options: argparse.Namespace) -> int:
    """Write what a source needs, after showing it, and start it."""
    recipe, place = recipe_of(options.source), place_of(options)
    problems = [*misplaced_options(recipe, options), *_unusable(recipe, place, start=options.start)]
    if place.scope == "system" and os.geteuid() != 0:
        problems.append("--system: needs root: sudo stemfield source ...")
    settings = settings_of(recipe, options, place, problems)
    program = program_path(recipe.needs[0].file) if recipe.needs else ""
    if place.scope == "system" and str(program).startswith(_HOMES):
        problems.append(f"{program}: a system service cannot read home folders: install it into /usr/local/bin")
    if problems:
        raise CommandError(problems)
    files = source_files(recipe, settings, place, str(program))
    _check_untouched(files)
    changes = {file: difference for file in files if (difference := file.difference())}
    paths = {file.path for file in files}
    stale = [path for path in installed_files(recipe, place) if path not in paths and _is_untouched(path)]
    for difference in changes.values():
        print(difference, end="")
    for path in stale:
        print(f"remove {path}: no longer needed")
    if changes or stale:
        confirm("write these files?", yes=options.yes)
    else:
        print("it is installed and up to date")
    _stop(place, [unit for unit, path in unit_files(recipe, place).items() if path in stale])
    systemd.unlink(stale)
    for file in changes:
        systemd.write(file)
    if options.start:
        _start(recipe, place)
    for line in (*recipe.notes, *(_rival(unit) for unit in recipe.rivals if unit in active_rivals([recipe]))):
        print(f"note: {line}")
    return 0


def disable(options: argparse.Namespace) -> int:
    """Stop a source, and remove what `enable` wrote; changed files stay."""
    recipe, place = recipe_of(options.source), place_of(options)
    if place.scope == "system" and os.geteuid() != 0:
        raise CommandError(["--system: needs root: sudo stemfield source ..."])
    there = installed_files(recipe, place)
    if not there:
        print(f"{recipe.name} is not enabled")
        return 0
    untouched = [path for path in there if _is_untouched(path)]
    for path in there:
        print(f"remove {path}" if path in untouched else f"keep   {path}: changed since, or not from stemfield")
    confirm("stop it and remove these files?", yes=options.yes)
    _stop(place, installed_units(recipe, place))
    systemd.unlink(untouched)
    if systemd.manages(place.root):
        systemd.run(place.scope, "daemon-reload")
        if recipe.restarts:
            systemd.run(place.scope, "try-restart", recipe.restarts)
    return 0


def _unusable(recipe: Recipe, place: Place, *, start: bool) -> Iterator[str]:
    """Why a source cannot be enabled here."""
    missing = missing_needs(recipe, place)
    if missing:
        names = ", ".join(need.package or need.file for need in missing)
        yield f"{recipe.name}: missing {names}: {'; '.join(install_commands(missing))}"
    if place.to_device and place.scope == "system":
        yield "--through device: the device belongs to the session of a user: pass --user"
        return
    way = way_of(recipe, place)
    if not recipe.is_raw and way is None:
        yield f"{recipe.name}: plays into the device of a desktop with PipeWire only: pass --user --through device"
        return
    if (recipe.is_raw or (way is not None and way.form)) and not has_template(place):
        yield f"stemfield-source@.service: not installed: stemfield service install --{place.scope}"
    if place.to_device and start:
        try:
            if read_pipewire().node(place.node) is None:
                yield "the device is not there: stemfield device install"
        except CommandError as error:
            yield from error.lines


def _check_untouched(files: tuple[ServiceFile, ...]) -> None:
    changed = [file.path for file in files if (text := file.installed) is not None and not is_untouched(text)]
    if changed:
        advice = "changed since, or not from stemfield: kept; move it away to have it written anew"
        raise CommandError([f"{path}: {advice}" for path in changed], FAILED)


def _is_untouched(path: Path) -> bool:
    return is_untouched(path.read_text(encoding="utf-8"))


def _start(recipe: Recipe, place: Place) -> None:
    units = installed_units(recipe, place)
    if not systemd.manages(place.root):
        print("systemd does not run here: the source starts with the machine that has these files")
        return
    systemd.run(place.scope, "daemon-reload")
    if units:
        systemd.run(place.scope, "enable", *units)
        systemd.run(place.scope, "restart", *units)
        print(f"{recipe.name} runs: journalctl {'--user ' if place.scope == 'user' else ''}-u {units[-1]}")
    if recipe.restarts:
        systemd.run(place.scope, "restart", recipe.restarts)


def _stop(place: Place, units: list[str] | tuple[str, ...]) -> None:
    if units and systemd.manages(place.root):
        systemd.run(place.scope, "disable", "--now", *reversed(units))


def _rival(unit: str) -> str:
    return f"{unit} runs the same program, too: systemctl disable --now {unit}, with sudo or --user"


def _yes(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"
