"""Routing over songs: means, medians and ranges of the shares, and the songs whose singer is missed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stemfield.separation.evaluation.baselines import STEMS
from stemfield.separation.evaluation.routing import RESIDUAL, Routing
from stemfield.separation.evaluation.tables import Table

VOCALS = "vocals"
SMALL = 0.005
"""Share of a stem's power in a register below which the song does not count there: it would be noise."""
MISSED_DB = 0.5
"""Median SDR over seconds (cSDR) of vocals below which the singer counts as missed; a silent estimate has 0 dB."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A share over the songs in which it is known."""

    mean: float
    median: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class MeanRow:
    """Where a true stem goes in a register, over songs."""

    songs: int
    """Number of songs in which the stem has shares and at least `SMALL` of its power in this register."""
    power: float
    """Mean share of the stem's power that lies in the register in these songs, 0..1."""
    shares: Mapping[str, Spread]
    """By estimate; the means add up to 1."""


RoutingSummary = Mapping[str, Mapping[str, MeanRow]]
"""By register and name of the true stem."""


def summarise(songs: Sequence[Routing]) -> RoutingSummary:
    """Means, medians and ranges over songs; each song counts alike, whatever its length and level.

    A stem that is only known together with another one is a stem of its own, with the songs of which this is true. Rows
    without any song are left out.

    Args:
        songs: routing of each song, all by the same method.
    """
    found: dict[str, dict[str, MeanRow]] = {}
    for register in dict.fromkeys(register for song in songs for register in song):
        stems = sorted({stem for song in songs for stem in song.get(register, {})}, key=_place)
        found[register] = {stem: row for stem in stems if (row := _mean_row(songs, register, stem)) is not None}
    return found


def without_empty_residual(summary: RoutingSummary) -> RoutingSummary:
    """The summary without the residual if that holds nothing, as with all models whose masks add up to 1."""
    rows = [row for stems in summary.values() for row in stems.values()]
    if any(abs(row.shares[RESIDUAL].mean) >= SMALL for row in rows):
        return summary
    return {
        register: {
            stem: replace(row, shares={name: share for name, share in row.shares.items() if name != RESIDUAL})
            for stem, row in stems.items()
        }
        for register, stems in summary.items()
    }


def missed_singers(vocals_csdr_db: Mapping[str, float]) -> tuple[str, ...]:
    """Names of the songs whose vocals are below `MISSED_DB`.

    Args:
        vocals_csdr_db: cSDR of the vocals by song; NaN if the song has none. Songs whose vocals are only known together
            with another stem should be left out.
    """
    return tuple(song for song, csdr_db in vocals_csdr_db.items() if csdr_db < MISSED_DB)


def routing_table(title: str, summary: RoutingSummary) -> Table:
    """Table of the mean shares, with ranges where there are several songs."""
    shown = without_empty_residual(summary)
    columns = [*dict.fromkeys(name for stems in shown.values() for row in stems.values() for name in row.shares)]
    sections = tuple(tuple(_cells(register, stems, columns)) for register, stems in shown.items() if stems)
    return Table(title, ("register", "true stem", "songs", "of its power", *columns), sections, labels=2)


def missed_line(method: str, vocals_csdr_db: Mapping[str, float]) -> str:
    """Sentence on the songs whose singer is missed; arguments as for `missed_singers`."""
    sung = sum(not math.isnan(csdr_db) for csdr_db in vocals_csdr_db.values())
    missed = missed_singers(vocals_csdr_db)
    names = f": {', '.join(missed)}" if missed else ""
    return f"{method}: the singer is missed (vocal cSDR below {MISSED_DB} dB) in {len(missed)} of {sung} songs{names}."


def _mean_row(songs: Sequence[Routing], register: str, stem: str) -> MeanRow | None:
    rows = [song[register][stem] for song in songs if stem in song.get(register, {})]
    rows = [row for row in rows if row.power >= SMALL and not any(map(math.isnan, row.shares.values()))]
    if not rows:
        return None
    shares = {estimate: _spread([row.shares[estimate] for row in rows]) for estimate in rows[0].shares}
    return MeanRow(len(rows), statistics.fmean(row.power for row in rows), shares)


def _place(stem: str) -> tuple[int, str]:
    """Order of the rows: as the estimates, and stems that are only known together behind."""
    first = stem.partition("+")[0]
    return (STEMS.index(first) if first in STEMS else len(STEMS)) + len(STEMS) * ("+" in stem), stem


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.fmean(values), statistics.median(values), min(values), max(values))


def _cells(register: str, stems: Mapping[str, MeanRow], columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for stem, row in stems.items():
        shares = [_cell(row.shares[estimate], row.songs) for estimate in columns]
        yield register, stem, str(row.songs), _text(row.power), *shares


def _cell(share: Spread, songs: int) -> str:
    """Text of a share: its mean, and its range if there are several songs."""
    if songs == 1:
        return _text(share.mean)
    return f"{_text(share.mean)} ({_text(share.lowest)} to {_text(share.highest)})"


def _text(share: float) -> str:
    return f"{round(share, 2) + 0.0:.2f}"
