"""The training run: steps, averages, judgements and checkpoints; it can be stopped anywhere and goes on from there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed

from stemfield.separation.training.data import STEMS, Remixing, Song, batch
from stemfield.separation.training.judging import Clip, judge, median
from stemfield.separation.training.loss import Weights, loss, prepare
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.optimiser import Optimisers

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
LOG = "log.jsonl"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run but the music."""

    steps: int
    seed: int = 1
    shape: Shape = field(default_factory=Shape)
    batch: int = 4
    """Examples a step, in each process."""
    hops: int = 160
    muon_lr: float = 0.012
    adamw_lr: float = 2e-3
    warm_up: int = 60
    """Steps until the learning rate is at its most."""
    cool_down: float = 1.0
    """Share of the steps, at the end, over which it falls to a twentieth."""
    average: float = 0.99
    """Of the weights that are judged and kept: how much of the past counts."""
    clip: float = 3.0
    judge_every: int = 100
    device: str = "cpu"
    weights: Weights = field(default_factory=Weights)
    remixing: Remixing = field(default_factory=Remixing)

    def rate(self, step: int) -> float:
        """The learning rate's share of its most, 0..1."""
        left = (self.steps - step) / max(self.cool_down * self.steps, 1.0)
        return min(1.0, (step + 1) / self.warm_up, 0.05 + 0.95 * left)


class Run:
    """A network while it learns.

    Args:
        plan: of the run.
        library: songs to learn from.
        rank: number of this process.
        world: how many processes learn together.
    """

    def __init__(self, plan: Plan, library: Sequence[Song], rank: int = 0, world: int = 1) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self._library, self._rank, self._world = plan, library, rank, world
        self.network = Network(plan.shape).to(plan.device)
        self.average = Network(plan.shape).to(plan.device)
        self.average.load_state_dict(self.network.state_dict())
        self._optimisers = Optimisers.of(self.network, plan.muon_lr, plan.adamw_lr)
        self.step_number = 0

    def step(self) -> float:
        """One step; returns the loss before it."""
        plan = self.plan
        random = np.random.default_rng([plan.seed, self.step_number, self._rank])
        with torch.no_grad():
            spectra = batch(self._library, plan.batch, plan.hops, random, plan.remixing).to(plan.device)
            examples = prepare(spectra)
        masks, _ = self.network(examples.heard)
        value = loss(masks, examples, plan.weights)
        self.network.zero_grad(set_to_none=True)
        value.backward()
        if self._world > 1:
            _share([weight.grad for weight in self.network.parameters()], self._world)
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip)
        if torch.isfinite(norm):
            self._optimisers.step(plan.rate(self.step_number))
        self.step_number += 1
        # early on the past is short
        keep = min(plan.average, self.step_number / (self.step_number + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1.0 - keep)
        return float(value.detach())

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "step": self.step_number,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": self._optimisers.state(),
            "shape": asdict(self.plan.shape),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the plan may be a longer one."""
        self.step_number = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimisers.restore(state["optimisers"])


def fit(
    plan: Plan,
    library: Sequence[Song],
    music: Sequence[Clip],
    out: Path,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
    rank: int = 0,
    world: int = 1,
) -> None:
    """Train until the plan's last step, from the checkpoint in `out` if there is one.

    `out` receives `checkpoint.pt` to go on from, `best.pt` (the averaged weights that did best on `music`), every
    judged state as `step-N.pt`, and `log.jsonl`.

    Args:
        plan: of the run.
        library: songs to learn from.
        music: recordings to choose by.
        out: folder of the run.
        report: told each line of the log.
        rank: number of this process.
        world: how many processes; they share gradients and all but the first are silent.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(plan, library, rank, world)
    best = -np.inf
    if (out / CHECKPOINT).exists():
        run.restore(torch.load(out / CHECKPOINT, map_location=plan.device, weights_only=True))
        if (out / BEST).exists():
            best = torch.load(out / BEST, weights_only=True)["score"]
    began, losses = time.monotonic(), list[float]()
    while run.step_number < plan.steps:
        losses.append(run.step())
        step = run.step_number
        if rank or (step % plan.judge_every and step % 20 and step != plan.steps):
            continue
        line: dict[str, Any] = {"step": step, "loss": float(np.mean(losses)), "rate": plan.rate(step - 1),
                                "seconds": round(time.monotonic() - began, 1)}  # fmt: skip
        losses.clear()
        if step % plan.judge_every == 0 or step == plan.steps:
            line |= _judged(run, music, out, best)
            best = max(best, line["score"])
            _save(run.state(), out / CHECKPOINT)
        with (out / LOG).open("a") as log:
            log.write(json.dumps(line) + "\n")
        report(line)


def load(*paths: Path) -> Network:
    """The averaged network of `best.pt` or `step-N.pt`; of several, the mean of their weights."""
    states = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
    network = Network(Shape(**states[0]["shape"]))
    weights = [state["average"] for state in states]
    network.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
    network.eval()
    return network


def _judged(run: Run, music: Sequence[Clip], out: Path, best: float) -> dict[str, Any]:
    score, table = judge(run.average, music)
    kept = {
        "step": run.step_number,
        "shape": asdict(run.plan.shape),
        "average": run.average.state_dict(),
        "score": score,
    }
    _save(kept, out / f"step-{run.step_number:06d}.pt")
    if score > best:
        _save(kept, out / BEST)
    medians = {stem: median(table, stem) for stem in STEMS}
    clips = {clip: {stem: round(row["si_sdr_improvement"], 2) for stem, row in rows.items()}
             for clip, rows in table.items()}  # fmt: skip
    return {"score": score, "medians": medians, "clips": clips}


def _save(state: dict[str, Any], path: Path) -> None:
    """Write so that there is always a whole file."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _share(gradients: Sequence[Tensor], world: int) -> None:
    """Replace gradients by their mean over all processes."""
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= world
    for gradient, part in zip(gradients, flat.split([one.numel() for one in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
