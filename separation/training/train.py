"""Train a separator: `stemfield train learn RUN --songs A --validation B --steps N [--from MODEL]`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch

from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.dataset import SongDataset
from stemfield.separation.training.fit import Plan, fit
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.validation import load_clips

_WATCH_INTERVAL_S = 2.0
_CONTINUED: dict[str, Any] = {"muon_lr": 0.003, "adamw_lr": 2e-4, "warm_up": 30}
"""Learning rates for weights that are good already: a quarter and a tenth of those for random ones."""


def run(chosen: argparse.Namespace) -> None:
    """Train a separator, or resume an interrupted run, with the options of `stemfield train learn`.

    Raises:
        CardError: no such model to continue.
        ValueError: no songs, no validation data, a size for a network that has one already, or self-training with a
            network for one instrument.
    """
    sizes = {
        name: value
        for name in ("width", "layers", "lookahead", "instrument")
        if (value := getattr(chosen, name)) is not None
    }
    origin = _network_of(chosen.origin) if chosen.origin else None
    if origin is not None and sizes:
        raise ValueError(f"--{next(iter(sizes))}: expected none with --from, because the model has it")
    shape = Shape(**sizes) if origin is None else origin.shape
    if chosen.direction:
        shape = replace(shape, direction=chosen.direction)
    if shape.instrument and chosen.guesses:
        raise ValueError("--guesses: expected none with --instrument, because it needs bass, drums and other")
    plan = Plan(
        steps=chosen.steps,
        minutes=chosen.minutes,
        seed=chosen.seed,
        shape=shape,
        batch=chosen.batch,
        hops=chosen.hops,
        ema_decay=chosen.average,
        pseudo_labels=chosen.guesses,
        validate_every=chosen.judge_every,
        device=chosen.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        augmentation=Augmentation(partial=chosen.partial),
        **(_CONTINUED if origin is not None else {}),
    )
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    torch.set_float32_matmul_precision("high")
    clips = load_clips(chosen.validation, chosen.judge_seconds)
    dataset = SongDataset(chosen.songs, plan.device, watch_s=_WATCH_INTERVAL_S if chosen.watch else 0.0)
    print(f"{dataset}; {len(clips)} validation clips", flush=True)
    try:
        fit(plan, dataset, clips, chosen.out, _print, origin)
    finally:
        dataset.close()


def _network_of(model: str) -> Network:
    from stemfield.separation.cards.card import load_card
    from stemfield.separation.training.continuation import network_of_model  # loads onnx, which other runs do not need

    return network_of_model(load_card(model))


def _print(line: dict[str, Any]) -> None:
    text = " ".join(f"{key} {value:.4g}" for key, value in line.items() if isinstance(value, int | float))
    medians = " ".join(f"{stem} {value:+.2f}" for stem, value in line.get("csdr", {}).items() if value is not None)
    print(text, medians, flush=True)
