"""Commands of the command line that make sound files from a sound file."""

from __future__ import annotations

import argparse
import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from stemfield.control.cli.commands import NO_EARS, card_of, refusals, usable_hrtf, usable_layout, user_config
from stemfield.control.config.configuration import Config
from stemfield.control.offline import render as offline
from stemfield.control.offline.adm_export import Exported, export_music
from stemfield.control.parameters.context import Context
from stemfield.control.problems import FAILED, CommandError
from stemfield.control.scenes.file import SceneFileError, load_scene_file
from stemfield.control.scenes.recording import RecordingError, read_recording, scenes_of
from stemfield.control.status import idle_status
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.drivers.audiofile import AudioFileError, AudioReader, check_output
from stemfield.renderer.drivers.bw64_writer import check_bw64
from stemfield.renderer.scene.scene import RESIDUAL, STEMS, Scene, default_scene
from stemfield.separation.cards.card import CardError, ModelCard
from stemfield.separation.runtime.providers import known_providers
from stemfield.separation.streaming.streaming import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, Separator


def upmix(options: argparse.Namespace) -> int:
    """Render a recording for a room, and write its instruments as objects of the Audio Definition Model."""
    config = user_config()
    source = Path(options.source)
    if options.target is None and options.adm is None:
        raise CommandError(["OUT is missing: the file to write (or --adm OUT.adm.wav, for other programs)"])
    if options.hrtf is not None and not options.binaural:
        raise CommandError([NO_EARS])
    if options.target is not None and options.layout is None and not options.binaural:
        raise CommandError(["--layout is missing: the room to render for (or --binaural, for headphones)"])
    layout = usable_layout(options.layout or config.layout, config)
    hrtf = usable_hrtf(options.hrtf or config.monitor.hrtf) if options.binaural else None
    card = card_of(options.model, config, for_a_room=True)
    scene = scene_of(options.scene, layout)
    changes: list[offline.Change] = []
    if options.recording:
        changes = changes_of(
            recording_file(options.recording, config), scene, Context(layout.labels, scene, status=idle_status())
        )
    channels = 2 if options.binaural else max(speaker.channel for speaker in layout.speakers)
    with refusals():
        if options.target is not None:
            check_output(Path(options.target), channels, [source])
        if options.adm is not None:
            check_bw64(Path(options.adm), [source])
            if options.target is not None and Path(options.adm).resolve() == Path(options.target).resolve():
                raise CommandError([f"--adm {options.adm}: is OUT itself; choose another name for one of them"])
    if options.target is not None:
        target = Path(options.target)
        with _work(source) as progress:
            offline.upmix(
                source,
                target,
                layout,
                scene,
                card,
                progress,
                changes=changes,
                hrtf=hrtf,
                limit=options.limit,
                **way_of(options.rule, config),
            )
        print(f"{target}: " + (f"{layout.title} on headphones" if hrtf else f"{channels} channels for {layout.title}"))
    if options.adm is not None:
        target, way = Path(options.adm), way_of(options.rule, config)
        with _work(source) as progress:
            written = write_adm(source, target, layout, scene, changes, card, way, progress)
        tell_written(target, written)
    return 0


def write_adm(
    source: Path,
    target: Path,
    layout: Layout,
    scene: Scene,
    changes: list[offline.Change],
    card: ModelCard,
    way: Way,
    progress: offline.Progress | None = None,
) -> Exported:
    """Write the instruments of a recording as objects of the Audio Definition Model."""

    def separator_for(rate_hz: int) -> Separator:
        separator = Separator(card, rate_hz, way["providers"], rule=way["rule"], stems=STEMS)
        separator.threshold = scene.separation.threshold
        return separator

    return export_music(source, target, layout, scene, separator_for, changes, progress)


def tell_written(target: Path, written: Exported) -> None:
    """Say what an ADM file holds, and what it could not hold."""
    for note in written.notes:
        print(f"stemfield: warning: {target}: {note}", file=sys.stderr)
    loud = f"{written.loudness_lkfs:.1f} LKFS" if math.isfinite(written.loudness_lkfs) else "silence"
    print(f"{target}: {written.objects} objects, {loud}")


def recording_file(name: str, config: Config) -> Path:
    """The file of a recording of control: a file, or one that the daemon keeps under a name."""
    path = Path(name)
    if path.exists():
        return path
    folder = config.state_folder / "recordings"
    kept = {found.stem.replace("+", " "): found for found in sorted(folder.glob("*.jsonl"))}
    if name in kept:
        return kept[name]
    known = ", ".join(kept) or "none is kept"
    raise CommandError([f"{name}: no such file, and no such recording: {known}{did_you_mean(name, kept)}"])


def scene_of(file: str | None, layout: Layout) -> Scene:
    """The scene of a file, or the one that the daemon starts with."""
    scene = default_scene()
    if file is None:
        return scene
    try:
        return load_scene_file(Path(file), Context(layout.labels, scene, status=idle_status()))
    except SceneFileError as error:
        raise CommandError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except FileNotFoundError as error:
        raise CommandError([f"{file}: no such file"]) from error


def separate(options: argparse.Namespace) -> int:
    """Write the stems of a recording."""
    config = user_config()
    card = card_of(options.model, config)
    source, folder = Path(options.source), Path(options.folder)
    with refusals():
        offline.check_stems(folder, card, source)
    with _work(source) as progress:
        paths = offline.separate(source, folder, card, options.threshold, progress, **way_of(options.rule, config))
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
        raise CommandError(
            [f"--gain {name}: model {card.name} has {known}{did_you_mean(name, names)}" for name in unknown]
        )
    with refusals():
        check_output(target, 2, [source])
    with _work(source) as progress:
        gains_db = dict(options.gain)
        offline.remix(source, target, card, options.threshold, gains_db, progress, **way_of(options.rule, config))
    print(target)
    return 0


def changes_of(path: Path, scene: Scene, context: Context) -> list[offline.Change]:
    """The scenes of a recording of control."""
    try:
        return list(scenes_of(read_recording(path), scene, context))
    except RecordingError as error:
        raise CommandError([f"{path}: {error}"]) from error
    except OSError as error:
        raise CommandError([f"{path}: cannot be read: {error.strerror}"]) from error


class Way(TypedDict):
    """How a model is used."""

    providers: tuple[str, ...]
    rule: str


def way_of(rule: str | None, config: Config) -> Way:
    """How the model is used: as configured, where nothing else is asked for."""
    with refusals():
        providers = known_providers(config.separation.providers)
    return {"providers": providers, "rule": rule or config.separation.rule}


@contextmanager
def _work(source: Path) -> Iterator[offline.Progress]:
    """A progress bar, and what failed in a line; what was wrong before the work began is bad input."""
    tell_warnings()
    _, rate_hz = length_of(source)
    with work(str(source), rate_hz) as progress:
        yield progress


def length_of(source: Path) -> tuple[int, int]:
    """Frames and sample rate in Hz of a recording that can be separated."""
    with refusals(), AudioReader(source) as reader:
        frames, rate_hz = reader.frames, reader.sample_rate_hz
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise CommandError([f"{source}: sample rate {rate_hz} Hz: allowed {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"])
    return frames, rate_hz


@contextmanager
def work(source: str, rate_hz: int) -> Iterator[offline.Progress]:
    """A progress bar for a sound file that was opened, how quick it was, and what failed in a line."""
    tell_warnings()
    begin_s = time.monotonic()
    name = Path(source).name
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with failures(source), Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, frames: bar.update(task, completed=done, total=frames)
        seconds = bar.tasks[task].completed / rate_hz
    took_s = max(time.monotonic() - begin_s, 1e-3)
    print(f"{seconds:.1f} s of sound in {took_s:.1f} s, {seconds / took_s:.1f} times real time", file=sys.stderr)


class _Once(logging.Filter):
    """Lets a message pass the first time."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self._told
        self._told.add(message)
        return is_new


def tell_warnings() -> None:
    """Show what is logged, each message once, however often a file is read."""
    handler = logging.StreamHandler()
    handler.addFilter(_Once())
    logging.basicConfig(format="stemfield: warning: %(message)s", level=logging.WARNING, handlers=[handler])


@contextmanager
def failures(source: str) -> Iterator[None]:
    """Turns what fails while a sound file is worked on into lines for the user."""
    try:
        yield
    except AudioFileError as error:
        raise CommandError([str(error)], FAILED) from error
    except CardError as error:
        raise CommandError([f"{error.source}: {problem}" for problem in error.problems]) from error
    except OSError as error:
        raise CommandError([f"{error.filename or source}: {error.strerror or error}"], FAILED) from error
