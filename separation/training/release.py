"""Make a model of a run: `stemfield train release WEIGHTS MODEL --title T --validation B`.

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

from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training.curves import draw
from stemfield.separation.training.export import Provenance, check, export, write_card
from stemfield.separation.training.fit import MUSIC, load
from stemfield.separation.training.judging import Clip, clips, scores
from stemfield.separation.training.network import parameters_of
from stemfield.separation.training.songs import STEMS

Table = dict[str, dict[str, dict[str, float]]]

MEASURES = {"si_sdr": "SI-SDR", "si_sdr_improvement": "SI-SDR improvement", "sdr": "SDR"}


def measure(card: ModelCard, music: Sequence[Clip]) -> Table:
    """Scores of every clip and stem, of a model as it streams."""
    table = {}
    for clip in music:
        separator = Separator(card, clip.rate_hz)
        stems = np.concatenate([separator.feed(clip.mixture), separator.flush()], axis=2)
        table[clip.name] = scores(clip, stems, card.names)
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
    music: Sequence[Clip],
    beside: Sequence[str] = (),
    vocals_logits: float = 0.0,
) -> ModelCard:
    """Export a run's weights.

    Args:
        weights: `best.pt` or `step-N.pt` in the folder that `fit` wrote; the mean of several of a run, and an ensemble
            of several runs.
        folder: of the model; its name is the model's.
        title: one line for people.
        music: recordings for the scores.
        beside: other models for the report.
        vocals_logits: added to what vocals claim; to be chosen on recordings, and the card says so.
    """
    network = load(*weights)
    network.favour([vocals_logits * (source == "vocals") for source in network.shape.sources])
    runs: dict[Path, list[int]] = {}
    for path in weights:
        runs.setdefault(path.resolve().parent, []).append(
            torch.load(path, map_location="cpu", weights_only=True)["step"]
        )
    learnt = json.loads((weights[0].parent / MUSIC).read_text())
    trained_on = _trained_on(learnt, list(runs.values()), vocals_logits)
    credits_ = learnt["credits"]
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


def run(chosen: argparse.Namespace) -> None:
    """Make the model that is asked for, and print its report.

    Args:
        chosen: options of `stemfield train release`.

    Raises:
        CardError: a model for the report cannot be used.
        ValueError: there are no recordings, or the graph is not what was learnt.
    """
    music = clips(chosen.validation, chosen.seconds)
    card = release(chosen.weights, chosen.folder, chosen.title, music, chosen.beside, chosen.vocals_logits)
    print((card.folder / "report.md").read_text())


def _trained_on(learnt: Mapping[str, Any], runs: Sequence[Sequence[int]], vocals_logits: float) -> str:
    """A card's account of a training."""
    seeds = ", ".join(map(str, learnt["seeds"])) or "none"
    text = f"{learnt['hours']:.1f} hours: {learnt['songs']} songs with their stems"
    if learnt["seeds"]:
        text += (
            f", composed and mixed by stemfield.separation.music.synthesis (seed {seeds}): speech of human voices"
            " re-sung through the WORLD vocoder, recorded drums, basses, guitars and keys, soundfonts and synthesisers"
        )
    if learnt["records"]:
        text += (
            f"; and {learnt['records']} records of free licences of which only parts are known, most of them"
            " instrumental, mixed with those voices"
        )
    steps = "; ".join(" and ".join(map(str, run)) + (", averaged" if len(run) > 1 else "") for run in runs)
    text += f". {steps} steps of training, chosen on recordings with true stems, the scored ones."
    if len(runs) > 1:
        text += f" {len(runs)} networks decide together."
    if vocals_logits:
        text += (
            f" After training {vocals_logits:g} was added to the vocal logits, a value chosen on those recordings:"
            " their vocal scores flatter the model."
        )
    return text


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
