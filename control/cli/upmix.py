"""`stemfield upmix`: a recording rendered for a room, and its instruments as objects of an ADM file."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from stemfield.control.command_errors import CommandError
from stemfield.control.offline import render as offline
from stemfield.control.offline.adm_export import Exported, export_recording
from stemfield.control.offline.inputs import output_room, user_config
from stemfield.control.offline.progress import separating
from stemfield.control.offline.scenes import find_recording, load_changes, load_scene
from stemfield.renderer.files.audiofile import check_output
from stemfield.renderer.files.bw64_writer import check_bw64


def upmix(options: argparse.Namespace) -> int:
    """Render a recording for a room, and write its instruments as objects of the Audio Definition Model."""
    config = user_config()
    source = Path(options.source)
    target = None if options.target is None else Path(options.target)
    adm = None if options.adm is None else Path(options.adm)
    if target is None and adm is None:
        raise CommandError(["OUT is missing: the file to write (or --adm OUT.adm.wav, for other programs)"])
    wanted = options.layout if target is not None else options.layout or config.layout
    layout, hrtf = output_room(wanted, options.hrtf, config, binaural=options.binaural)
    model = offline.usable_model(options.model, options.rule, config, for_room=True, live=options.live)
    scene = load_scene(options.scene, layout)
    changes = load_changes(find_recording(options.recording, config), scene, layout) if options.recording else []
    channels = offline.file_channels(layout, hrtf)
    if target is not None:
        check_output(target, channels, [source])
    if adm is not None:
        check_bw64(adm, [source])
        if target is not None and adm.resolve() == target.resolve():
            raise CommandError([f"--adm {adm}: is OUT itself; choose another name for one of them"])
    if target is not None:
        with separating(source) as progress:
            offline.upmix(
                source, target, layout, scene, model, progress, changes=changes, hrtf=hrtf, limit=options.limit
            )
        print(f"{target}: " + (f"{layout.title} on headphones" if hrtf else f"{channels} channels for {layout.title}"))
    if adm is not None:
        with separating(source) as progress:
            written = export_recording(source, adm, layout, scene, changes, model, progress)
        print_exported(adm, written)
    return 0


def print_exported(target: Path, written: Exported) -> None:
    """Print what an ADM file holds, and warn of what it could not hold."""
    for note in written.notes:
        print(f"stemfield: warning: {target}: {note}", file=sys.stderr)
    loudness = f"{written.loudness_lkfs:.1f} LKFS" if math.isfinite(written.loudness_lkfs) else "silence"
    print(f"{target}: {written.objects} objects, {loudness}")
