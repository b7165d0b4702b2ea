"""`stemfield render`: a file of the Audio Definition Model rendered for a room."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stemfield.control.command_errors import BAD_INPUT, CommandError
from stemfield.control.offline.adm_export import BLOCK_FRAMES
from stemfield.control.offline.inputs import output_room, user_config
from stemfield.control.offline.progress import processing
from stemfield.control.offline.render import file_channels, write_feeds
from stemfield.layouts.problems import shortened
from stemfield.renderer.adm.model import AdmError
from stemfield.renderer.adm.playing import feeds_of
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.adm.selection import Selection, select
from stemfield.renderer.drivers.limiting import Limiting
from stemfield.renderer.engine.chain_builder import head_of
from stemfield.renderer.files.audiofile import check_output
from stemfield.renderer.files.bw64 import Bw64Reader


def render(options: argparse.Namespace) -> int:
    """Render a file of the Audio Definition Model for a room."""
    config = user_config()
    source, target = Path(options.source), Path(options.output)
    layout, hrtf = output_room(options.layout, options.hrtf, config, binaural=options.binaural)
    width = file_channels(layout, hrtf)
    with Bw64Reader(source) as reader:
        check_output(target, width, [source])
        selection = _selection(reader, options.programme)
        rate_hz = reader.sample_rate_hz
        head = None if hrtf is None else head_of(hrtf, rate_hz)
        with processing(source.name, rate_hz, BAD_INPUT) as progress:
            for note in shortened(selection.notes):
                print(f"stemfield: warning: {source}: {note}", file=sys.stderr)
            blocks, limiting = reader.blocks(BLOCK_FRAMES), Limiting()
            feeds = feeds_of(blocks, rate_hz, selection.items, layout, head, limit=options.limit, limiting=limiting)
            write_feeds(feeds, reader, target, layout, hrtf, limiting, progress)
    programme = selection.programme
    name = f"programme {programme.name or programme.id}, " if programme else ""
    room = f"{layout.title} on headphones" if hrtf else f"{width} channels for {layout.title}"
    print(f"{target}: {name}{len(selection.items)} tracks, {room}")
    return 0


def _selection(reader: Bw64Reader, programme: str | None) -> Selection:
    xml = reader.axml
    if not xml:
        raise CommandError([f"{reader.path}: has no axml chunk, so nothing says where its tracks are placed"])
    try:
        return select(read_document(xml), reader.entries, programme)
    except AdmError as error:
        raise CommandError([f"{reader.path}: {problem}" for problem in error.problems]) from error
