"""Synthetic training songs with true stems: `stemfield train music OUT --songs 100`.

A song is a folder with `vocals.wav`, `bass.wav`, `drums.wav` and `other.wav`, stereo, 16 bit, 44.1 kHz, as in
MUSDB18-HQ; their sum is the mixture. Songs are reproducible by seed and number; existing songs are kept.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.separation.music.composition import Composition
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.mixing import ABSENT, STEMS, master, mix
from stemfield.separation.music.parallel import parallel_map
from stemfield.separation.music.stem_synthesis import StemSynthesiser
from stemfield.separation.music.studio import Studio, find_studio, synthesiser_of


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings that determine the songs."""

    seed: int
    seconds: float
    voices: str
    instruments: str
    soundfonts: tuple[str, ...]
    held_out: bool


def make_song(synthesiser: StemSynthesiser, seed: int, number: int, seconds: float) -> NDArray[np.float32]:
    """Make a song of about these seconds, which the collection's seed and the song's number determine.

    Returns:
        Stems in the order of STEMS, shape (4, 2, frames); values are multiples of 2^-15, the peak of the sum is below
        1.
    """
    random = np.random.default_rng([seed, number])
    song = Composition(random, seconds * random.uniform(0.85, 1.15))
    players = (synthesiser.vocals, synthesiser.bass, synthesiser.drums, synthesiser.other)
    sounds = {
        name: play(song, random) if random.random() >= ABSENT[name] else np.zeros((2, song.frames))
        for name, play in zip(STEMS, players, strict=True)
    }
    return master(mix(sounds, random), random)


def write_song(stems: NDArray[np.float32], folder: Path) -> None:
    """Write the stems; the folder appears atomically."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    for name, stem in zip(STEMS, stems, strict=True):
        soundfile.write(unfinished / f"{name}.wav", stem.T, RATE_HZ, subtype="PCM_16")
    unfinished.rename(folder)


_begun: tuple[Studio, Recipe, Path]


def _begin(studio: Studio, recipe: Recipe, out: Path) -> None:
    global _begun
    _begun = studio, recipe, out


def _make(number: int) -> float:
    studio, recipe, out = _begun
    stems = make_song(synthesiser_of(studio), recipe.seed, number, recipe.seconds)
    write_song(stems, out / f"{number:05d}")
    return float(stems.shape[2] / RATE_HZ)


def run(chosen: argparse.Namespace) -> None:
    """Make all requested songs that do not exist yet, with the options of `stemfield train music`.

    Raises:
        ValueError: no voices were found.
    """
    out: Path = chosen.out
    studio = find_studio(chosen)
    recipe = Recipe(chosen.seed, chosen.seconds, str(chosen.voices), str(chosen.instruments or ""),
                    tuple(map(str, studio.soundfonts)), chosen.held_out)  # fmt: skip
    left_out = [{"name": name, "reason": reason} for name, reason in studio.left_out.items()]
    story = asdict(recipe) | {"credits": studio.credits, "left_out": left_out}
    (out / "recipe.json").write_text(json.dumps(story, indent=1), encoding="utf-8")
    numbers = [number for number in range(chosen.first, chosen.first + chosen.songs)
               if not (out / f"{number:05d}").exists()]  # fmt: skip
    seconds = sum(parallel_map("making songs", chosen.processes, _make, numbers, _begin, studio, recipe, out))
    print(f"{len(numbers)} songs, {seconds / 3600:.2f} hours, in {out}")
    for name, reason in [*studio.left_out.items()][:20]:
        print(f"left out: {name}: {reason}")
    if len(studio.left_out) > 20:
        print(f"{len(studio.left_out)} left out, all listed in {out / 'recipe.json'}")
