"""`stemfield evaluate`: models and baselines on songs with true stems, in one table."""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path

from rich.console import Console

from stemfield.control.command_errors import CommandError
from stemfield.control.offline.evaluation.files import files_for
from stemfield.control.offline.evaluation.methods import baselines, result_of, separations
from stemfield.control.offline.evaluation.report import Result, plain_data
from stemfield.control.offline.evaluation.room import RoomScorer
from stemfield.control.offline.evaluation.songs import load, songs_in
from stemfield.control.offline.evaluation.tables import print_tables
from stemfield.control.offline.inputs import model_card, usable_layout, user_config
from stemfield.control.offline.render import Model
from stemfield.control.offline.scenes import load_scene
from stemfield.renderer.scene.scene import default_scene


def evaluate(options: argparse.Namespace) -> int:
    """Measure models and baselines on songs with true stems."""
    config = user_config()
    cards = [model_card(name, config, for_room=True) for name in options.model or [None]]
    rules = ("soft", "surrey") if options.rule is None else (options.rule,)
    models = [Model(card, config.separation.providers, rule) for card in cards for rule in rules]
    files = files_for(options.plot, options.report, options.routing)
    if options.scene and not options.layout:
        raise CommandError(["--scene needs --layout: a scene is rendered for a layout"])
    layout = None if options.layout is None else usable_layout(options.layout, config)
    scene = default_scene() if layout is None else load_scene(options.scene, layout)
    console = Console(stderr=True)
    results: list[Result] = []
    songs = songs_in(Path(options.folder))
    for index, paths in enumerate(songs):
        console.print(f"{index + 1} of {len(songs)}: {paths.name}", style="dim", highlight=False)
        song = load(paths, options.seconds)
        scorer = None if layout is None else RoomScorer(song, layout, scene)
        found = separations(song, models, options.threshold)
        for method, stems in chain(baselines(song) if options.baselines else (), found):
            results.append(result_of(song, method, stems, scorer, options.routing))
    files.write(results)
    if options.json:
        print(json.dumps(plain_data(results), ensure_ascii=False, allow_nan=False))
    else:
        print_tables(results)
    return 0
