"""Processes files with the live code: upmix, separate, remix. Outputs have the length and timing of the input."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stemfield.control.command_errors import CommandError
from stemfield.control.config.configuration import Config
from stemfield.control.offline.inputs import model_card, model_for_files
from stemfield.layouts.model import Layout
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.drivers.file import BLOCK_FRAMES, render
from stemfield.renderer.drivers.limiting import Limiting, tell_limiting, watched
from stemfield.renderer.dsp.binaural import Head
from stemfield.renderer.dsp.biquad import sections
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.engine.chain_builder import head_of
from stemfield.renderer.engine.engine import Engine, fade_frames
from stemfield.renderer.engine.plan import NEVER
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader, AudioWriter, check_output
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.renderer import Renderer
from stemfield.renderer.scene.gains import linear
from stemfield.renderer.scene.object_gains import ObjectGains
from stemfield.renderer.scene.rows import STEM_ROWS
from stemfield.renderer.scene.scene import RESIDUAL, STEMS, Scene
from stemfield.separation.cards.card import ModelCard
from stemfield.separation.runtime.providers import CPU, known_providers
from stemfield.separation.streaming.streaming import Separator

Change = tuple[float, Scene, float]
"""A time in seconds, the scene from then on, and the duration of the cross-fade in seconds."""

Progress = Callable[[int, int], None]
"""Function that is called with the frames done and the total."""


def unwatched(_done: int, _frames: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Model:
    """A separation model, and how it is run."""

    card: ModelCard
    providers: Sequence[str] = CPU
    """Execution providers of ONNX Runtime, in order of preference."""
    rule: str = "soft"
    """How stems share a frequency bin."""

    def separator(self, sample_rate_hz: int, threshold: float, stems: Sequence[str] = ()) -> Separator:
        """A new separator, for the given stems or those of the model.

        Raises:
            CardError: the model cannot be used.
        """
        separator = Separator(self.card, sample_rate_hz, self.providers, rule=self.rule, stems=stems)
        separator.threshold = threshold
        return separator

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the stems, and of what no stem claims."""
        return (*self.card.names, RESIDUAL)

    def check_gains(self, key: str, names: Iterable[str]) -> None:
        """Check that all gains of an option belong to outputs.

        Raises:
            CommandError: with every unknown name.
        """
        if unknown := [name for name in names if name not in self.outputs]:
            expected = f"a stem of model {self.card.name} ({', '.join(self.outputs)})"
            hints = [f"got {name}{did_you_mean(name, self.outputs)}" for name in unknown]
            raise CommandError([f"{key}: expected {expected}, {hint}" for hint in hints])


def usable_model(
    name: str | None, rule: str | None, config: Config, *, for_room: bool = False, live: bool = False
) -> Model:
    """The model that separates a recording.

    Args:
        name: a name, preset or card; None for the preset of files, or with `live` for the model that the daemon uses.
        rule: how stems share a frequency bin; None as configured.
        config: the user's configuration.
        for_room: as in `model_card`.
        live: see `name`.

    Raises:
        CardError: it cannot be used.
        ProviderError: a configured provider is not installed.
    """
    card = model_card(model_for_files(name, config, live=live), config, for_room=for_room)
    return Model(card, known_providers(config.separation.providers), rule or config.separation.rule)


class StemSource(Protocol):
    """Gives stems for blocks of the mixture, as `Separator` does."""

    @property
    def latency_frames(self) -> int:
        """Latency: after the mixture up to frame p is fed, the stems up to p - latency_frames are out."""

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed frames of the mixture, shape (2, n); returns the next stems, shape (stems, 2, m)."""


def upmix(
    source: Path,
    target: Path,
    layout: Layout,
    scene: Scene,
    model: Model,
    progress: Progress = unwatched,
    *,
    changes: Iterable[Change] = (),
    hrtf: str | None = None,
    limit: bool = True,
) -> None:
    """Render a recording for a room: one channel of the file for each output channel of the layout.

    With an HRTF (`default` or a SOFA file) it is stereo for headphones instead. The limiter keeps outputs within full
    scale, and loudspeakers below their `max_level_db`; reductions are logged.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
        SofaError: the head cannot be used.
    """
    with AudioReader(source) as reader:
        rate_hz = reader.sample_rate_hz
        separator = model.separator(rate_hz, scene.separation.threshold, STEMS)
        head = None if hrtf is None else head_of(hrtf, rate_hz)
        limiting = Limiting()
        blocks = reader.blocks(BLOCK_FRAMES)
        feeds = feeds_of(blocks, rate_hz, layout, scene, separator, head, changes, limit=limit, limiting=limiting)
        write_feeds(feeds, reader, target, layout, hrtf, limiting, progress)


def file_channels(layout: Layout, hrtf: str | None) -> int:
    """Number of channels of a file: up to the highest of the layout, or two for headphones."""
    return 2 if hrtf else max(speaker.channel for speaker in layout.speakers)


def write_feeds(
    feeds: Iterable[NDArray[np.float32]],
    reader: AudioReader | Bw64Reader,
    target: Path,
    layout: Layout,
    hrtf: str | None,
    limiting: Limiting,
    progress: Progress,
) -> None:
    """Write what is rendered of a file, each loudspeaker to its channel, and log the gain reduction."""
    width = file_channels(layout, hrtf)
    channels = [0, 1] if hrtf else [speaker.channel - 1 for speaker in layout.speakers]
    with AudioWriter(target, reader.sample_rate_hz, width, [reader.path]) as writer:
        for block in feeds:
            outputs = np.zeros((width, block.shape[1]), np.float32)
            outputs[channels] = block
            writer.write(outputs)
            progress(writer.frames, reader.frames)
    tell_limiting(target, limiting)


def feeds_of(
    blocks: Iterator[NDArray[np.float32]],
    sample_rate_hz: int,
    layout: Layout,
    scene: Scene,
    separator: StemSource,
    head: Head | None = None,
    changes: Iterable[Change] = (),
    *,
    limit: bool = True,
    limiting: Limiting | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The loudspeaker feeds of a mixture, (loudspeakers, n) in layout order; with a head the binaural signal (2, n).

    Both are without latency. Later scenes begin at their frame of the music. Reductions by limiters are counted in
    `limiting`.
    """
    chain = design_chain(layout, sample_rate_hz, limit=limit)
    if head is not None:
        chain = chain.monitored(head.taps, head.latency_frames)
    engine = Engine(
        sample_rate_hz, 2, 0, len(layout.labels), len(STEMS), _latency_frames(separator, sample_rate_hz), chain
    )
    room = Renderer(layout, Panner(layout), engine, head)
    room.apply(scene)
    engine.settle()
    late = engine.late_frames[-1]
    rendered = _rendered(engine, blocks, separator, changes, room.apply, late)
    yield from watched(engine, rendered, layout, head, engine.latency_frames + late, limiting)


def objects_of(
    blocks: Iterator[NDArray[np.float32]],
    sample_rate_hz: int,
    layout: Layout,
    scene: Scene,
    separator: StemSource,
    changes: Iterable[Change] = (),
) -> Iterator[NDArray[np.float32]]:
    """What the objects of a mixture play, (rows of stems and residual, n), after their equalisers: without latency.

    It is what the feeds would be in a room in which every channel of an object has a loudspeaker of its own.
    Instruments are raised as in the room of `layout`, so that they are as loud together as the recording.
    """
    engine = Engine(sample_rate_hz, 2, 0, STEM_ROWS, len(STEMS), _latency_frames(separator, sample_rate_hz))
    each = np.eye(STEM_ROWS, dtype=np.float32)
    gains = ObjectGains(layout, Panner(layout), sample_rate_hz)

    def show(scene: Scene, fade_s: float = 0.0) -> None:
        rows = [np.zeros((0, 5))] * STEM_ROWS
        together, ramps = np.ones((STEM_ROWS, 2), np.float32), np.ones(STEM_ROWS, np.int64)
        for item in scene.objects:
            if item.eq and item.kind == "stem":
                rows[2 * item.id] = rows[2 * item.id + 1] = sections(item.eq, sample_rate_hz)
        stems = tuple(item for item in scene.objects if item.kind == "stem")
        alone = replace(scene, objects=stems, amount=float(scene.amount > 0.0))
        try:
            gains.show(alone)
        except ValueError:  # from some places one loudspeaker hides another: nothing can be panned
            gains.show(replace(alone, listener=(0.0, 0.0, 0.0)))
        own = [2 * source.object_id + source.channel for source in gains.sources]
        together[own], ramps[own] = gains.together, np.maximum(gains.ramps, round(fade_s * sample_rate_hz))
        engine.publish(each, ramps, np.ones(STEM_ROWS, np.float32), 1, heard_together=together, equalisers=rows)
        engine.bypass(scene.separation.bypass)

    show(scene)
    engine.settle()
    yield from _rendered(engine, blocks, separator, changes, show)


def _rendered(
    engine: Engine,
    blocks: Iterable[NDArray[np.float32]],
    separator: StemSource,
    changes: Iterable[Change],
    show: Callable[[Scene, float], None],
    late_frames: int = 0,
) -> Iterator[NDArray[np.float32]]:
    """The outputs of an engine; every later scene is applied at its frame."""
    due, frames = deque(changes), 0

    def until_next() -> int:
        while due and (begin := change_frame(due[0][0], engine.sample_rate_hz) + engine.stem_latency_frames) <= frames:
            _, later, fade_s = due.popleft()
            if isinstance(separator, Separator):
                separator.threshold = later.separation.threshold
            show(later, fade_s)
        return begin - frames if due else NEVER

    def before(block: NDArray[np.float32]) -> None:
        nonlocal frames
        engine.timeline.write_stems(separator.feed(block))
        frames += block.shape[1]

    try:
        yield from render(engine, blocks, before, late_frames, until_next)
    finally:
        engine.timeline.close()


def change_frame(at_s: float, sample_rate_hz: int) -> int:
    """The frame of the music at which a change takes effect."""
    return round(at_s * sample_rate_hz)


def _latency_frames(separator: StemSource, sample_rate_hz: int) -> int:
    return separator.latency_frames + fade_frames(sample_rate_hz)


def separate(
    source: Path, folder: Path, model: Model, threshold: float = 0.0, progress: Progress = unwatched
) -> tuple[Path, ...]:
    """Write each stem and the residual as a WAV file, and return the files; they sum to the recording.

    The threshold, 0..1, is the minimum share of a frequency bin that a stem must have to get it. The folder is created
    if it is missing.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    paths = _stem_paths(folder, model)
    with AudioReader(source) as reader, ExitStack() as files:
        folder.mkdir(parents=True, exist_ok=True)
        writers = [files.enter_context(AudioWriter(path, reader.sample_rate_hz, 2, [source])) for path in paths]
        for stems in stems_of(reader, model.separator(reader.sample_rate_hz, threshold)):
            for writer, stem in zip(writers, stems, strict=True):
                writer.write(stem)
            progress(writers[0].frames, reader.frames)
    return paths


def check_stems(folder: Path, model: Model, source: Path) -> None:
    """Check that the stems of a recording can be written to a folder.

    Raises:
        AudioFileError: they cannot.
    """
    try:
        if folder.is_dir():
            for path in _stem_paths(folder, model):
                check_output(path, 2, [source])
            return
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not there.is_dir():
            raise AudioFileError(f"{there}: expected a folder, got a file")
        if not os.access(there, os.W_OK):
            raise AudioFileError(f"{folder}: no permission to write into {there}")
    except OSError as error:
        raise AudioFileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _stem_paths(folder: Path, model: Model) -> tuple[Path, ...]:
    return tuple(folder / f"{name}.wav" for name in model.outputs)


def remix(
    source: Path,
    target: Path,
    model: Model,
    threshold: float = 0.0,
    gains_db: Mapping[str, float] | None = None,
    progress: Progress = unwatched,
) -> None:
    """Re-balance the instruments of a recording, in stereo; what the threshold rejects (see `separate`) is unchanged.

    Gains are those of stems and residual; -120 dB and below is silence.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    wanted = dict(gains_db or {})
    gains = np.array([linear(wanted.get(name, 0.0)) for name in model.outputs], np.float32)
    with AudioReader(source) as reader, AudioWriter(target, reader.sample_rate_hz, 2, [source]) as writer:
        for stems in stems_of(reader, model.separator(reader.sample_rate_hz, threshold)):
            writer.write(np.einsum("s,scn->cn", gains, stems))
            progress(writer.frames, reader.frames)


def stems_of(reader: AudioReader, separator: Separator) -> Iterator[NDArray[np.float32]]:
    """Stems and residual of a file, (stems + 1, 2, n), aligned with it; they sum to it at every sample."""
    waiting = np.zeros((2, 0), np.float32)
    for block in reader.blocks(BLOCK_FRAMES):
        waiting = np.concatenate([waiting, block], axis=1)
        stems = separator.feed(block)
        yield _with_residual(stems, waiting[:, : stems.shape[2]])
        waiting = waiting[:, stems.shape[2] :]
    stems = separator.flush()
    yield _with_residual(stems, waiting[:, : stems.shape[2]])


def _with_residual(stems: NDArray[np.float32], mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([stems, (mixture - stems.sum(axis=0))[None]])
