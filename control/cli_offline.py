"""Commands of the command line that make sound files from a sound file."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemfield.control import offline
from stemfield.control.arguments import did_you_mean
from stemfield.control.cli_commands import card_of, refusals, usable_layout, user_config
from stemfield.control.cli_error import FAILED, CliError
from stemfield.control.config import Config
from stemfield.control.scene_file import SceneFileError, load_scene_file
from stemfield.control.venue import Venue
from stemfield.renderer.drivers.audiofile import AudioFileError, AudioReader, check_output
from stemfield.renderer.scene import RESIDUAL, default_scene
from stemfield.separation.card import CardError
from stemfield.separation.graph import check_providers
from stemfield.separation.streaming import HIGHEST_RATE_HZ, LOWEST_RATE_HZ


def upmix(options: argparse.Namespace) -> int:
    """Render a recording for a room."""
    config = user_config()
    source, target = Path(options.source), Path(options.target)
    layout = usable_layout(options.layout, config)
    card = card_of(options.model, config, for_a_room=True)
    scene = default_scene()
    if options.scene:
        try:
            scene = load_scene_file(Path(options.scene), Venue(layout.labels, scene))
        except SceneFileError as error:
            raise CliError([f"{error.source}: {problem}" for problem in error.problems]) from error
        except FileNotFoundError as error:
            raise CliError([f"{options.scene}: no such file"]) from error
    channels = max(speaker.channel for speaker in layout.speakers)
    with refusals():
        check_output(target, channels, [source])
    with _work(source) as progress:
        offline.upmix(source, target, layout, scene, card, progress, **_way(options, config))
    print(f"{target}: {channels} channels for {layout.title}")
    return 0


def separate(options: argparse.Namespace) -> int:
    """Write the stems of a recording."""
    config = user_config()
    card = card_of(options.model, config)
    source, folder = Path(options.source), Path(options.folder)
    if folder.exists() and not folder.is_dir():
        raise CliError([f"{folder}: is a file, not a folder"])
    with _work(source) as progress:
        paths = offline.separate(source, folder, card, progress, **_way(options, config))
    for path in paths:
        print(path)
    return 0


def remix(options: argparse.Namespace) -> int:
    """Re-balance the instruments of a recording."""
    config = user_config()
    card = card_of(options.model, config)
    source, target = Path(options.source), Path(options.target)
    names = (*card.names, RESIDUAL)
    unknown = [name for name, _ in options.gain if name not in names]
    if unknown:
        known = ", ".join(names)
        raise CliError([f"--gain {name}: model {card.name} has {known}{did_you_mean(name, names)}" for name in unknown])
    with refusals():
        check_output(target, 2, [source])
    with _work(source) as progress:
        gains_db = dict(options.gain)
        offline.remix(source, target, card, options.threshold, gains_db, progress, **_way(options, config))
    print(target)
    return 0


class _Way(TypedDict):
    """How a model is used."""

    providers: tuple[str, ...]
    rule: str


def _way(options: argparse.Namespace, config: Config) -> _Way:
    """How the model is used: as configured, where nothing else is asked for."""
    with refusals():
        check_providers(config.separation.providers)
    return {"providers": config.separation.providers, "rule": options.rule or config.separation.rule}


@contextmanager
def _work(source: Path) -> Iterator[offline.Progress]:
    """A progress bar, and what failed in a line; what was wrong before the work began is bad input."""
    with refusals(), AudioReader(source) as reader:
        rate_hz = reader.sample_rate_hz
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise CliError([f"{source}: sample rate {rate_hz} Hz: allowed {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"])
    logging.basicConfig(format="stemfield: warning: %(message)s", level=logging.WARNING)
    begin_s = time.monotonic()
    columns = TextColumn(source.name), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(source.name, total=None)
            yield lambda done, frames: bar.update(task, completed=done, total=frames)
            seconds = bar.tasks[task].completed / rate_hz
    except AudioFileError as error:
        raise CliError([str(error)], FAILED) from error
    except CardError as error:
        raise CliError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except OSError as error:
        raise CliError([f"{error.filename or source}: {error.strerror or error}"], FAILED) from error
    took_s = max(time.monotonic() - begin_s, 1e-3)
    print(f"{seconds:.1f} s of sound in {took_s:.1f} s, {seconds / took_s:.1f} times real time", file=sys.stderr)
