"""Tracker modules of Debian's games as songs with true stems: `stemfield train modules OUT --root DIR`.

A module contains the samples of its instruments, so each instrument can be played alone. Its label comes from its name
or sound. Modules have no vocals, so training adds some; in a module with a sampled voice, that voice is `vocals+other`.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemfield.separation.material.collection import LeftOut, Outcome, Sound, collect, write_parts
from stemfield.separation.material.instrument_labels import OTHER, UNCERTAIN, VOICE, label, measure
from stemfield.separation.material.openmpt import Module, ModuleError, load_library

MIN_LENGTH_S = 20.0
MAX_LENGTH_S = 420.0
SEPARATION_PERCENT = (20, 60)
"""Range of the stereo separation: modules for the Amiga have their instruments far left and right."""
_SUFFIXES = (".mod", ".xm", ".s3m", ".it")


@dataclass(frozen=True, slots=True)
class ModulePackage:
    """A Debian package with modules."""

    name: str
    licence: str
    attribution: str
    folder: str
    """Folder of the modules below the root."""
    held_out: bool = False
    """Whether it is kept for validation."""


_GAMES = "usr/share/games"
PACKAGES = (
    ModulePackage("heroes-sound-tracks", "GPL-2+", "A. Duret-Lutz, R. Genevois, A. Liverneaux and P. Meisburger",
                  f"{_GAMES}/heroes/mod"),
    ModulePackage("rafkill-data", "LGPL-2", "Jon Rafkind", f"{_GAMES}/rafkill"),
    ModulePackage("biniax2-data", "zlib", "Jordan Tuzsuzov", f"{_GAMES}/biniax2/music"),
    ModulePackage("bb", "GPL-2+", "the AA-group", "usr/share/bb"),
    ModulePackage("criticalmass-data", "GPL-2+", "Frank Becker", f"{_GAMES}/criticalmass", held_out=True),
    ModulePackage("circuslinux-data", "GPL-2+", "Bill Kendrick, New Breed Software",
                  f"{_GAMES}/circuslinux/data/music"),
    ModulePackage("open-invaders-data", "GPL-2+", "Darryl LeCount", "usr/share/open-invaders"),
    ModulePackage("tomatoes-data", "zlib", "Mika Halttunen", "usr/share/tomatoes/music"),
    ModulePackage("ballz-data", "BSD-3-Clause", "Olof Naessen and Per Larsson", f"{_GAMES}/ballz"),
    ModulePackage("gltron", "GPL-2+", "Andreas Umbach", f"{_GAMES}/gltron/music"),
)  # fmt: skip


def credits_of(*, held_out: bool = False) -> list[str]:
    """Credits of the packages for a model card, one line each."""
    return [f"{package.attribution}: {package.licence} (Debian package {package.name})"
            for package in PACKAGES if package.held_out == held_out]  # fmt: skip


def find_modules(root: Path, *, held_out: bool) -> Iterator[tuple[str, Path]]:
    """Name and file of each module below a root, in a fixed order."""
    for package in (package for package in PACKAGES if package.held_out == held_out):
        for folder in (root / package.folder, root / package.name / package.folder):
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in _SUFFIXES:
                    yield f"{package.name}-{path.stem}", path


def separate_module(module: Module, name: str) -> tuple[dict[str, Sound], dict[str, str], list[LeftOut]]:
    """Play each instrument of a module alone, label it, and sum those of a label.

    Returns:
        Sound of each label; labels by number and name of the instrument; instruments whose names contradict their
        sound, which no part has.
    """
    seconds = min(module.seconds, MAX_LENGTH_S)
    parts, labels, left_out = dict[str, Sound](), dict[str, str](), list[LeftOut]()
    pitches = module.notes()
    for index, written in enumerate(module.names):
        if index not in pitches:
            continue
        sound = module.play([index], seconds)
        measured = measure(sound, pitches[index])
        if measured is None:
            continue
        key = f"{index + 1} {written}".strip()
        found, contradiction = label(written, measured)
        if found == UNCERTAIN:
            left_out.append(LeftOut(f"{name}/{key}", contradiction))
            continue
        labels[key] = found
        parts[found] = parts[found] + sound if found in parts else sound
    return parts, labels, left_out


def write_module(job: tuple[str, Path, Path]) -> Outcome:
    """Write a module as a song, or say why not."""
    name, path, out = job
    percent = int(np.random.default_rng(zlib.crc32(name.encode())).integers(*SEPARATION_PERCENT, endpoint=True))
    try:
        module = Module(path, percent)
    except (OSError, ModuleError) as error:
        return Outcome(0.0, {}, (LeftOut(name, str(error)),))
    try:
        if module.seconds < MIN_LENGTH_S:
            reason = f"expected at least {MIN_LENGTH_S:.0f} s, got {module.seconds:.1f} s"
            return Outcome(0.0, {}, (LeftOut(name, reason),))
        parts, labels, left_out = separate_module(module, name)
    finally:
        module.close()
    if VOICE in parts:
        sounds = [parts.pop(name) for name in (VOICE, OTHER) if name in parts]
        parts["vocals+other"] = np.sum(sounds, axis=0)
    known = {stem for name in parts for stem in name.split("+")}
    if missing := [stem for stem in ("bass", "drums", OTHER) if stem not in known]:
        reason = f"expected bass, drums and other instruments, got no {' and no '.join(missing)}"
        return Outcome(0.0, labels, (*left_out, LeftOut(name, reason)))
    return Outcome(write_parts(parts, out / name, labels), labels, tuple(left_out))


def run(chosen: argparse.Namespace) -> None:
    """Write all modules that do not exist yet.

    Args:
        chosen: options of `stemfield train modules`.

    Raises:
        ValueError: none of the packages was found, or there is no libopenmpt.
    """
    try:
        load_library()
    except OSError as error:
        raise ValueError(f"expected libopenmpt (Debian: libopenmpt0), got {error}") from error
    jobs = {name: (name, path, chosen.out) for name, path in find_modules(chosen.root, held_out=chosen.held_out)}
    if not jobs:
        names = ", ".join(package.name for package in PACKAGES if package.held_out == chosen.held_out)
        raise ValueError(f"{chosen.root}: expected tracker modules of the Debian packages {names}, got none")
    collect(
        chosen.out,
        write_module,
        jobs,
        "tracker modules",
        credits_of(held_out=chosen.held_out),
        processes=chosen.processes,
    )
