"""`stemfield separate` and `stemfield remix`: the stems of a recording, apart or in another balance."""

from __future__ import annotations

import argparse
from pathlib import Path

from stemfield.control.command_errors import CommandError
from stemfield.control.offline import render as offline
from stemfield.control.offline.inputs import model_card, model_options, user_config
from stemfield.control.offline.progress import separating
from stemfield.layouts.problems import did_you_mean
from stemfield.renderer.files.audiofile import check_output
from stemfield.renderer.scene.scene import RESIDUAL


def separate(options: argparse.Namespace) -> int:
    """Write the stems of a recording."""
    config = user_config()
    card = model_card(options.model, config)
    model = model_options(options.rule, config)
    source, folder = Path(options.source), Path(options.folder)
    offline.check_stems(folder, card, source)
    with separating(source) as progress:
        paths = offline.separate(source, folder, card, options.threshold, progress, **model)
    for path in paths:
        print(path)
    return 0


def remix(options: argparse.Namespace) -> int:
    """Re-balance the instruments of a recording."""
    config = user_config()
    card = model_card(options.model, config)
    model = model_options(options.rule, config)
    source, target = Path(options.source), Path(options.target)
    names = (*card.names, RESIDUAL)
    if unknown := [name for name, _ in options.gain if name not in names]:
        expected = f"a stem of model {card.name} ({', '.join(names)})"
        raise CommandError([f"--gain: expected {expected}, got {name}{did_you_mean(name, names)}" for name in unknown])
    check_output(target, 2, [source])
    with separating(source) as progress:
        offline.remix(source, target, card, options.threshold, dict(options.gain), progress, **model)
    print(target)
    return 0
