"""The options of `stemfield source enable`, checked: which source, where, and what its user chooses."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stemfield.control.command_errors import CommandError
from stemfield.control.config.configuration import load_config
from stemfield.control.sources.formats import DEFAULT_FORMAT, PcmFormat
from stemfield.control.sources.presence import program_path
from stemfield.control.sources.quoting import exec_word
from stemfield.control.sources.recipes import RECIPES, Recipe
from stemfield.control.sources.units import Place, Settings, unit_files
from stemfield.layouts.problems import did_you_mean, shown
from stemfield.systemd.files import Scope, exec_path, own_program

MAX_NAME_BYTES: Final = 50
"""An AirPlay receiver's name is in a DNS label of 63 bytes, after 13 of its own."""
MPD_PORT: Final = 6600
PCM_PORT: Final = 4953
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]*|\[[0-9A-Fa-f:.]+\]")
_OPTIONS: Final = ("name", "host", "music", "fifo", "port", "format", "rate", "channels")


def pcm_format(options: argparse.Namespace) -> PcmFormat:
    """The format of raw PCM."""
    default = DEFAULT_FORMAT
    return PcmFormat(
        options.format or default.sample, options.rate or default.rate_hz, options.channels or default.channels
    )


def recipe_of(name: str) -> Recipe:
    """The source of a name, which may also be that of its program.

    Raises:
        CommandError: there is none.
    """
    known = {recipe.name: recipe for recipe in RECIPES}
    by_program = {recipe.program: recipe for recipe in RECIPES if not recipe.is_raw}
    if name in known:
        return known[name]
    if name in by_program:
        return by_program[name]
    near = did_you_mean(name, (*known, *by_program)) or f": expected {', '.join(known)}"
    raise CommandError([f"unknown source {shown(name)}{near}"])


def place_of(options: argparse.Namespace) -> Place:
    """Where sources are installed, and what they play into.

    Raises:
        CommandError: the daemon's configuration cannot be used, or `stemfield` is not found.
    """
    scope: Scope = options.scope or ("system" if os.geteuid() == 0 else "user")
    config = load_config(None)
    (sink, *_others) = config.device.sinks(config.jack.client_name)
    through = getattr(options, "through", None)
    has_pipewire = program_path("pipewire") is not None
    to_device = scope == "user" and has_pipewire if through is None else through == "device"
    sides = ("FL", "FR")
    ports = tuple(f"{sink.title}:playback_{side}" for side in sides)
    inputs = (f"{config.jack.client_name}:mixture_*",)
    return Place(scope, to_device, sink.node, ports if to_device else inputs, _stemfield(scope))


def _stemfield(scope: Scope) -> str:
    try:
        return exec_path(own_program(), scope)
    except FileNotFoundError as error:
        raise CommandError(["stemfield: not found in PATH"]) from error


def misplaced_options(recipe: Recipe, options: argparse.Namespace) -> Iterator[str]:
    """Options that a source does not take."""
    taken = ", ".join(f"--{name}" for name in recipe.options) or "no such options"
    for name in _OPTIONS:
        if getattr(options, name) is not None and name not in recipe.options:
            yield f"--{name}: {recipe.name} takes {taken}"


def settings_of(recipe: Recipe, options: argparse.Namespace, place: Place, problems: list[str]) -> Settings:
    """The settings of the options; whatever is wrong is added to the problems."""
    name = "stemfield" if options.name is None else options.name
    expected = f"1 to {MAX_NAME_BYTES} bytes of printable text"
    if not name.strip() or not name.isprintable() or len(name.encode()) > MAX_NAME_BYTES:
        problems.append(f"--name: expected {expected}, got {shown(options.name)}")
    elif recipe.no_name and (found := re.search(recipe.no_name, name)):
        problems.append(
            f"--name: expected a name without {found[0]}, which {recipe.program} replaces, got {shown(name)}"
        )
    if options.host is not None and not _HOST.fullmatch(options.host):
        problems.append(f"--host: expected a host name or an address, got {shown(options.host)}")
    music = Path(options.music or ("/var/lib/mpd/music" if place.scope == "system" else Path.home() / "Music"))
    if "music" in recipe.options and not (music.is_absolute() and music.is_dir() and str(music).isprintable()):
        problems.append(f"--music: expected the absolute path of a folder, got {shown(str(music))}")
    fifo = Path(options.fifo) if options.fifo is not None else None
    if fifo is not None:
        problems += _bad_fifo(recipe, fifo, place)
    form = pcm_format(options)
    port = options.port or (MPD_PORT if recipe.name == "mpd" else PCM_PORT)
    return Settings(name, options.host or "", music, fifo, port, form)


def _bad_fifo(recipe: Recipe, fifo: Path, place: Place) -> Iterator[str]:
    if not fifo.is_absolute() or not str(fifo).isprintable() or os.path.normpath(fifo) != str(fifo):
        yield f"--fifo: expected an absolute path, got {shown(str(fifo))}"
    elif fifo.exists() and not fifo.is_fifo():
        yield f"--fifo {fifo}: expected a FIFO, got another file"
    for other in RECIPES:
        texts = [path.read_text(encoding="utf-8") for path in unit_files(other, place).values() if path.is_file()]
        lines = [f" {line} " for text in texts for line in text.splitlines()]
        if other.name != recipe.name and any(f" {exec_word(str(fifo))} " in line for line in lines):
            yield f"--fifo {fifo}: {other.name} uses it already"
