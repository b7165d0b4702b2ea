"""Train a separator: `stemfield train learn RUN --songs A --validation B --steps N`."""

from __future__ import annotations

import argparse
from typing import Any

import torch

from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.dataset import SongDataset
from stemfield.separation.training.fit import Plan, fit
from stemfield.separation.training.network import Shape
from stemfield.separation.training.validation import load_clips

_WATCH_INTERVAL_S = 2.0


def run(chosen: argparse.Namespace) -> None:
    """Train a separator, or resume an interrupted run, with the options of `stemfield train learn`.

    Raises:
        ValueError: no songs, no validation data, or self-training with a network for one instrument.
    """
    if chosen.instrument and chosen.guesses:
        raise ValueError("--guesses: expected none with --instrument, because it needs bass, drums and other")
    sizes = {name: getattr(chosen, name) for name in ("width", "layers", "lookahead", "instrument")}
    plan = Plan(
        steps=chosen.steps,
        minutes=chosen.minutes,
        seed=chosen.seed,
        shape=Shape(**{name: value for name, value in sizes.items() if value is not None}),
        batch=chosen.batch,
        hops=chosen.hops,
        ema_decay=chosen.average,
        pseudo_labels=chosen.guesses,
        validate_every=chosen.judge_every,
        device=chosen.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        augmentation=Augmentation(partial=chosen.partial),
    )
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.set_float32_matmul_precision("high")
    clips = load_clips(chosen.validation, chosen.judge_seconds)
    dataset = SongDataset(chosen.songs, plan.device, watch_s=_WATCH_INTERVAL_S if chosen.watch else 0.0)
    print(f"{dataset}; {len(clips)} validation clips", flush=True)
    try:
        fit(plan, dataset, clips, chosen.out, _print)
    finally:
        dataset.close()


def _print(line: dict[str, Any]) -> None:
    text = " ".join(f"{key} {value:.4g}" for key, value in line.items() if isinstance(value, int | float))
    medians = " ".join(f"{stem} {value:+.2f}" for stem, value in line.get("medians", {}).items() if value is not None)
    print(text, medians, flush=True)
