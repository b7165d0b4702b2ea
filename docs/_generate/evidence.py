"""What the shipped models can do, measured: pictures and tables for the page `abilities.md`.

`python -m docs._generate.evidence docs --songs A --songs B` writes into `docs/evidence`: scores and routing of the demo
song and of all songs with true stems in the folders, and spectrograms of the demo song and of the songs named by
`--show`, whose licences must allow it. Needs the extra `train`. No audio is written.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from stemfield.control.offline.demo import DEMO_FOLDER
from stemfield.control.offline.evaluation.methods import baselines, separated
from stemfield.control.offline.evaluation.songs import MIXTURE, Song
from stemfield.separation.cards.card import ModelCard, load_card
from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.evaluation.routing import Routing, routing
from stemfield.separation.evaluation.routing_picture import plot_routing
from stemfield.separation.evaluation.routing_summary import missed_line, routing_table, summarise
from stemfield.separation.evaluation.tables import Table, markdown
from stemfield.separation.streaming.streaming import Separator
from stemfield.separation.training.validation import Clip, load_clips, scores

MODELS = ("light", "default", "studio", "files")
SHOWN = ("default", "files")
"""Models whose spectrograms and routing are drawn."""
COLOURS = {"no learning": "#bdbdbd", "light": "#9ecae1", "default": "#4292c6", "studio": "#2171b5", "files": "#08306b",
           "oracle masks": "#fdae6b"}  # fmt: skip
FLOOR_DB, CEILING_DB, RANGE_DB = -5.0, 25.0, 70.0
"""Ends of bars, and range of levels in a spectrogram."""
_N_FFT, _ROWS, _COLUMNS, _LOWEST_HZ, _HIGHEST_HZ = 4096, 120, 240, 40.0, 16000.0

Audio = NDArray[np.float32]


@dataclass(slots=True)
class Evidence:
    """Measurements by method."""

    csdr_db: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """By method, clip and stem."""
    routings: dict[str, list[Routing]] = field(default_factory=dict)

    def add(self, clip: Clip, method: str, stems: Audio) -> None:
        """Measure the stems, (4, 2, frames), of a clip."""
        found = scores(clip, stems)
        self.csdr_db.setdefault(method, {})[clip.name] = {stem: row["csdr"] for stem, row in found.items()}
        estimates = dict(zip(STEMS, stems, strict=True))
        self.routings.setdefault(method, []).append(routing(clip.mixture, clip.stems, estimates, clip.rate_hz))

    def of_stem(self, method: str, stem: str) -> dict[str, float]:
        """CSDR in dB by clip, of the clips in which the stem sounds and is known alone."""
        rows = {clip: stems.get(stem, math.nan) for clip, stems in self.csdr_db[method].items()}
        return {clip: value for clip, value in rows.items() if not math.isnan(value)}


def measure(clips: Sequence[Clip], cards: Mapping[str, ModelCard], show: Sequence[str], folder: Path) -> Evidence:
    """Measure all methods on all clips, and draw the spectrograms of the clips in `show`."""
    evidence = Evidence()
    for clip in clips:
        print(clip.name, flush=True)
        found = dict(_separations(clip, cards))
        for method in COLOURS:
            evidence.add(clip, method, found[method])
        if clip.name in show:
            plot_spectrograms(clip, {name: found[name] for name in SHOWN}, folder / f"spectrogram-{clip.name}.png")
    return evidence


def _separations(clip: Clip, cards: Mapping[str, ModelCard]) -> Iterator[tuple[str, Audio]]:
    song = Song(clip.name, clip.rate_hz, clip.mixture, clip.stems)
    yield from ((method, stems) for method, stems in baselines(song) if method != MIXTURE)
    for name, card in cards.items():
        yield name, separated(Separator(card, clip.rate_hz, stems=STEMS), clip.mixture)


def plot_spectrograms(clip: Clip, models: Mapping[str, Audio], path: Path) -> None:
    """Draw each true stem of a clip above its estimates; levels in each column are relative to the loudest of it."""
    figure = Figure(figsize=(3.4 * len(clip.stems), 2.1 * (1 + len(models)) + 0.6), layout="constrained")
    panels = figure.subplots(1 + len(models), len(clip.stems), squeeze=False, sharex=True, sharey=True)
    for column, (stem, true) in zip(
        panels.T, sorted(clip.stems.items(), key=lambda item: _place(item[0])), strict=True
    ):
        names = stem.split("+")
        sounds = {f"true {stem}": true}
        sounds |= {f"{name}: {stem}": sum(stems[STEMS.index(part)] for part in names) for name, stems in models.items()}
        levels_db = {title: _levels_db(sound, clip.rate_hz) for title, sound in sounds.items()}
        top = float(next(iter(levels_db.values())).max())
        for panel, (title, level_db) in zip(column, levels_db.items(), strict=True):
            extent = (0.0, true.shape[1] / clip.rate_hz, math.log10(_LOWEST_HZ), math.log10(_HIGHEST_HZ))
            panel.imshow(level_db, origin="lower", aspect="auto", extent=extent, cmap="Greys", vmin=top - RANGE_DB,
                         vmax=top)  # fmt: skip
            panel.set_title(title, fontsize=9)
            panel.set_yticks([2.0, 3.0, 4.0], ["100 Hz", "1 kHz", "10 kHz"], fontsize=7)
        column[-1].set_xlabel("s", fontsize=8)
    figure.savefig(path, dpi=75)


def _place(stem: str) -> int:
    return STEMS.index(stem.partition("+")[0])


def _levels_db(sound: Audio, rate_hz: int) -> NDArray[np.float64]:
    """Spectrogram of both channels in dB, (frequencies, times), on a logarithmic axis of frequencies."""
    starts = np.linspace(0, sound.shape[1] - _N_FFT, _COLUMNS).astype(int)
    framed = np.stack([sound[:, start : start + _N_FFT] for start in starts]) * np.hanning(_N_FFT)
    powers = (np.abs(np.fft.rfft(framed)) ** 2).sum(axis=1)
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _ROWS + 1) / rate_hz * _N_FFT
    bins = [powers[:, int(low) : max(int(high), int(low) + 1)] for low, high in pairwise(edges)]
    return np.array([10.0 * np.log10(each.max(axis=1) + 1e-12) for each in bins])


def plot_bars(evidence: Evidence, path: Path) -> None:
    """Draw the cSDR of each song, a panel per stem and a bar per method."""
    figure = Figure(figsize=(13.0, 13.0), layout="constrained")
    width = 0.8 / len(COLOURS)
    for panel, stem in zip(figure.subplots(len(STEMS), 1), STEMS, strict=True):
        songs = [*evidence.of_stem(SHOWN[0], stem)]
        for index, (method, colour) in enumerate(COLOURS.items()):
            values = evidence.of_stem(method, stem)
            heights = [np.clip(values[song], FLOOR_DB, CEILING_DB) for song in songs]
            at = np.arange(len(songs)) + width * (index + 0.5 - len(COLOURS) / 2)
            panel.bar(at, heights, width, color=colour, label=method)
        panel.set_xticks(range(len(songs)), songs, fontsize=7)
        panel.set(ylabel=f"{stem}: cSDR, dB", ylim=(FLOOR_DB, CEILING_DB))
        panel.axhline(0.0, color="black", linewidth=0.8)
        panel.grid(axis="y", alpha=0.3)
        if stem == STEMS[0]:
            panel.legend(frameon=False, ncols=len(COLOURS), fontsize=8)
    figure.savefig(path, dpi=75)


def tables(evidence: Evidence, cards: Mapping[str, ModelCard], seconds: float) -> str:
    """All figures in Markdown."""
    methods = [*COLOURS]
    medians = tuple(
        (f"{stem} ({len(evidence.of_stem(SHOWN[0], stem))})", *(_median(evidence, name, stem) for name in methods))
        for stem in STEMS
    )
    songs = tuple(
        (song, stem, *(f"{evidence.csdr_db[name][song][stem]:.1f}" for name in methods))
        for song, stems in evidence.csdr_db[SHOWN[0]].items()
        for stem in stems
        if not math.isnan(stems[stem])
    )
    weights = ", ".join(f"{name} = {card.name} ({card.files[0].sha256[:8]})" for name, card in cards.items())
    title = "share of each true stem's power in each estimate, means over songs and ranges"
    missed = [f"- {missed_line(name, evidence.of_stem(name, 'vocals'))}" for name in methods]
    parts = [
        f"Measured on up to {seconds:g} s from the middle of {len(evidence.csdr_db[SHOWN[0]])} songs. Models, with the"
        f" beginning of the checksum of their weights: {weights}.",
        markdown([Table("Median cSDR in dB (number of songs)", ("stem", *methods), (medians,))]),
        "\n".join(missed),
        markdown([Table("cSDR of each song in dB", ("song", "stem", *methods), (songs,), labels=2)]),
        markdown([routing_table(f"{name}: {title}", summarise(evidence.routings[name])) for name in SHOWN]),
    ]
    return "\n\n".join(parts) + "\n"


def _median(evidence: Evidence, method: str, stem: str) -> str:
    values = [*evidence.of_stem(method, stem).values()]
    return f"{median(values):.1f}" if values else "-"


def main(words: Sequence[str] | None = None) -> None:
    """Measure the shipped models, and write pictures and tables into the folder `evidence` of a manual."""
    parser = argparse.ArgumentParser(prog="python -m docs._generate.evidence", description=main.__doc__)
    parser.add_argument("manual", type=Path, help="folder of the manual")
    parser.add_argument("--songs", type=Path, action="append", default=[], help="folder of songs with true stems")
    parser.add_argument("--show", action="append", default=[], help="song whose spectrograms may be shown")
    parser.add_argument("--seconds", type=float, default=12.0, help="maximum length of each excerpt; default 12")
    chosen = parser.parse_args(words)
    folder = chosen.manual / "evidence"
    folder.mkdir(exist_ok=True)
    clips = load_clips([DEMO_FOLDER, *chosen.songs], chosen.seconds)
    names = [clip.name for clip in clips]
    if unknown := [name for name in chosen.show if name not in names]:
        parser.error(f"--show {unknown[0]}: expected one of {', '.join(names)}")
    cards = {name: load_card(name) for name in MODELS}
    evidence = measure(clips, cards, (DEMO_FOLDER.name, *chosen.show), folder)
    plot_bars(evidence, folder / "scores.png")
    plot_routing({name: summarise(evidence.routings[name]) for name in SHOWN}, folder / "routing.png")
    (folder / "figures.md").write_text(tables(evidence, cards, chosen.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
