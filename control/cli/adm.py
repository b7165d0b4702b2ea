"""Commands of the command line about files of the Audio Definition Model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from stemfield.control.cli.commands import NO_EARS, refusals, usable_hrtf, usable_layout, user_config
from stemfield.control.cli.offline import work
from stemfield.control.offline.adm_export import BLOCK_FRAMES
from stemfield.control.problems import CommandError, shortened
from stemfield.renderer.adm.model import AdmError
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.selection import Selection, select
from stemfield.renderer.drivers.audiofile import AudioWriter, check_output
from stemfield.renderer.drivers.bw64 import Bw64Reader
from stemfield.renderer.drivers.limiting import Limiting, tell_limiting
from stemfield.renderer.engine.chain_builder import head_of


def render(options: argparse.Namespace) -> int:
    """Render a file of the Audio Definition Model for a room."""
    config = user_config()
    source, target = Path(options.source), Path(options.output)
    if options.hrtf is not None and not options.binaural:
        raise CommandError([NO_EARS])
    if options.layout is None and not options.binaural:
        raise CommandError(["--layout is missing: the room to render for (or --binaural, for headphones)"])
    layout = usable_layout(options.layout or config.layout, config)
    hrtf = usable_hrtf(options.hrtf or config.monitor.hrtf) if options.binaural else None
    channels = [0, 1] if options.binaural else [speaker.channel - 1 for speaker in layout.speakers]
    width = max(channels) + 1
    with refusals():
        reader = Bw64Reader(source)
    with reader:
        with refusals():
            check_output(target, width, [source])
            selection = _selection(reader, options.programme)
        rate_hz = reader.sample_rate_hz
        ears = None if hrtf is None else head_of(hrtf, rate_hz)
        with work(source.name, rate_hz) as progress, refusals():
            for note in shortened(selection.notes):
                print(f"stemfield: warning: {source}: {note}", file=sys.stderr)
            with AudioWriter(target, rate_hz, width, [source]) as writer:
                blocks = reader.blocks(BLOCK_FRAMES)
                limiting = Limiting()
                for feeds in feeds_of(
                    blocks, rate_hz, selection.items, layout, ears, limit=options.limit, limiting=limiting
                ):
                    block = np.zeros((width, feeds.shape[1]), np.float32)
                    block[channels] = feeds
                    writer.write(block)
                    progress(writer.frames, reader.frames)
            tell_limiting(target, limiting)
    programme = selection.programme
    name = f"programme {programme.name or programme.id}, " if programme else ""
    room = f"{layout.title} on headphones" if hrtf else f"{width} channels for {layout.title}"
    print(f"{target}: {name}{len(selection.items)} tracks, {room}")
    return 0


def _selection(reader: Bw64Reader, programme: str | None) -> Selection:
    xml = reader.axml
    if not xml:
        raise CommandError([f"{reader.path}: has no axml chunk: nothing says where its tracks are heard"])
    try:
        return select(read_document(xml), reader.entries, programme)
    except AdmError as error:
        raise CommandError([f"{reader.path}: {problem}" for problem in error.problems]) from error
