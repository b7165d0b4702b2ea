"""A collection of songs in one folder: their files, who is thanked for them, and what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.parallel import parallel_map

RECIPE = "recipe.json"
PEAK = 0.9
"""Peak of the sum of a song's parts."""

Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, stem or instrument that could not be used."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a song."""

    seconds: float
    """Duration of what was written; 0 if the song was left out."""
    labels: Mapping[str, str]
    """Label of each of its stems or instruments."""
    left_out: tuple[LeftOut, ...] = ()


def write_parts(parts: Mapping[str, Sound], folder: Path, labels: Mapping[str, str]) -> float:
    """Write a song as FLAC files; the folder appears atomically.

    Args:
        parts: sound at RATE_HZ, (2, frames), by the names of the stems in it, such as `bass+other`; shorter ones are
            followed by silence.
        folder: folder of the song.
        labels: label of each original stem, written to `labels.json`.

    Returns:
        Duration in seconds.
    """
    frames = max(int(part.shape[1]) for part in parts.values())
    padded = {name: np.pad(part, ((0, 0), (0, frames - part.shape[1]))) for name, part in parts.items()}
    mixture = np.sum([*padded.values()], axis=0)
    top = max(float(np.abs(mixture).max()) / PEAK, *(float(np.abs(part).max()) for part in padded.values()), 1e-6)
    unfinished = folder.with_name(f".{folder.name}")
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, part in padded.items():
        soundfile.write(unfinished / f"{name}.flac", part.T / np.float32(top), RATE_HZ, subtype="PCM_16")
    (unfinished / "labels.json").write_text(json.dumps(labels, indent=1, ensure_ascii=False), encoding="utf-8")
    unfinished.rename(folder)
    return frames / RATE_HZ


def collect(
    out: Path,
    work: Callable[[Any], Outcome],
    jobs: Mapping[str, Any],
    about: str,
    credits_: Sequence[str],
    *,
    left_out: Iterable[LeftOut] = (),
    processes: int = 1,
    begin: Callable[..., None] | None = None,
    arguments: Sequence[Any] = (),
) -> None:
    """Make all songs that do not exist yet, and print what came of it.

    Args:
        out: folder of the collection; `recipe.json` in it has the credits and what was left out.
        work: makes a song.
        jobs: argument of `work` by the name of the song's folder.
        about: what the songs are, for the card of a model.
        credits_: credits of the sources, one line each.
        left_out: what is known to be left out already.
        processes: number of processes.
        begin: called with `arguments` at the start of each process.
        arguments: arguments of `begin`.
    """
    out.mkdir(parents=True, exist_ok=True)
    refused, seconds, made = [*left_out], 0.0, 0
    todo = {name: job for name, job in jobs.items() if not (out / name).exists()}
    _write_recipe(out, about, credits_, refused)
    for outcome in parallel_map(out.name, processes, work, todo.values(), begin, *arguments):
        refused += outcome.left_out
        seconds += outcome.seconds
        made += outcome.seconds > 0.0
    _write_recipe(out, about, credits_, refused)
    print(f"{made} songs, {seconds / 60:.1f} minutes, in {out}; {len(jobs) - len(todo)} were there already")
    print_left_out(refused, out / RECIPE)


def print_left_out(left_out: Sequence[LeftOut], recipe: Path, most: int = 20) -> None:
    """Print what was left out and why; if there is much of it, the recipe has the rest."""
    if left_out:
        more = [f"... and {len(left_out) - most} more, in {recipe}"] if len(left_out) > most else []
        print(f"{len(left_out)} left out:", *left_out[:most], *more, sep="\n  ")


def _write_recipe(out: Path, about: str, credits_: Sequence[str], left_out: Sequence[LeftOut]) -> None:
    """Write the recipe; what an earlier call left out stays in it."""
    path = out / RECIPE
    earlier = json.loads(path.read_text(encoding="utf-8"))["left_out"] if path.exists() else []
    reasons = {row["name"]: row["reason"] for row in earlier} | {one.name: one.reason for one in left_out}
    rows = [asdict(LeftOut(name, reason)) for name, reason in reasons.items()]
    recipe = {"seed": None, "about": about, "credits": [*credits_], "left_out": rows}
    path.write_text(json.dumps(recipe, indent=1), encoding="utf-8")
