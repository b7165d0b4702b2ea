"""Train a separator: `stemfield train learn RUN --songs A --validation B --steps N`."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from stemfield.separation.training.fit import Plan, fit
from stemfield.separation.training.judging import clips
from stemfield.separation.training.mixing import Remixing
from stemfield.separation.training.network import Shape
from stemfield.separation.training.songs import Library

_LOOK_FOR_SONGS_S = 2.0


def run(chosen: argparse.Namespace) -> None:
    """Train, or go on with what was begun.

    Args:
        chosen: options of `stemfield train learn`.

    Raises:
        ValueError: there are no songs, or no recordings to choose by, or guesses of a network that cannot make them.
    """
    if chosen.instrument and chosen.guesses:
        raise ValueError("--guesses: a network for one instrument cannot guess at bass, drums and other")
    sizes = {
        name: value
        for name in ("width", "layers", "lookahead", "instrument")
        if (value := getattr(chosen, name)) is not None
    }
    plan = Plan(
        steps=chosen.steps,
        minutes=chosen.minutes,
        seed=chosen.seed,
        shape=Shape(**sizes),
        batch=chosen.batch,
        hops=chosen.hops,
        average=chosen.average,
        guesses=chosen.guesses,
        judge_every=chosen.judge_every,
        device=chosen.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        remixing=Remixing(partial=chosen.partial),
    )
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.set_float32_matmul_precision("high")
    music = clips(chosen.validation, chosen.judge_seconds)
    library = Library(chosen.songs, plan.device, watch_s=_LOOK_FOR_SONGS_S if chosen.watch else 0.0)
    print(f"{library}; {len(music)} clips to choose by", flush=True)
    try:
        fit(plan, library, music, chosen.out, _print)
    finally:
        library.close()


def _print(line: dict[str, Any]) -> None:
    text = " ".join(f"{key} {value:.4g}" for key, value in line.items() if isinstance(value, int | float))
    medians = " ".join(f"{stem} {value:+.2f}" for stem, value in line.get("medians", {}).items() if value is not None)
    print(text, medians, flush=True)
