"""The training run: steps, averages, judgements and checkpoints; it can be stopped anywhere and goes on from there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemfield.separation.training.data import against_the_rest, batch
from stemfield.separation.training.guesses import remixed
from stemfield.separation.training.hop import Ensemble
from stemfield.separation.training.judging import Clip, judge, median
from stemfield.separation.training.loss import Spectra, Weights, loss, prepare
from stemfield.separation.training.mixing import Remixing
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.optimiser import Optimisers
from stemfield.separation.training.songs import STEMS, Library

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
LOG = "log.jsonl"
MUSIC = "music.json"
"""What was learnt from, as `Library.about` has it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run but the music."""

    steps: int
    seed: int = 1
    shape: Shape = field(default_factory=Shape)
    batch: int = 8
    """Examples a step."""
    hops: int = 160
    muon_lr: float = 0.012
    adamw_lr: float = 2e-3
    warm_up: int = 60
    """Steps until the learning rate is at its most."""
    average: float = 0.99
    """Of the weights that are judged and kept: how much of the past counts."""
    clip: float = 3.0
    judge_every: int = 100
    device: str = "cpu"
    minutes: float = 0.0
    """If not 0, the run ends after this time or after its steps, whichever is first."""
    guesses: float = 0.0
    """Share of the records without vocals that are remixed from the network's own guesses at their stems."""
    guesses_from: float = 0.3
    """How much of the run must be over before its guesses are worth it."""
    weights: Weights = field(default_factory=Weights)
    remixing: Remixing = field(default_factory=Remixing)

    def progress(self, step: int, seconds: float) -> float:
        """How much of the run is over, 0..1."""
        by_time = seconds / 60.0 / self.minutes if self.minutes else 0.0
        return min(max(step / self.steps, by_time), 1.0)

    def rate(self, step: int, seconds: float) -> float:
        """The learning rate's share of its most, 0..1: it falls to a twentieth."""
        return min(1.0, (step + 1) / self.warm_up, 1.0 - 0.95 * self.progress(step, seconds))


class Run:
    """A network while it learns.

    Args:
        plan: of the run.
        library: songs to learn from.
    """

    def __init__(self, plan: Plan, library: Library) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self._library = plan, library
        self.network = Network(plan.shape).to(plan.device)
        self.average = Network(plan.shape).to(plan.device)
        self.average.load_state_dict(self.network.state_dict())
        self._optimisers = Optimisers.of(self.network, plan.muon_lr, plan.adamw_lr)
        self.step_number = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """For which it has learnt, judgements included."""
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Whether the plan is fulfilled."""
        return self.plan.progress(self.step_number, self.seconds) >= 1.0

    def step(self) -> Tensor:
        """One step; returns the loss before it, which the device may not know yet."""
        return self.learn(self.examples())

    def examples(self) -> Spectra:
        """What this step learns from."""
        plan = self.plan
        random = np.random.default_rng([plan.seed, self.step_number])
        self._library.refresh()
        with torch.no_grad():
            mixed = batch(self._library, plan.batch, plan.hops, random, plan.remixing)
            if plan.guesses and plan.progress(self.step_number, self.seconds) > plan.guesses_from:
                mixed = remixed(mixed, self.average, plan.guesses, random)
            instrument = plan.shape.instrument
            return prepare(against_the_rest(mixed, instrument) if instrument else mixed)

    def learn(self, examples: Spectra) -> Tensor:
        """One step from these examples."""
        plan = self.plan
        masks, _ = self.network(examples.heard)
        shape = plan.shape
        weights = plan.weights.of(shape.instrument) if shape.instrument else plan.weights
        value = loss(masks, examples, weights, shape.lookahead)
        self.network.zero_grad(set_to_none=True)
        value.backward()
        for weight in self.network.parameters():
            # a step without sense must not wait for the device to say so
            torch.nan_to_num_(weight.grad, 0.0, 0.0, 0.0)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip)
        self._optimisers.step(plan.rate(self.step_number, self.seconds))
        self.step_number += 1
        # early on the past is short
        keep = min(plan.average, self.step_number / (self.step_number + 10))
        with torch.no_grad():
            torch._foreach_lerp_([*self.average.parameters()], [*self.network.parameters()], 1.0 - keep)
        return value.detach()

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "step": self.step_number,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": self._optimisers.state(),
            "shape": asdict(self.plan.shape),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; the plan may be a longer one."""
        self.step_number = state["step"]
        self._began = time.monotonic() - state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimisers.restore(state["optimisers"])


def fit(
    plan: Plan,
    library: Library,
    music: Sequence[Clip],
    out: Path,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Train until the plan is fulfilled, from the checkpoint in `out` if there is one.

    `out` receives `checkpoint.pt` to go on from, `best.pt` (the averaged weights that did best on `music`), every
    judged state as `step-N.pt`, `log.jsonl` and `music.json`.

    Args:
        plan: of the run.
        library: songs to learn from.
        music: recordings to choose by.
        out: folder of the run.
        report: told each line of the log.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(plan, library)
    best = -np.inf
    if (out / CHECKPOINT).exists():
        run.restore(torch.load(out / CHECKPOINT, map_location=plan.device, weights_only=True))
        if (out / BEST).exists():
            best = torch.load(out / BEST, map_location="cpu", weights_only=True)["score"]
    losses = list[Tensor]()
    while not run.over:
        losses.append(run.step())
        step = run.step_number
        if step % plan.judge_every and step % 20 and not run.over:
            continue
        line: dict[str, Any] = {"step": step, "loss": float(torch.stack(losses).mean()),
                                "rate": plan.rate(step - 1, run.seconds), "hours": library.hours,
                                "seconds": round(run.seconds, 1)}  # fmt: skip
        losses.clear()
        if step % plan.judge_every == 0 or run.over:
            line |= _judged(run, music, out, best)
            best = max(best, line["score"])
            _save(run.state(), out / CHECKPOINT)
            (out / MUSIC).write_text(json.dumps(library.about, indent=1))
        with (out / LOG).open("a") as log:
            log.write(json.dumps(line) + "\n")
        report(line)


def load(*paths: Path) -> Network | Ensemble:
    """The averaged network of `best.pt` or `step-N.pt`: of several of a run the mean, of several runs an ensemble.

    Raises:
        ValueError: networks of different sources.
    """
    runs: dict[Path, list[dict[str, Any]]] = {}
    for path in paths:
        state = torch.load(path, map_location="cpu", weights_only=True)
        runs.setdefault(path.resolve().parent, []).append(state)
    networks = list[Network]()
    for states in runs.values():
        network = Network(Shape(**states[0]["shape"]))
        weights = [state["average"] for state in states]
        network.load_state_dict({name: sum(one[name] for one in weights) / len(weights) for name in weights[0]})
        networks.append(network.eval())
    sources = {network.shape.sources for network in networks}
    if len(sources) > 1:
        told = " and ".join(", ".join(names) for names in sorted(sources))
        raise ValueError(f"networks that tell {told} cannot decide together")
    return networks[0] if len(networks) == 1 else Ensemble(networks).eval()


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
    unfinished = path.with_suffix(".unfinished")
    torch.save(state, unfinished)
    unfinished.replace(path)
