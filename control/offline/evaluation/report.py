"""Results of an evaluation: medians over songs, as tables and as data."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.evaluation.scoring import REMIX_GAINS_DB, SongScore, StemScore

MEASURES = {
    "csdr_db": "cSDR",
    "si_sdr_db": "SI-SDR",
    "si_sdr_improvement_db": "SI-SDRi",
    "sdr_improvement_db": "SDRi",
    "leakage_db": "leakage",
}
"""Figures of a stem, and their headings."""


@dataclass(frozen=True, slots=True)
class Result:
    """One separation of one song."""

    song: str
    method: str
    score: SongScore
    loudspeakers_db: Mapping[str, float] = field(default_factory=dict)
    """SDR of each loudspeaker feed, if a layout was given."""


def summary(results: Sequence[Result]) -> dict[str, dict[str, StemScore]]:
    """Medians over the songs with something to measure, by method and stem."""
    found: dict[str, dict[str, list[StemScore]]] = {}
    for result in results:
        for stem, scored in result.score.stems.items():
            found.setdefault(result.method, {}).setdefault(stem, []).append(scored)
    return {method: {stem: _median(scores) for stem, scores in stems.items()} for method, stems in found.items()}


def loudspeakers(results: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Medians over the songs for every loudspeaker that plays, by method and label."""
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for label, value_db in result.loudspeakers_db.items():
            found.setdefault(result.method, {}).setdefault(label, []).append(value_db)
    return {method: {label: _middle(values) for label, values in each.items()} for method, each in found.items()}


def _median(scores: Sequence[StemScore]) -> StemScore:
    figures = {measure: _middle([getattr(one, measure) for one in scores]) for measure in MEASURES}
    remixes = zip(*(one.remix_sdr_db for one in scores), strict=True)
    return StemScore(**figures, remix_sdr_db=tuple(map(_middle, remixes)))


def _middle(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def plain_data(results: Sequence[Result]) -> dict[str, object]:
    """All results and their medians for JSON, with null for NaN and infinity."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    medians = {
        method: {stem: plain(asdict(scored)) for stem, scored in stems.items()}
        for method, stems in summary(results).items()
    }
    songs = [
        {
            "song": result.song,
            "method": result.method,
            **{k: plain(v) for k, v in asdict(result.score).items()},
            "loudspeakers_db": plain(result.loudspeakers_db),
        }
        for result in results
    ]
    rooms = {method: plain(values) for method, values in loudspeakers(results).items()}
    gains_db = [*map(plain, REMIX_GAINS_DB)]
    return {"remix_gains_db": gains_db, "medians": medians, "loudspeakers_db": rooms, "songs": songs}


def print_tables(results: Sequence[Result]) -> None:
    """Print the medians, every song, and the loudspeakers if there are any."""
    # a pipe has no width, and tables must not be cut
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(_table(f"Medians over {len({r.song for r in results})} songs, dB", summary(results)))
    for song in dict.fromkeys(result.song for result in results):
        of_song = {result.method: dict(result.score.stems) for result in results if result.song == song}
        console.print(_table(song, of_song))
    if rooms := loudspeakers(results):
        console.print(_room_table(rooms))
    nulls = [result.score.sum_null_db for result in results if not math.isnan(result.score.sum_null_db)]
    console.print(
        f"Stems and residual differ from the mixture by at most {max(nulls, default=-math.inf):.0f} dB.",
        highlight=False,
    )


def _table(title: str, methods: Mapping[str, Mapping[str, StemScore]]) -> Table:
    gains = ["off" if math.isinf(gain_db) else f"{gain_db:+.0f}" for gain_db in REMIX_GAINS_DB]
    headings = ["stem", "method", *MEASURES.values(), *(f"remix {gain}" for gain in gains)]
    table = Table(title=title)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < 2 else "right")
    stems = dict.fromkeys(stem for scores in methods.values() for stem in scores)
    for stem in sorted(stems, key=lambda name: STEMS.index(name.partition("+")[0])):
        for method, scores in methods.items():
            if stem in scores:
                one = scores[stem]
                cells = [*(getattr(one, measure) for measure in MEASURES), *one.remix_sdr_db]
                table.add_row(stem, method, *("" if math.isnan(cell) else f"{cell:.1f}" for cell in cells))
        table.add_section()
    return table


def _room_table(methods: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("loudspeaker", title="SDR of what the loudspeakers play, against true stems, medians, dB")
    for method in methods:
        table.add_column(method, justify="right")
    labels = dict.fromkeys(label for values in methods.values() for label in values)
    for label in labels:
        table.add_row(label, *(f"{values[label]:.1f}" if label in values else "" for values in methods.values()))
    table.add_section()
    table.add_row("median", *(f"{_middle([*values.values()]):.1f}" for values in methods.values()))
    return table
