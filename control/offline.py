"""Files through the same code as live: upmix, separate, remix. The output is aligned with the input and as long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.control.room import Room
from stemfield.layouts import Layout
from stemfield.renderer.drivers.audiofile import AudioReader, AudioWriter
from stemfield.renderer.drivers.file import BLOCK_FRAMES, render
from stemfield.renderer.dsp.chain import design_chain
from stemfield.renderer.engine import Engine, fade_frames
from stemfield.renderer.gains import linear
from stemfield.renderer.panning import Panner
from stemfield.renderer.scene import RESIDUAL, STEMS, Scene
from stemfield.separation.card import ModelCard
from stemfield.separation.graph import CPU
from stemfield.separation.streaming import Separator

Progress = Callable[[int, int], None]
"""Called with the frames done and the frames in all."""


def upmix(
    source: Path,
    target: Path,
    layout: Layout,
    scene: Scene,
    card: ModelCard,
    progress: Progress | None = None,
    *,
    providers: Sequence[str] = CPU,
    rule: str = "soft",
) -> None:
    """Renders a recording for a room: one channel of the file for each output channel of the layout.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    with AudioReader(source) as reader:
        separator = Separator(card, reader.sample_rate_hz, providers, rule=rule, stems=STEMS)
        separator.threshold = scene.separation.threshold
        channels = [speaker.channel - 1 for speaker in layout.speakers]
        width = max(channels) + 1
        with AudioWriter(target, reader.sample_rate_hz, width, reader.frames, [source]) as writer:
            done = 0
            for feeds in feeds_of(reader.blocks(BLOCK_FRAMES), reader.sample_rate_hz, layout, scene, separator):
                block = np.zeros((width, feeds.shape[1]), np.float32)
                block[channels] = feeds
                writer.write(block)
                done += feeds.shape[1]
                _tell(progress, done, reader.frames)


def feeds_of(
    blocks: Iterator[NDArray[np.float32]], sample_rate_hz: int, layout: Layout, scene: Scene, separator: Separator
) -> Iterator[NDArray[np.float32]]:
    """The loudspeaker feeds of a mixture, (loudspeakers, n) in layout order, without latency."""
    latency = separator.latency_frames + fade_frames(sample_rate_hz)
    chain = design_chain(layout, sample_rate_hz)
    engine = Engine(sample_rate_hz, 2, 0, len(layout.labels), len(STEMS), latency, chain)
    Room(layout, Panner(layout), engine).apply(scene)
    engine.settle()
    try:
        yield from render(
            engine, blocks, len(layout.labels), lambda block: engine.exchange.write_stems(separator.feed(block))
        )
    finally:
        engine.exchange.close()


def separate(
    source: Path,
    folder: Path,
    card: ModelCard,
    progress: Progress | None = None,
    *,
    providers: Sequence[str] = CPU,
    rule: str = "soft",
) -> tuple[Path, ...]:
    """Writes each stem and the residual as a WAV file; they sum to the recording.

    Returns:
        The files written.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    names = (*card.names, RESIDUAL)
    with AudioReader(source) as reader, ExitStack() as files:
        folder.mkdir(parents=True, exist_ok=True)
        paths = tuple(folder / f"{name}.wav" for name in names)
        writers = [
            files.enter_context(AudioWriter(path, reader.sample_rate_hz, 2, reader.frames, [source])) for path in paths
        ]
        done = 0
        for stems in stems_of(reader, Separator(card, reader.sample_rate_hz, providers, rule=rule)):
            for writer, stem in zip(writers, stems, strict=True):
                writer.write(stem)
            done += stems.shape[2]
            _tell(progress, done, reader.frames)
    return paths


def remix(
    source: Path,
    target: Path,
    card: ModelCard,
    threshold: float = 0.0,
    gains_db: Mapping[str, float] | None = None,
    progress: Progress | None = None,
    *,
    providers: Sequence[str] = CPU,
    rule: str = "soft",
) -> None:
    """Re-balances the instruments of a recording; what the threshold rejects stays as it was.

    Args:
        source: the recording.
        target: the file to write, stereo.
        card: the model.
        threshold: 0..1, the least share of a bin that an instrument must have to be re-scaled.
        gains_db: of the instruments, and of the residual; -120 and below silences.
        progress: told of the frames done.
        providers: ONNX Runtime's execution providers.
        rule: what of a bin the instruments get.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    wanted = dict(gains_db or {})
    gains = np.array([linear(wanted.get(name, 0.0)) for name in (*card.names, RESIDUAL)], np.float32)
    with (
        AudioReader(source) as reader,
        AudioWriter(target, reader.sample_rate_hz, 2, reader.frames, [source]) as writer,
    ):
        separator = Separator(card, reader.sample_rate_hz, providers, rule=rule)
        separator.threshold = threshold
        done = 0
        for stems in stems_of(reader, separator):
            writer.write(np.einsum("s,scn->cn", gains, stems))
            done += stems.shape[2]
            _tell(progress, done, reader.frames)


def stems_of(reader: AudioReader, separator: Separator) -> Iterator[NDArray[np.float32]]:
    """Stems and residual of a file, (stems + 1, 2, n), aligned with it; at each moment they sum to it."""
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


def _tell(progress: Progress | None, done: int, frames: int) -> None:
    if progress is not None:
        progress(done, frames)
