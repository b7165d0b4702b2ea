"""Results of an evaluation: medians over songs, and all of it as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from stemfield.separation.evaluation.routing import Routing
from stemfield.separation.evaluation.routing_summary import VOCALS, RoutingSummary, missed_singers, summarise
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
    routing: Routing | None = None
    """Where the true stems went, if asked for."""


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
    return {method: {label: middle(values) for label, values in each.items()} for method, each in found.items()}


def routings(results: Sequence[Result]) -> dict[str, RoutingSummary]:
    """Routing over the songs, by method, of the methods for which it was measured."""
    found: dict[str, list[Routing]] = {}
    for result in results:
        if result.routing is not None:
            found.setdefault(result.method, []).append(result.routing)
    return {method: summarise(songs) for method, songs in found.items()}


def vocals_csdr_db(results: Sequence[Result], method: str) -> dict[str, float]:
    """The cSDR of the vocals by song, of songs whose vocals are known on their own."""
    of_method = [result for result in results if result.method == method]
    return {
        result.song: result.score.stems[VOCALS].csdr_db
        for result in of_method
        if VOCALS in result.score.stems and not math.isnan(result.score.stems[VOCALS].csdr_db)
    }


def _median(scores: Sequence[StemScore]) -> StemScore:
    figures = {measure: middle([getattr(one, measure) for one in scores]) for measure in MEASURES}
    remixes = zip(*(one.remix_sdr_db for one in scores), strict=True)
    return StemScore(**figures, remix_sdr_db=tuple(map(middle, remixes)))


def middle(values: Sequence[float]) -> float:
    """Median of the values that are not NaN; NaN if there is none."""
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
            **({} if result.routing is None else {"routing": plain(_dicts(result.routing))}),
        }
        for result in results
    ]
    rooms = {method: plain(values) for method, values in loudspeakers(results).items()}
    gains_db = [*map(plain, REMIX_GAINS_DB)]
    data: dict[str, object] = {"remix_gains_db": gains_db, "medians": medians, "loudspeakers_db": rooms, "songs": songs}
    if found := routings(results):
        vocals = {method: vocals_csdr_db(results, method) for method in found}
        data["routing"] = {method: plain(_dicts(summary)) for method, summary in found.items()}
        data["missed_singers"] = {
            method: {"missed": [*missed_singers(each)], "sung": len(each)} for method, each in vocals.items()
        }
    return data


def _dicts(routing: Routing | RoutingSummary) -> dict[str, dict[str, dict[str, object]]]:
    return {register: {stem: asdict(row) for stem, row in stems.items()} for register, stems in routing.items()}
