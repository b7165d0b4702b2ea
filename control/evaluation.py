"""`stemfield evaluate`: models and baselines on songs with true stems, in one table."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from stemfield.control.cli_commands import card_of, refusals, user_config
from stemfield.control.cli_error import FAILED, CliError
from stemfield.control.evaluation_songs import Song, SongFiles, SongsError, load, songs_in
from stemfield.separation.baselines import STEMS, no_learning, oracle, untouched
from stemfield.separation.card import ModelCard
from stemfield.separation.scoring import REMIX_GAINS_DB, SongScore, StemScore, score
from stemfield.separation.streaming import Separator

BLOCK_FRAMES = 65536
MEASURES = ("csdr_db", "si_sdr_db", "improvement_db", "leakage_db")


@dataclass(frozen=True, slots=True)
class Result:
    """One separation of one song."""

    song: str
    method: str
    score: SongScore


def evaluate(options: argparse.Namespace) -> int:
    """Measure models and baselines on songs with true stems."""
    config = user_config()
    cards = [card_of(name, config, for_a_room=True) for name in options.model or [None]]
    rules = ("soft", "surrey") if options.rule is None else (options.rule,)
    if options.plot:
        _need_matplotlib()
    console = Console(stderr=True)
    results: list[Result] = []
    with refusals():
        try:
            songs = songs_in(Path(options.folder))
            for index, files in enumerate(songs):
                console.print(f"{index + 1} of {len(songs)}: {files.name}", style="dim", highlight=False)
                results += _results_of(files, cards, rules, config.separation.providers, options)
        except SongsError as error:
            raise CliError(str(error).splitlines()) from error
    if options.plot:
        from stemfield.control.evaluation_plot import plot

        try:
            plot(summary(results), Path(options.plot))
        except (OSError, ValueError) as error:
            raise CliError([f"{options.plot}: cannot be written: {error}"], FAILED) from error
    if options.json:
        print(json.dumps(_plain(results), ensure_ascii=False, allow_nan=False))
    else:
        _print(results)
    return 0


def _results_of(
    files: SongFiles,
    cards: Sequence[ModelCard],
    rules: Sequence[str],
    providers: Sequence[str],
    options: argparse.Namespace,
) -> Iterator[Result]:
    song = load(files, options.seconds)
    methods = _baselines(song) if options.baselines else iter(())
    for method, stems in methods:
        yield _result(song, method, stems)
    for card in cards:
        for rule in rules:
            separator = Separator(card, song.sample_rate_hz, providers, rule=rule, stems=STEMS)
            separator.threshold = options.threshold
            method = card.name if rule == "soft" else f"{card.name}, {rule}"
            yield _result(song, method, separated(separator, song.mixture))


def _baselines(song: Song) -> Iterator[tuple[str, NDArray[np.float32]]]:
    yield "mixture", untouched(song.mixture)
    yield "no learning", no_learning(song.mixture, song.sample_rate_hz)
    truth = np.zeros((len(STEMS), *song.mixture.shape), np.float32)
    for name, sound in song.stems.items():
        truth[STEMS.index(name.partition("+")[0])] = sound
    yield "oracle masks", oracle(song.mixture, truth, song.sample_rate_hz)


def _result(song: Song, method: str, stems: NDArray[np.float32]) -> Result:
    estimates = dict(zip(STEMS, stems, strict=True))
    return Result(song.name, method, score(song.mixture, song.stems, estimates, song.sample_rate_hz))


def separated(separator: Separator, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """All stems, shape (stems, 2, n), of a mixture, shape (2, n)."""
    starts = range(0, mixture.shape[1], BLOCK_FRAMES)
    pieces = [separator.feed(mixture[:, at : at + BLOCK_FRAMES]) for at in starts]
    return np.concatenate([*pieces, separator.flush()], axis=2)


def summary(results: Sequence[Result]) -> dict[str, dict[str, StemScore]]:
    """Medians over the songs in which there is something to measure, by method and stem."""
    found: dict[str, dict[str, list[StemScore]]] = {}
    for result in results:
        for stem, scored in result.score.stems.items():
            found.setdefault(result.method, {}).setdefault(stem, []).append(scored)
    return {method: {stem: _median(scores) for stem, scores in stems.items()} for method, stems in found.items()}


def _median(scores: Sequence[StemScore]) -> StemScore:
    csdr_db, si_sdr_db, improvement_db, leakage_db = (
        _middle([getattr(one, measure) for one in scores]) for measure in MEASURES
    )
    remixes = zip(*(one.remix_sdr_db for one in scores), strict=True)
    return StemScore(csdr_db, si_sdr_db, improvement_db, leakage_db, tuple(map(_middle, remixes)))


def _middle(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan


def _plain(results: Sequence[Result]) -> dict[str, object]:
    """For JSON, which has no NaN and no infinity: both are null."""

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
        {"song": result.song, "method": result.method, **{k: plain(v) for k, v in asdict(result.score).items()}}
        for result in results
    ]
    return {"remix_gains_db": [*map(plain, REMIX_GAINS_DB)], "medians": medians, "songs": songs}


def _print(results: Sequence[Result]) -> None:
    # a pipe has no width of its own, and a table must not be cut
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(_table(f"Medians over {len({r.song for r in results})} songs, dB", summary(results)))
    for song in dict.fromkeys(result.song for result in results):
        of_song = {result.method: dict(result.score.stems) for result in results if result.song == song}
        console.print(_table(song, of_song))
    nulls = [result.score.sum_null_db for result in results]
    console.print(f"Stems and residual differ from the mixture by at most {max(nulls):.0f} dB.", highlight=False)


def _table(title: str, methods: Mapping[str, Mapping[str, StemScore]]) -> Table:
    gains = ["off" if math.isinf(gain_db) else f"{gain_db:+.0f}" for gain_db in REMIX_GAINS_DB]
    headings = ["stem", "method", "cSDR", "SI-SDR", "SI-SDRi", "leakage", *(f"remix {gain}" for gain in gains)]
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


def _need_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise CliError(["--plot needs matplotlib: pip install 'stemfield[plot]'"])
