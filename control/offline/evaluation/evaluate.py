"""`stemfield evaluate`: models and baselines on songs with true stems, in one table."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from stemfield.control.cli.commands import card_of, check_target, refusals, usable_layout, user_config
from stemfield.control.cli.offline import scene_of
from stemfield.control.offline.evaluation.report import Result, plain_data, print_tables, summary
from stemfield.control.offline.evaluation.room import RoomJudge
from stemfield.control.offline.evaluation.songs import MIXTURE, Song, SongsError, load, songs_in
from stemfield.control.problems import FAILED, CommandError
from stemfield.renderer.scene.scene import default_scene
from stemfield.separation.cards.card import ModelCard
from stemfield.separation.evaluation.baselines import STEMS, no_learning, oracle, untouched
from stemfield.separation.evaluation.scoring import score
from stemfield.separation.runtime.providers import CPU
from stemfield.separation.streaming.streaming import Separator

BLOCK_FRAMES = 65536


def evaluate(options: argparse.Namespace) -> int:
    """Measure models and baselines on songs with true stems."""
    config = user_config()
    cards = [card_of(name, config, for_a_room=True) for name in options.model or [None]]
    rules = ("soft", "surrey") if options.rule is None else (options.rule,)
    if options.plot:
        _need_matplotlib()
        check_target(Path(options.plot))
    if options.scene and not options.layout:
        raise CommandError(["--scene needs --layout: a scene is heard in a room"])
    layout = None if options.layout is None else usable_layout(options.layout, config)
    scene = default_scene() if layout is None else scene_of(options.scene, layout)
    console = Console(stderr=True)
    results: list[Result] = []
    with refusals():
        try:
            songs = songs_in(Path(options.folder))
            for index, files in enumerate(songs):
                console.print(f"{index + 1} of {len(songs)}: {files.name}", style="dim", highlight=False)
                song = load(files, options.seconds)
                judge = None if layout is None else RoomJudge(song, layout, scene)
                found = separations(song, cards, rules, options.threshold, config.separation.providers)
                for method, stems in chain(baselines(song) if options.baselines else (), found):
                    results.append(result_of(song, method, stems, judge))
        except SongsError as error:
            raise CommandError(str(error).splitlines()) from error
    if options.plot:
        from stemfield.control.offline.evaluation.plot import plot

        try:
            plot(summary(results), Path(options.plot))
        except (OSError, ValueError) as error:
            raise CommandError([f"{options.plot}: cannot be written: {error}"], FAILED) from error
    if options.json:
        print(json.dumps(plain_data(results), ensure_ascii=False, allow_nan=False))
    else:
        print_tables(results)
    return 0


def separations(
    song: Song,
    cards: Sequence[ModelCard],
    rules: Sequence[str],
    threshold: float = 0.0,
    providers: Sequence[str] = CPU,
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Models under rules, and their stems of a song, shape (4, 2, n)."""
    for card in cards:
        for rule in rules:
            separator = Separator(card, song.sample_rate_hz, providers, rule=rule, stems=STEMS)
            separator.threshold = threshold
            method = card.name if rule == "soft" else f"{card.name}, {rule}"
            yield method, separated(separator, song.mixture)


def baselines(song: Song) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Methods without a model, and their stems of a song, shape (4, 2, n)."""
    mixture = untouched(song.mixture)
    for name in song.stems:
        for other in name.split("+")[1:]:  # what is known together only is compared with one mixture
            mixture[STEMS.index(other)] = 0.0
    yield MIXTURE, mixture
    yield "no learning", no_learning(song.mixture, song.sample_rate_hz)
    truth = np.zeros((len(STEMS), *song.mixture.shape), np.float32)
    for name, sound in song.stems.items():
        truth[STEMS.index(name.partition("+")[0])] = sound
    yield "oracle masks", oracle(song.mixture, truth, song.sample_rate_hz)


def result_of(song: Song, method: str, stems: NDArray[np.float32], judge: RoomJudge | None = None) -> Result:
    """All that is measured on the stems, shape (4, 2, n), that a method found in a song."""
    estimates = dict(zip(STEMS, stems, strict=True))
    scored = score(song.mixture, song.stems, estimates, song.sample_rate_hz)
    # without separation a room plays the residual alone
    in_the_room = np.zeros_like(stems) if method == MIXTURE else stems
    return Result(song.name, method, scored, {} if judge is None else judge.score(in_the_room))


def separated(separator: Separator, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """All stems, shape (stems, 2, n), of a mixture, shape (2, n)."""
    starts = range(0, mixture.shape[1], BLOCK_FRAMES)
    pieces = [separator.feed(mixture[:, at : at + BLOCK_FRAMES]) for at in starts]
    return np.concatenate([*pieces, separator.flush()], axis=2)


def _need_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise CommandError(["--plot needs matplotlib: pip install 'stemfield[plot]'"])
