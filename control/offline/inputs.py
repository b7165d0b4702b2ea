"""What a command or a batch job names, loaded and checked: configuration, layout, HRTF, model and recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemfield.control.command_errors import FAILED, CommandError
from stemfield.control.config.configuration import Config, load_config
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader
from stemfield.renderer.files.paths import target_problem
from stemfield.renderer.scene.scene import STEMS
from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.cards.presets import DEFAULT, FILES

HRTF_NEEDS_BINAURAL = "--hrtf: only with --binaural"


def user_config() -> Config:
    """The user's configuration, as the daemon finds it without `--config`."""
    return load_config(None)


def usable_layout(name: str, config: Config) -> Layout:
    """The layout of a name or file, with its correction filters checked.

    Raises:
        LayoutError: it cannot be loaded.
        CommandError: a correction filter cannot be used.
    """
    from stemfield.renderer.dsp.chain import design_chain
    from stemfield.renderer.dsp.fir import FirError

    layout = load_layout(name, config.layout_folders)
    try:
        design_chain(layout, 48_000)
    except FirError as error:
        raise CommandError([f"{name}: {line}" for line in str(error).splitlines()]) from error
    return layout


def usable_hrtf(hrtf: str) -> str:
    """The same HRTF, checked.

    Raises:
        SofaError: it cannot be used.
    """
    from stemfield.renderer.engine.chain_builder import head_of

    head_of(hrtf, 48_000)
    return hrtf


def output_room(layout: str | None, hrtf: str | None, config: Config, *, binaural: bool) -> tuple[Layout, str | None]:
    """Layout and HRTF to render for, as the options of a command name them; no HRTF without `binaural`.

    Raises:
        CommandError: an option is missing, or of no use without another.
        LayoutError, SofaError: one of them cannot be used.
    """
    if hrtf is not None and not binaural:
        raise CommandError([HRTF_NEEDS_BINAURAL])
    if layout is None and not binaural:
        raise CommandError(["--layout is missing: the room to render for (or --binaural, for headphones)"])
    found = usable_layout(layout or config.layout, config)
    return found, usable_hrtf(hrtf or config.monitor.hrtf) if binaural else None


def model_for_files(name: str | None, config: Config, *, live: bool) -> str:
    """The name of the model for a recording: the given one, else that of files, or with `live` that of the daemon."""
    return name or (config.model or DEFAULT if live else FILES)


def model_card(name: str | None, config: Config, *, for_room: bool = False) -> ModelCard:
    """The model of a name, preset or card; None is the configured one. For a room, every stem must be an instrument.

    Raises:
        CardError: it cannot be used.
    """
    return load_card(name or config.model or DEFAULT, config.model_folders, STEMS if for_room else ())


def recording_length(source: Path) -> tuple[int, int]:
    """Frames and sample rate in Hz of a recording that can be separated.

    Raises:
        AudioFileError: it cannot be read.
        CommandError: its sample rate is out of range.
    """
    from stemfield.separation.streaming.streaming import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

    with AudioReader(source) as reader:
        frames, rate_hz = reader.frames, reader.sample_rate_hz
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        allowed = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz"
        raise CommandError([f"{source}: sample rate: expected {allowed}, got {rate_hz} Hz"])
    return frames, rate_hz


def check_target(path: Path) -> None:
    """Check that a file can be written.

    Raises:
        CommandError: it cannot.
    """
    if problem := target_problem(path):
        raise CommandError([f"{path}: {problem}"])


@contextmanager
def processing_errors(source: str, unusable: int = FAILED) -> Iterator[None]:
    """Turn what fails while a sound file is processed into a CommandError.

    Args:
        source: the file that an error without a file name is about.
        unusable: exit status for a sound file that cannot be read or written.
    """
    try:
        yield
    except AudioFileError as error:
        raise CommandError([str(error)], unusable) from error
    except OSError as error:
        raise CommandError([f"{error.filename or source}: {error.strerror or error}"], FAILED) from error
