"""Results of an evaluation as tables, in the terminal and as a report in Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from stemfield.control.offline.evaluation.report import (
    MEASURES,
    Result,
    loudspeakers,
    middle,
    routings,
    summary,
    vocals_csdr_db,
)
from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.evaluation.routing_summary import missed_line, routing_table
from stemfield.separation.evaluation.scoring import REMIX_GAINS_DB, StemScore
from stemfield.separation.evaluation.tables import Table, markdown


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """The medians, every song, and loudspeakers and routing if there are any."""
    yield _scores(f"Medians over {len({r.song for r in results})} songs, dB", summary(results))
    for song in dict.fromkeys(result.song for result in results):
        yield _scores(song, {result.method: dict(result.score.stems) for result in results if result.song == song})
    if rooms := loudspeakers(results):
        yield _room(rooms)
    for method, routing in routings(results).items():
        yield routing_table(f"{method}: share of each true stem's power in each estimate, means over songs", routing)


def notes(results: Sequence[Result]) -> Iterator[str]:
    """Sentences below the tables."""
    for method in routings(results):
        yield missed_line(method, vocals_csdr_db(results, method))
    nulls = [result.score.sum_null_db for result in results if not math.isnan(result.score.sum_null_db)]
    yield f"Stems and residual differ from the mixture by at most {max(nulls, default=-math.inf):.0f} dB."


def print_tables(results: Sequence[Result]) -> None:
    """Print all tables and notes."""
    # a pipe has no width, and tables must not be cut
    console = Console() if sys.stdout.isatty() else Console(width=160)
    for table in tables(results):
        shown = RichTable(title=table.title)
        for index, heading in enumerate(table.headings):
            shown.add_column(heading, justify="left" if index < table.labels else "right")
        for section in table.sections:
            for row in section:
                shown.add_row(*row)
            shown.add_section()
        console.print(shown)
    for note in notes(results):
        console.print(note, highlight=False)


def write_report(results: Sequence[Result], path: Path, pictures: Sequence[Path] = ()) -> None:
    """Write all tables, notes and links to pictures in Markdown.

    Args:
        results: at least one.
        path: file to write.
        pictures: files to show, linked relative to the report if they are in its folder.

    Raises:
        OSError: it cannot be written.
    """
    places = [picture.name if picture.parent.resolve() == path.parent.resolve() else picture for picture in pictures]
    links = [f"![{picture.stem}]({place})" for picture, place in zip(pictures, places, strict=True)]
    text = "\n\n".join(["# Evaluation", *notes(results), *links, markdown([*tables(results)])])
    path.write_text(text + "\n", encoding="utf-8")


def _scores(title: str, methods: Mapping[str, Mapping[str, StemScore]]) -> Table:
    gains = ["off" if math.isinf(gain_db) else f"{gain_db:+.0f}" for gain_db in REMIX_GAINS_DB]
    headings = ("stem", "method", *MEASURES.values(), *(f"remix {gain}" for gain in gains))
    stems = dict.fromkeys(stem for scores in methods.values() for stem in scores)
    sections = []
    for stem in sorted(stems, key=lambda name: STEMS.index(name.partition("+")[0])):
        rows = []
        for method, scores in methods.items():
            if stem in scores:
                one = scores[stem]
                cells = [*(getattr(one, measure) for measure in MEASURES), *one.remix_sdr_db]
                rows.append((stem, method, *("" if math.isnan(cell) else f"{cell:.1f}" for cell in cells)))
        sections.append(tuple(rows))
    return Table(title, headings, tuple(sections), labels=2)


def _room(methods: Mapping[str, Mapping[str, float]]) -> Table:
    labels = dict.fromkeys(label for values in methods.values() for label in values)
    rows = [
        (label, *(f"{values[label]:.1f}" if label in values else "" for values in methods.values())) for label in labels
    ]
    medians = ("median", *(f"{middle([*values.values()]):.1f}" for values in methods.values()))
    title = "SDR of what the loudspeakers play, against true stems, medians, dB"
    return Table(title, ("loudspeaker", *methods), (tuple(rows), (medians,)))
