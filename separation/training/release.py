"""Make a model of a run: `python -m stemfield.separation.training.release WEIGHTS FOLDER --title T --songs A ...`.

The folder gets the graph, the card, the curves and a report in Markdown, whose figures come from the exported model
as it streams.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemfield.separation.card import ModelCard, load_card
from stemfield.separation.streaming import Separator
from stemfield.separation.training.curves import draw
from stemfield.separation.training.data import STEMS, songs
from stemfield.separation.training.effects import RATE_HZ
from stemfield.separation.training.export import Provenance, check, export, write_card
from stemfield.separation.training.fit import load
from stemfield.separation.training.judging import Clip, clips, scores
from stemfield.separation.training.network import parameters_of

Table = dict[str, dict[str, dict[str, float]]]

MEASURES = {"si_sdr": "SI-SDR", "si_sdr_improvement": "SI-SDR improvement", "sdr": "SDR"}


def measure(card: ModelCard, music: Sequence[Clip]) -> Table:
    """Scores of every clip and stem, of a model as it streams."""
    table = {}
    for clip in music:
        separator = Separator(card, clip.rate_hz)
        stems = np.concatenate([separator.feed(clip.mixture), separator.flush()], axis=2)
        table[clip.name] = scores(clip, stems)
    return table


def compared(tables: Mapping[str, Table]) -> str:
    """Markdown: a row for each clip and stem, a column for each model; at the end the medians."""
    names = list(tables)
    lines = [
        "SI-SDR improvement / SI-SDR / SDR in dB.",
        "",
        f"| clip | stem | {' | '.join(names)} |",
        "|---|---|" + "---|" * len(names),
    ]
    for clip, rows in tables[names[0]].items():
        for stem in rows:
            cells = [_cell(tables[name][clip][stem]) for name in names]
            lines.append(f"| {clip} | {stem} | {' | '.join(cells)} |")
    for stem in STEMS:
        columns = [[rows[stem] for rows in tables[name].values() if stem in rows] for name in names]
        if columns[0]:
            cells = [_cell({key: statistics.median(row[key] for row in rows) for key in MEASURES}) for rows in columns]
            lines.append(f"| median of {len(columns[0])} | {stem} | {' | '.join(cells)} |")
    return "\n".join(lines)


def release(
    weights: Sequence[Path],
    folder: Path,
    title: str,
    library: Sequence[Path],
    music: Sequence[Clip],
    beside: Sequence[str] = (),
    vocals_logits: float = 0.0,
) -> ModelCard:
    """Export a run's weights.

    Args:
        weights: `best.pt` or `step-N.pt` in the folder that `fit` wrote; the mean of several.
        folder: of the model; its name is the model's.
        title: one line for people.
        library: folders of the songs that it learnt from.
        music: recordings for the scores.
        beside: other models for the report.
        vocals_logits: added to what vocals claim; to be chosen on recordings, and the card says so.
    """
    network = load(*weights)
    network.favour((vocals_logits, 0.0, 0.0, 0.0))
    steps = [torch.load(path, map_location="cpu", weights_only=True)["step"] for path in weights]
    learnt = songs(library)
    hours = sum(song.frames for song in learnt) / RATE_HZ / 3600
    recipes = [json.loads((place / "recipe.json").read_text()) for place in library if (place / "recipe.json").exists()]
    seeds = ", ".join(str(recipe["seed"]) for recipe in recipes) or "none: own recordings"
    trained_on = (
        f"{len(learnt)} songs, {hours:.1f} hours, composed and mixed by stemfield.separation.training.synthesis"
        f" (seed {seeds}): speech of human voices re-sung through the WORLD vocoder, recorded drums, basses, guitars"
        " and keys, soundfonts and synthesisers."
        f" {' and '.join(map(str, steps))} steps of training{', averaged' if len(steps) > 1 else ''}, chosen on"
        " recordings with true stems, the scored ones. No record and no recorded song was learnt from."
    )
    if vocals_logits:
        trained_on += (
            f" After training {vocals_logits:g} was added to the vocal logits, a value chosen on those recordings:"
            " their vocal scores flatter the model."
        )
    credits_ = dict.fromkeys(line for recipe in recipes for line in recipe["credits"])
    about = Provenance(folder.name, title, "Apache-2.0", ("the authors of stemfield", *credits_), trained_on)
    card = export(network, folder, about)
    tables = {folder.name: measure(card, music)} | {name: measure(load_card(name), music) for name in beside}
    rows = [
        {
            "data": re.sub("[^a-z0-9_-]+", "-", clip.lower()),
            "clips": 1,
            "stem": stem,
            "measure": key,
            "value_db": round(row[key], 2),
        }
        for clip, stems in tables[folder.name].items()
        for stem, row in stems.items()
        if stem in STEMS
        for key in ("si_sdr", "si_sdr_improvement")
    ]
    card = write_card(network, folder, replace(about, scores=tuple(rows)))
    draw(weights[0].parent, folder / "curves.png")
    (folder / "report.md").write_text(_report(card, network, check(network, card), tables))
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m stemfield.separation.training.release", description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+", help="best.pt or step-N.pt of a run; several are averaged")
    parser.add_argument("folder", type=Path, help="of the model; its name is the model's")
    parser.add_argument("--title", required=True, help="one line for people")
    parser.add_argument("--songs", type=Path, action="append", required=True, help="folder of songs it learnt from")
    parser.add_argument("--validation", type=Path, action="append", required=True, help="folder of music for scores")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each clip, at the most")
    parser.add_argument("--beside", action="append", default=[], help="another model for the report's tables")
    parser.add_argument("--vocals-logits", type=float, default=0.0, help="added to what vocals claim")
    chosen = parser.parse_args(arguments)
    music = clips(chosen.validation, chosen.seconds)
    card = release(
        chosen.weights, chosen.folder, chosen.title, chosen.songs, music, chosen.beside, chosen.vocals_logits
    )
    print((card.folder / "report.md").read_text())


def _report(card: ModelCard, network: Any, errors: tuple[float, float], tables: Mapping[str, Table]) -> str:
    size = card.graph.stat().st_size / 1e6
    return f"""# {card.name}

{card.title}. {parameters_of(network):,} parameters, {size:.1f} MB, latency {card.delay_samples} samples at
{RATE_HZ} Hz.

{card.trained_on}

The exported graph differs from the trained network by {errors[0]:.1e} at the most, streaming from the whole file by
{errors[1]:.1e}.

![loss and scores over the training](curves.png)

{compared(tables)}
"""


def _cell(row: Mapping[str, float]) -> str:
    return f"{row['si_sdr_improvement']:+.1f} / {row['si_sdr']:.1f} / {row['sdr']:.1f}"


if __name__ == "__main__":
    main()
