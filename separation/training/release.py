"""Export of a run as a model: `stemfield train release WEIGHTS MODEL --title T --validation B`.

Writes the graph, the card, the curves, and a report in Markdown with scores of the exported model in streaming.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.evaluation.routing import routing
from stemfield.separation.evaluation.routing_picture import plot_routing
from stemfield.separation.evaluation.routing_summary import RoutingSummary, routing_table, summarise
from stemfield.separation.evaluation.tables import markdown
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training.continuation import networks_of_model
from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.export import Provenance, check, export, write_card
from stemfield.separation.training.fit import LOG, MUSIC
from stemfield.separation.training.validation import Clip, load_clips, scores
from stemfield.separation.training.weights import load_networks, together

Table = dict[str, dict[str, dict[str, float]]]

COLOURS = {"vocals": "#c0392b", "bass": "#2c5f8a", "drums": "#d68910", "other": "#4d7c57"}
_CURVES = {
    "csdr": "validation cSDR, dB (median)",
    "medians": "validation SI-SDR improvement, dB (median)",
    "own": "share of a stem's power in its estimate (mean)",
}
"""Entries of the log that are plotted, if they are there."""
MEASURES = ("csdr", "si_sdr", "si_sdr_improvement", "sdr")


def score_model(card: ModelCard, clips: Sequence[Clip]) -> tuple[Table, RoutingSummary]:
    """Scores of each clip and stem, and where the true stems go, of the streaming model."""
    table, went = {}, []
    for clip in clips:
        separator = Separator(card, clip.rate_hz)
        stems = np.concatenate([separator.feed(clip.mixture), separator.flush()], axis=2)
        table[clip.name] = scores(clip, stems, card.names)
        estimates = dict(zip(card.names, stems, strict=True))
        went.append(routing(clip.mixture, clip.stems, estimates, clip.rate_hz))
    return table, summarise(went)


def comparison_table(tables: Mapping[str, Table]) -> str:
    """Markdown table with a row per clip and stem, a column per model, and the medians."""
    names = list(tables)
    lines = [
        "cSDR / SI-SDR improvement / SI-SDR / SDR in dB.",
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


def plot_curves(run: Path, picture: Path) -> None:
    """Plot the training loss and the validation scores of the run in a folder over its steps, as PNG."""
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    validated = [line for line in lines if "score" in line]
    panels = [(key, label) for key, label in _CURVES.items() if any(key in line for line in validated)]
    figure = Figure(figsize=(4.5 * (1 + max(len(panels), 1)), 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    left, *right = figure.subplots(1, 1 + len(panels), squeeze=False)[0]
    steps = [line["step"] for line in lines]
    losses = np.array([line["loss"] for line in lines])
    left.plot(steps, losses, color="#bbbbbb", linewidth=0.8)
    window = np.ones(min(9, len(losses)))
    smooth = np.convolve(losses, window, "same") / np.convolve(np.ones(len(losses)), window, "same")
    left.plot(steps, smooth, color="#333333")
    left.set(xlabel="step", ylabel="training loss")
    for panel, (key, label) in zip(right, panels, strict=True):
        for stem in STEMS:
            found = [(line["step"], value) for line in validated if (value := line.get(key, {}).get(stem)) is not None]
            if found:
                panel.plot(*zip(*found, strict=True), color=COLOURS[stem], marker="o", markersize=3, label=stem)
        panel.set(xlabel="step", ylabel=label)
        panel.grid(alpha=0.3)
        if panel.lines:
            panel.legend(frameon=False)
    figure.savefig(picture, dpi=120)


def release(
    weights: Sequence[Path],
    folder: Path,
    title: str,
    clips: Sequence[Clip],
    beside: Sequence[str] = (),
    vocals_logits: float = 0.0,
    *,
    models: Sequence[ModelCard] = (),
    backward: int = 0,
) -> ModelCard:
    """Export the weights of runs, and networks of released models, as a model.

    Args:
        weights: `best.pt` or `step-N.pt` files; weights of one run are averaged, those of several runs become an
            ensemble.
        folder: folder of the model, whose name is the model's name.
        title: title of the model, one line.
        clips: validation data for the scores.
        beside: other models to include in the report.
        vocals_logits: constant added to the logits of vocals, mentioned in the card; to be chosen on validation data.
        models: released models whose networks are part of the ensemble too.
        backward: how many of the networks, those of `models` first, also hear the music backwards, in files.
    """
    networks = [network for card in models for network in networks_of_model(card)]
    network = together([*networks, *load_networks(*weights)], backward=backward)
    network.add_logits([vocals_logits * (source == "vocals") for source in network.shape.sources])
    runs: dict[Path, list[int]] = {}
    for path in weights:
        step = torch.load(path, map_location="cpu", weights_only=True)["step"]
        runs.setdefault(path.resolve().parent, []).append(step)
    trained_on = [f"The networks of {model.name}: {model.trained_on}" for model in models]
    credits_ = ["the authors of stemfield", *(line for model in models for line in model.attribution)]
    if weights:
        summary = json.loads((weights[0].parent / MUSIC).read_text())
        trained_on.append(_trained_on(summary, list(runs.values())))
        credits_ += summary["credits"]
    trained_on += _together(len(network.members), vocals_logits, backward)
    about = Provenance(folder.name, title, "Apache-2.0", tuple(dict.fromkeys(credits_)), " ".join(trained_on).strip())
    card = export(network, folder, about)
    measured = {folder.name: score_model(card, clips)} | {name: score_model(load_card(name), clips) for name in beside}
    tables = {name: table for name, (table, _) in measured.items()}
    routings = {name: summary for name, (_, summary) in measured.items()}
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
    if weights:
        plot_curves(weights[0].parent, folder / "curves.png")
    plot_routing(routings, folder / "routing.png")
    (folder / "report.md").write_text(_report(card, network, check(network, card), tables, routings))
    return card


def run(chosen: argparse.Namespace) -> None:
    """Export a model and print its report, with the options of `stemfield train release`.

    Raises:
        CardError: a model for the report cannot be used.
        ValueError: no validation data, or the graph does not match the network.
    """
    clips = load_clips(chosen.validation, chosen.seconds)
    card = release(
        chosen.weights,
        chosen.folder,
        chosen.title,
        clips,
        chosen.beside,
        chosen.vocals_logits,
        models=[load_card(name) for name in chosen.network],
        backward=chosen.backward,
    )
    print((card.folder / "report.md").read_text())


def _trained_on(summary: Mapping[str, Any], runs: Sequence[Sequence[int]]) -> str:
    """Description of the training data and the runs for the card."""
    seeds = ", ".join(map(str, summary["seeds"])) or "none"
    text = f"{summary['hours']:.1f} hours: {summary['songs']} songs with their stems"
    if summary["seeds"]:
        text += (
            f", composed and mixed by stemfield.separation.music.synthesis (seed {seeds}): human speech turned into"
            " singing by the WORLD vocoder, recorded drums, basses, guitars and keys, soundfonts and synthesisers"
        )
    if summary["records"]:
        text += (
            f"; and {summary['records']} recordings under free licences with incomplete stems, most of them"
            " instrumental, mixed with those voices"
        )
    if summary.get("about"):
        text += f". Among them are {'; '.join(summary['about'])}"
    steps = "; ".join(" and ".join(map(str, run)) + (", averaged" if len(run) > 1 else "") for run in runs)
    return text + f". {steps} training steps, selected on recordings with true stems, which are those of the scores."


def _together(networks: int, vocals_logits: float, backward: int) -> Iterator[str]:
    """Description of how the networks are used, for the card."""
    if networks > 1:
        heard = f", {backward} of them for music heard backwards, without a say in drums" if backward else ""
        yield f"Ensemble of {networks} networks{heard}."
    if vocals_logits:
        yield (
            f"{vocals_logits:g} was added to the vocal logits after training, a value chosen on those recordings, so"
            " their vocal scores are optimistic."
        )


def _report(
    card: ModelCard,
    network: Any,
    errors: tuple[float, float],
    tables: Mapping[str, Table],
    routings: Mapping[str, RoutingSummary],
) -> str:
    size, parameters = card.graph.stat().st_size / 1e6, sum(parameter.numel() for parameter in network.parameters())
    curves = "![training loss and validation scores](curves.png)\n\n" if (card.folder / "curves.png").exists() else ""
    title = "share of each true stem's power in each estimate"
    went = markdown([routing_table(f"{name}: {title}, means over clips", each) for name, each in routings.items()])
    return f"""# {card.name}

{card.title}. {parameters:,} parameters, {size:.1f} MB, latency {card.delay_samples} samples at
{RATE_HZ} Hz.

{card.trained_on}

Maximum difference between the exported graph and the trained network: {errors[0]:.1e}; between streaming and whole-file
processing: {errors[1]:.1e}.

{curves}{comparison_table(tables)}

![{title}](routing.png)

{went}
"""


def _cell(row: Mapping[str, float]) -> str:
    return f"{row['csdr']:.1f} / {row['si_sdr_improvement']:+.1f} / {row['si_sdr']:.1f} / {row['sdr']:.1f}"
