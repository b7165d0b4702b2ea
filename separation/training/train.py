"""Train a separator: `python -m stemfield.separation.training.train OUT --songs A --validation B --steps N`."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

from stemfield.separation.training.data import Song, songs
from stemfield.separation.training.fit import Plan, fit
from stemfield.separation.training.judging import Clip, clips
from stemfield.separation.training.network import Shape


@dataclass(frozen=True, slots=True)
class _Task:
    plan: Plan
    library: tuple[Song, ...]
    music: tuple[Clip, ...]
    out: Path
    processes: int
    threads: int
    meeting: str


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m stemfield.separation.training.train", description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the run; if it has a checkpoint, the run goes on")
    parser.add_argument("--songs", type=Path, action="append", required=True, help="folder of songs to learn from")
    parser.add_argument("--validation", type=Path, action="append", required=True, help="folder of music to choose by")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=Shape().width)
    parser.add_argument("--layers", type=int, default=Shape().layers)
    parser.add_argument("--batch", type=int, default=4, help="examples a step and process")
    parser.add_argument("--hops", type=int, default=160, help="length of an example; a hop is 11.6 ms")
    parser.add_argument("--judge-every", type=int, default=100, help="steps")
    parser.add_argument("--processes", type=int, default=1, help="that learn together")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args(arguments)
    plan = Plan(
        steps=chosen.steps,
        seed=chosen.seed,
        shape=Shape(chosen.width, chosen.layers),
        batch=chosen.batch,
        hops=chosen.hops,
        judge_every=chosen.judge_every,
        device=chosen.device,
    )
    with tempfile.TemporaryDirectory() as folder:
        task = _Task(plan, songs(chosen.songs), clips(chosen.validation), chosen.out, chosen.processes,
                     chosen.threads, f"file://{folder}/meeting")  # fmt: skip
        print(f"{len(task.library)} songs, {len(task.music)} clips to choose by", flush=True)
        if task.processes == 1:
            _work(0, task)
        else:
            multiprocessing.spawn(_work, (task,), task.processes)


def _work(rank: int, task: _Task) -> None:
    torch.set_num_threads(task.threads)
    # freed memory is wanted again in the next step
    os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
    if task.processes > 1:
        distributed.init_process_group("gloo", init_method=task.meeting, rank=rank, world_size=task.processes)
    fit(task.plan, task.library, task.music, task.out, _print, rank, task.processes)
    if task.processes > 1:
        distributed.destroy_process_group()


def _print(line: dict[str, Any]) -> None:
    text = " ".join(f"{key} {value:.4g}" for key, value in line.items() if isinstance(value, int | float))
    medians = " ".join(f"{stem} {value:+.2f}" for stem, value in line.get("medians", {}).items() if value is not None)
    print(text, medians, flush=True)


if __name__ == "__main__":
    main()
