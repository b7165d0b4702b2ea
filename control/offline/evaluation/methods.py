"""The methods that an evaluation compares: models under rules, and baselines without a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemfield.control.offline.evaluation.report import Result
from stemfield.control.offline.evaluation.room import RoomScorer
from stemfield.control.offline.evaluation.songs import MIXTURE, Song
from stemfield.control.offline.render import Model
from stemfield.separation.evaluation.baselines import STEMS, no_learning, oracle, untouched
from stemfield.separation.evaluation.routing import routing
from stemfield.separation.evaluation.scoring import score
from stemfield.separation.streaming.streaming import Separator

BLOCK_FRAMES = 65536


def separations(
    song: Song,
    models: Iterable[Model],
    threshold: float = 0.0,
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Names of models with rules, and their stems of a song, shape (4, 2, n)."""
    for model in models:
        method = model.card.name if model.rule == "soft" else f"{model.card.name}, {model.rule}"
        yield method, separated(model.separator(song.sample_rate_hz, threshold, STEMS), song.mixture)


def baselines(song: Song) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Names of methods without a model, and their stems of a song, shape (4, 2, n)."""
    mixture = untouched(song.mixture)
    for name in song.stems:
        for other in name.split("+")[1:]:  # stems that are only known together are compared with one mixture
            mixture[STEMS.index(other)] = 0.0
    yield MIXTURE, mixture
    yield "no learning", no_learning(song.mixture, song.sample_rate_hz)
    truth = np.zeros((len(STEMS), *song.mixture.shape), np.float32)
    for name, sound in song.stems.items():
        truth[STEMS.index(name.partition("+")[0])] = sound
    yield "oracle masks", oracle(song.mixture, truth, song.sample_rate_hz)


def result_of(
    song: Song, method: str, stems: NDArray[np.float32], scorer: RoomScorer | None = None, routed: bool = False
) -> Result:
    """The scores of the stems, shape (4, 2, n), that a method separated from a song, and if `routed`, their routing."""
    estimates = dict(zip(STEMS, stems, strict=True))
    scored = score(song.mixture, song.stems, estimates, song.sample_rate_hz)
    # without separation a room plays the residual alone
    in_the_room = np.zeros_like(stems) if method == MIXTURE else stems
    rooms = {} if scorer is None else scorer.score(in_the_room)
    # the mixture as each stem routes nothing
    went = routing(song.mixture, song.stems, estimates, song.sample_rate_hz) if routed and method != MIXTURE else None
    return Result(song.name, method, scored, rooms, went)


def separated(separator: Separator, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """All stems, shape (stems, 2, n), of a mixture, shape (2, n)."""
    starts = range(0, mixture.shape[1], BLOCK_FRAMES)
    pieces = [separator.feed(mixture[:, at : at + BLOCK_FRAMES]) for at in starts]
    return np.concatenate([*pieces, separator.flush()], axis=2)
