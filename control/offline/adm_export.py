"""Writes music as files of the Audio Definition Model, from the tracks of its objects and the scenes that place them.

The tracks are a sound file with one for every row of the engine's sources. It is read twice: to measure peaks, and the
loudness of the objects in a room; and to be written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemfield.control.offline.render import Change, Model, Progress, change_frame, objects_of, unwatched
from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import Layout
from stemfield.renderer.adm.model import AdmError
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.score import Moment, document_of, score_of
from stemfield.renderer.adm.selection import select
from stemfield.renderer.adm.writing import write_document
from stemfield.renderer.dsp.loudness import LoudnessMeter, channel_weights
from stemfield.renderer.files.audiofile import AudioFileError, AudioReader, AudioWriter
from stemfield.renderer.files.bw64 import Bw64Reader
from stemfield.renderer.files.bw64_writer import Bw64Writer
from stemfield.renderer.scene.rows import STEM_ROWS
from stemfield.renderer.scene.scene import STEMS, Scene

BLOCK_FRAMES = 8192
LOUDNESS_LAYOUT = "0+5+0"
"""Layout for which the loudness is measured."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an exported file holds."""

    objects: int
    loudness_lkfs: float
    """-inf for silence."""
    notes: tuple[str, ...]
    """What such a file cannot hold."""


def export_recording(
    source: Path,
    target: Path,
    layout: Layout,
    scene: Scene,
    changes: Sequence[Change],
    model: Model,
    progress: Progress = unwatched,
) -> Exported:
    """Write the instruments of a recording as objects, where scenes place them.

    Raises:
        AudioFileError: a file cannot be read or written.
        CardError: the model cannot be used.
    """
    with AudioReader(source) as reader, ExitStack() as stack:
        rate_hz = reader.sample_rate_hz
        separator = model.separator(rate_hz, scene.separation.threshold, STEMS)
        report = _part(progress, 0.0, 0.8)
        writer = AudioWriter(target, rate_hz, STEM_ROWS, [source])
        stack.callback(writer.abandon)
        for rows in objects_of(reader.blocks(BLOCK_FRAMES), rate_hz, layout, scene, separator, changes):
            writer.write(rows)
            report(writer.frames, reader.frames)
        moments, title = moments_of(scene, changes, rate_hz), reader.title
        tracks = writer.seal()
        return export_tracks(tracks, target, layout, moments, title, _part(progress, 0.8, 0.2), sources=[source])


def moments_of(scene: Scene, changes: Iterable[Change], sample_rate_hz: int) -> list[Moment]:
    """A scene and those that follow it, by frames of the music."""
    return [(0, scene, 0.0), *((change_frame(at_s, sample_rate_hz), new, fade_s) for at_s, new, fade_s in changes)]


def export_tracks(
    tracks: Path,
    target: Path,
    layout: Layout,
    moments: Sequence[Moment],
    title: str,
    progress: Progress = unwatched,
    *,
    sources: Sequence[Path] = (),
) -> Exported:
    """Write tracks, one for every row of the engine's sources, as objects where scenes place them in a layout.

    Tracks beyond full scale are attenuated, and the gains of their objects raised by the same amount. The sources must
    not be overwritten.

    Raises:
        AudioFileError: a file cannot be read or written, or has more objects than are read.
    """
    with Bw64Reader(tracks) as reader:
        rate_hz, frames = reader.sample_rate_hz, reader.frames
        score = score_of(moments, layout, rate_hz, reader.tracks)
        rows = list(score.rows)
        document, entries = document_of(score, frames, rate_hz, title)
        try:
            items = select(document, entries).items
        except AdmError as error:
            raise AudioFileError(f"{target}: {'; '.join(error.problems)}") from error
        peaks = np.zeros(len(rows), np.float32)
        room = load_layout(LOUDNESS_LAYOUT)
        meter = LoudnessMeter(rate_hz, channel_weights(room))

        def measured() -> Iterator[NDArray[np.float32]]:
            for block in reader.blocks(BLOCK_FRAMES):
                np.maximum(peaks, np.abs(block[rows]).max(axis=1, initial=0.0), out=peaks)
                yield block[rows]

        done, report = 0, _part(progress, 0.0, 0.6)
        for feeds in feeds_of(measured(), rate_hz, items, room, plain=True):
            meter.add(feeds)
            done += feeds.shape[1]
            report(done, frames)
        scales = {track: 2.0 ** math.ceil(math.log2(peak)) for track, peak in enumerate(peaks.tolist()) if peak > 1.0}
        loudness = meter.integrated_lkfs
        document, entries = document_of(score, frames, rate_hz, title, scales, loudness)
        gains = np.array([1.0 / scales.get(track, 1.0) for track in range(len(rows))], np.float32)[:, None]
        report = _part(progress, 0.6, 0.4)
        with Bw64Writer(target, rate_hz, len(rows), entries, [tracks, *sources]) as writer:
            for block in reader.blocks(BLOCK_FRAMES):
                writer.write(gains * block[rows])
                report(writer.frames, frames)
            writer.axml = write_document(document, rate_hz)
    return Exported(len(document.objects), loudness, score.notes)


def _part(progress: Progress, begin: float, share: float) -> Progress:
    """Progress of a part of the work, as if it were all of it."""

    def report(done: int, frames: int) -> None:
        progress(round(begin * frames + share * done), frames)

    return report
