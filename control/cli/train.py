"""`stemfield train`: makes training music, trains a separator and makes a model of it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.layouts.problems import UserError
from stemfield.separation.cards.card import load_card

NOT_WEIGHTS = (EOFError, KeyError, RuntimeError, UnpicklingError)
"""Errors of torch for a file that holds no weights of a run."""


def music(options: argparse.Namespace) -> int:
    """Make songs to train with."""
    _need_players(options)
    return _run("music.synthesis", options)


def records(options: argparse.Namespace) -> int:
    """Extract instrumental music to train with from Debian packages."""
    _exist("--root", [options.root])
    return _run("material.records", options)


def multitracks(options: argparse.Namespace) -> int:
    """Read songs with named stems."""
    _exist("--root", [options.root])
    return _run("material.multitracks", options)


def modules(options: argparse.Namespace) -> int:
    """Separate tracker modules from Debian packages."""
    _exist("--root", [options.root])
    return _run("material.modules", options)


def arrangements(options: argparse.Namespace) -> int:
    """Play MIDI arrangements."""
    _need_players(options)
    _exist("--midi", options.midi)
    return _run("material.arranged", options)


def contents(options: argparse.Namespace) -> int:
    """Print and draw what training music is made of."""
    _need("soundfile", *(["matplotlib"] if options.image else []))
    _exist("SONGS", [*options.songs, *options.beside])
    return _run("material.contents", options)


def learn(options: argparse.Namespace) -> int:
    """Train a separator, or continue a run."""
    _need("torch", *(["onnx"] if options.origin else []))
    _exist("--songs", options.songs)
    _exist("--validation", options.validation)
    _usable_device(options.device)
    return _run("training.train", options)


def release(options: argparse.Namespace) -> int:
    """Make a model of a run's weights."""
    _need("torch", "onnx", "onnxscript", "matplotlib")
    _exist("FILE.pt", options.weights)
    _exist("--validation", options.validation)
    if not options.weights and not options.network:
        raise CommandError(["FILE.pt is missing: the weights of a run (or --network MODEL)"])
    with _errors():
        for name in (*options.beside, *options.network):
            load_card(name)
        _check_weights(options.weights)
    return _run("training.release", options)


def _run(module: str, options: argparse.Namespace) -> int:
    with _errors():
        run: Callable[[argparse.Namespace], None]
        run = importlib.import_module(f"stemfield.separation.{module}").run
        run(options)
    return 0


@contextmanager
def _errors() -> Iterator[None]:
    """Turn errors of training into a CommandError."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:
        raise CommandError(str(error).split("; ")) from error
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise CommandError([f"{place}{error.strerror or error}"], FAILED) from error


def _need(*modules: str) -> None:
    if missing := [name for name in modules if find_spec(name) is None]:
        raise CommandError([f'training needs {" and ".join(missing)}: pip install "stemfield[train]"'])


def _need_players(options: argparse.Namespace) -> None:
    """Check for what plays songs."""
    _need("pyworld", "soundfile")
    _exist("--voices", [options.voices])
    _exist("--instruments", [options.instruments] if options.instruments else [])
    _exist("--soundfont", options.soundfont or [])
    if not options.no_soundfonts:
        _need_fluidsynth(options.soundfont)


def _need_fluidsynth(given: Sequence[Path] | None) -> None:
    """Check for FluidSynth if soundfonts will be used; the binding loads its library when it is imported."""
    from stemfield.separation.music.soundfonts import DEBIAN

    if not given and not any(path.exists() for path in DEBIAN):
        return
    _need("fluidsynth")
    try:
        importlib.import_module("fluidsynth")
    except ImportError as error:
        raise CommandError(["soundfonts need FluidSynth (Debian: libfluidsynth3), or --no-soundfonts"]) from error


def _exist(what: str, paths: Sequence[Path]) -> None:
    if missing := [path for path in paths if not path.exists()]:
        raise CommandError([f"{what} {path}: no such file or folder" for path in missing])


def _usable_device(device: str | None) -> None:
    import torch

    if device is None:
        return
    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError) as error:  # AssertionError: a build without that kind of device
        reason = str(error).splitlines()[0]
        raise CommandError([f"--device {device}: {reason}"]) from error


def _check_weights(paths: Sequence[Path]) -> None:
    from stemfield.separation.training.weights import load_networks

    problems = []
    for path in paths:
        try:
            load_networks(path)
        except NOT_WEIGHTS:
            problems.append(f"{path}: expected the weights of a run (best.pt or step-N.pt)")
    if problems:
        raise CommandError(problems)
