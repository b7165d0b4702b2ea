"""The training loop: steps, weight averaging, validation and checkpoints; an interrupted run can be resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemfield.separation.training.augmentation import Augmentation
from stemfield.separation.training.batches import make_batch, one_versus_rest
from stemfield.separation.training.dataset import STEMS, SongDataset
from stemfield.separation.training.level import at_level
from stemfield.separation.training.loss import LossInputs, LossWeights, loss, loss_inputs
from stemfield.separation.training.network import Network, Shape
from stemfield.separation.training.optimiser import Optimisers
from stemfield.separation.training.self_training import pseudo_labelled
from stemfield.separation.training.validation import Clip, Validation, measure, validate

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
LOG = "log.jsonl"
MUSIC = "music.json"
"""Summary of the training data, see `SongDataset.summary`."""
ROUTING_EVERY = 3
"""Validations between two that also measure routing, so that it costs less than a tenth; the last one does so too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All settings of a run except the dataset."""

    steps: int
    seed: int = 1
    shape: Shape = field(default_factory=Shape)
    batch: int = 8
    """Examples per step."""
    hops: int = 160
    """Length of an example in hops."""
    muon_lr: float = 0.012
    adamw_lr: float = 2e-3
    warm_up: int = 60
    """Steps of linear warm-up of the learning rate."""
    ema_decay: float = 0.99
    """Decay of the averaged weights, which are validated and kept."""
    max_gradient_norm: float = 3.0
    validate_every: int = 100
    """Steps between validations."""
    device: str = "cpu"
    minutes: float = 0.0
    """If not 0, the run ends after this time or after its steps, whichever is first."""
    pseudo_labels: float = 0.0
    """Fraction of the instrumental recordings that are replaced by self-training examples."""
    pseudo_labels_from: float = 0.3
    """Progress of the run at which self-training begins."""
    weights: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def progress(self, step: int, seconds: float) -> float:
        """Progress of the run, 0..1."""
        by_time = seconds / 60.0 / self.minutes if self.minutes else 0.0
        return min(max(step / self.steps, by_time), 1.0)

    def learning_rate(self, step: int, seconds: float) -> float:
        """Learning rate relative to its maximum, 0..1; decays to a twentieth."""
        return min(1.0, (step + 1) / self.warm_up, 1.0 - 0.95 * self.progress(step, seconds))


class Run:
    """State of a training run.

    Args:
        plan: settings of the run.
        dataset: training data.
        origin: network whose weights the run begins with; by default they are random.
    """

    def __init__(self, plan: Plan, dataset: SongDataset, origin: Network | None = None) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self._dataset = plan, dataset
        self.network = Network(plan.shape).to(plan.device)
        if origin is not None:
            self.network.load_state_dict(origin.state_dict())
        self.averaged = Network(plan.shape).to(plan.device)
        self.averaged.load_state_dict(self.network.state_dict())
        self._optimisers = Optimisers(self.network, plan.muon_lr, plan.adamw_lr)
        self.steps_done = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Duration of the training so far, including validation."""
        return time.monotonic() - self._began

    @property
    def finished(self) -> bool:
        """Whether all steps are done or the time is over."""
        return self.plan.progress(self.steps_done, self.seconds) >= 1.0

    def step(self) -> Tensor:
        """Do one step; returns the loss before it, as a tensor on the device."""
        return self._update(self._next_batch())

    def _next_batch(self) -> LossInputs:
        plan = self.plan
        random = np.random.default_rng([plan.seed, self.steps_done])
        self._dataset.add_new_songs()
        with torch.no_grad():
            direction = plan.shape.direction
            batch = make_batch(self._dataset, plan.batch, plan.hops, random, plan.augmentation, direction)
            if plan.pseudo_labels and plan.progress(self.steps_done, self.seconds) > plan.pseudo_labels_from:
                batch = pseudo_labelled(batch, self.averaged, plan.pseudo_labels, random)
                batch = replace(batch, spectra=at_level(batch.spectra, two_sided=direction != "live"))
            instrument = plan.shape.instrument
            return loss_inputs(one_versus_rest(batch, instrument) if instrument else batch)

    def _update(self, batch: LossInputs) -> Tensor:
        plan, shape = self.plan, self.plan.shape
        masks, _ = self.network(batch.features)
        weights = plan.weights.for_instrument(shape.instrument) if shape.instrument else plan.weights
        value = loss(masks, batch, weights, shape.lookahead)
        self.network.zero_grad(set_to_none=True)
        value.backward()
        for weight in self.network.parameters():
            # zeroing instead of checking avoids a synchronisation with the device
            torch.nan_to_num_(weight.grad, 0.0, 0.0, 0.0)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), plan.max_gradient_norm)
        self._optimisers.step(plan.learning_rate(self.steps_done, self.seconds))
        self.steps_done += 1
        # a shorter average in the first steps
        keep = min(plan.ema_decay, self.steps_done / (self.steps_done + 10))
        with torch.no_grad():
            torch._foreach_lerp_([*self.averaged.parameters()], [*self.network.parameters()], 1.0 - keep)
        return value.detach()

    def state(self) -> dict[str, Any]:
        """State for a checkpoint."""
        return {
            "step": self.steps_done,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.averaged.state_dict(),
            "optimisers": self._optimisers.state(),
            "shape": asdict(self.plan.shape),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a checkpoint; the plan may have more steps."""
        self.steps_done = state["step"]
        self._began = time.monotonic() - state["seconds"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["average"])
        self._optimisers.restore(state["optimisers"])


def fit(
    plan: Plan,
    dataset: SongDataset,
    clips: Sequence[Clip],
    out: Path,
    report: Callable[[dict[str, Any]], None] = lambda _: None,
    origin: Network | None = None,
) -> None:
    """Train until the run is finished, resuming from the checkpoint in `out` if there is one.

    Writes to `out`: `checkpoint.pt` for resuming, `best.pt` (the averaged weights with the best validation score), the
    averaged weights of each validation as `step-N.pt`, `log.jsonl` and `music.json`. The process may be killed at any
    time, also while it writes. A `best.pt` whose score is of another kind, or on other clips, is not compared but
    replaced at the next validation.

    Args:
        plan: settings of the run.
        dataset: training data.
        clips: validation data.
        out: folder of the run.
        report: called with each line of the log.
        origin: network whose weights a new run begins with; by default they are random.
    """
    out.mkdir(parents=True, exist_ok=True)
    run = Run(plan, dataset, origin)
    best, kind = -np.inf, measure(clips)
    if (out / CHECKPOINT).exists():
        run.restore(torch.load(out / CHECKPOINT, map_location=plan.device, weights_only=True))
        if (out / BEST).exists():
            kept = torch.load(out / BEST, map_location="cpu", weights_only=True)
            best = kept["score"] if kept.get("measure") == kind else best
    _forget_later_lines(out / LOG, run.steps_done)
    losses = list[Tensor]()
    while not run.finished:
        losses.append(run.step())
        step = run.steps_done
        if step % plan.validate_every and step % 20 and not run.finished:
            continue
        line: dict[str, Any] = {"step": step, "loss": float(torch.stack(losses).mean()),
                                "rate": plan.learning_rate(step - 1, run.seconds), "hours": dataset.hours,
                                "seconds": round(run.seconds, 1)}  # fmt: skip
        losses.clear()
        validated = step % plan.validate_every == 0 or run.finished
        if validated:
            line |= _validated(run, clips, out, best, kind)
            best = max(best, line["score"])
        with (out / LOG).open("a") as log:
            log.write(json.dumps(line) + "\n")
        if validated:  # comes after the log, which is cut back to the checkpoint on resuming
            _write(out / MUSIC, json.dumps(dataset.summary, indent=1))
            _save(run.state(), out / CHECKPOINT)
        report(line)


def _validated(run: Run, clips: Sequence[Clip], out: Path, best: float, kind: str) -> dict[str, Any]:
    count = run.steps_done // run.plan.validate_every
    result = validate(run.averaged, clips, with_routing=run.finished or count % ROUTING_EVERY == 0)
    kept = {
        "step": run.steps_done,
        "shape": asdict(run.plan.shape),
        "average": run.averaged.state_dict(),
        "score": result.score,
        "measure": kind,
    }
    _save(kept, out / f"step-{run.steps_done:06d}.pt")
    if result.score > best:
        _save(kept, out / BEST)
    return {"score": result.score, **_logged(result)}


def _logged(result: Validation) -> dict[str, Any]:
    """Entries of the log: medians over clips of SI-SDR improvement and cSDR, both by clip, singers, own shares."""

    def of_clips(name: str) -> dict[str, dict[str, float | None]]:
        return {clip: {stem: _rounded(row[name]) for stem, row in rows.items()} for clip, rows in result.scores.items()}

    line = {
        "medians": {stem: result.median(stem, "si_sdr_improvement") for stem in STEMS},
        "csdr": {stem: result.median(stem, "csdr") for stem in STEMS},
        "missed": len(result.missed),
        "missed_clips": result.missed,
        "clips": of_clips("si_sdr_improvement"),
        "clips_csdr": of_clips("csdr"),
    }
    return line | ({"own": result.own} if result.routings else {})


def _rounded(value_db: float) -> float | None:
    return None if np.isnan(value_db) else round(value_db, 2)


def _forget_later_lines(log: Path, steps_done: int) -> None:
    """Remove lines of steps after the checkpoint, which will be done again, and a line that is incomplete."""
    if log.exists():
        lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        _write(log, "".join(line for line in lines if json.loads(line)["step"] <= steps_done))


def _write(path: Path, text: str) -> None:
    """Write atomically."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.replace(path)


def _save(state: dict[str, Any], path: Path) -> None:
    """Write atomically."""
    unfinished = path.with_suffix(".unfinished")
    torch.save(state, unfinished)
    unfinished.replace(path)
