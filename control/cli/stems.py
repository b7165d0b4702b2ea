"""`stemfield separate` and `stemfield remix`: the stems of a recording, apart or in another balance."""

from __future__ import annotations

import argparse
from pathlib import Path

from stemfield.control.offline import render as offline
from stemfield.control.offline.inputs import user_config
from stemfield.control.offline.progress import separating
from stemfield.renderer.files.audiofile import check_output


def separate(options: argparse.Namespace) -> int:
    """Write the stems of a recording."""
    model = offline.usable_model(options.model, options.rule, user_config(), live=options.live)
    source, folder = Path(options.source), Path(options.folder)
    offline.check_stems(folder, model, source)
    with separating(source) as progress:
        paths = offline.separate(source, folder, model, options.threshold, progress)
    for path in paths:
        print(path)
    return 0


def remix(options: argparse.Namespace) -> int:
    """Re-balance the instruments of a recording."""
    model = offline.usable_model(options.model, options.rule, user_config(), live=options.live)
    source, target = Path(options.source), Path(options.target)
    gains_db = dict(options.gain)
    model.check_gains("--gain", gains_db)
    check_output(target, 2, [source])
    with separating(source) as progress:
        offline.remix(source, target, model, options.threshold, gains_db, progress)
    print(target)
    return 0
