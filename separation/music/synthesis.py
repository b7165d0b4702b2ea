"""Synthetic training songs with true stems: `stemfield train music OUT --songs 100`.

A song is a folder with `vocals.wav`, `bass.wav`, `drums.wav` and `other.wav`, stereo, 16 bit, 44.1 kHz, as in
MUSDB18-HQ; their sum is the mixture. Songs are reproducible by seed and number; existing songs are kept.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.separation.music import effects, voices
from stemfield.separation.music.composition import Composition
from stemfield.separation.music.effects import RATE_HZ, Audio, Random
from stemfield.separation.music.parallel import parallel_map
from stemfield.separation.music.soundfonts import DEBIAN, Soundfonts
from stemfield.separation.music.sources import credits_of, recordings, speaker
from stemfield.separation.music.stem_synthesis import Instruments, StemSynthesiser, find_instruments
from stemfield.separation.music.voices import VoiceBank

STEMS = ("vocals", "bass", "drums", "other")
LEVELS_DB = {"vocals": (1.5, 2.8), "bass": (-1.0, 3.0), "drums": (-0.5, 3.0), "other": (0.0, 3.0)}
"""Mean and standard deviation of the levels of the stems."""
ABSENT = {"vocals": 0.06, "bass": 0.06, "drums": 0.08, "other": 0.02}
"""Probability that a song lacks a stem."""


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
    stems = np.zeros((len(STEMS), 2, song.frames))
    for index, (name, play) in enumerate(zip(STEMS, players, strict=True)):
        if random.random() >= ABSENT[name]:
            sound = play(song, random)
            level = effects.loudness_db(sound)
            if level > -100.0:
                stems[index] = sound * 10 ** ((random.normal(*LEVELS_DB[name]) - 20.0 - level) / 20)
    return _mastered(stems, random)


def _mastered(stems: Audio, random: Random) -> NDArray[np.float32]:
    """Bus compressor and limiter, as gains common to all stems so that they still sum to the mixture."""
    top = np.abs(stems.sum(axis=0)).max()
    if top == 0.0:
        return stems.astype(np.float32)
    stems = stems / top
    if random.random() < 0.6:
        mixture = stems.sum(axis=0)
        stems = stems * effects.compression(mixture, random.uniform(-24.0, -10.0), random.uniform(1.3, 4.0), 0.01, 0.15)
    push = 10 ** (random.uniform(0.0, 8.0) / 20) if random.random() < 0.6 else 1.0
    mixture = push * stems.sum(axis=0) / np.abs(stems.sum(axis=0)).max()
    over = np.maximum(np.abs(mixture).max(axis=0), 1.0)
    # lookahead of 3 ms: the minimum gain of the neighbouring blocks, smoothed
    reach = int(0.003 * RATE_HZ)
    blocks = np.pad(over, (0, -len(over) % reach), constant_values=1.0).reshape(-1, reach).max(axis=1)
    wide = np.maximum(blocks, np.maximum(np.append(blocks[1:], 1.0), np.insert(blocks[:-1], 0, 1.0)))
    gain = 1.0 / np.interp(np.arange(len(over)), (np.arange(len(wide)) + 0.5) * reach, wide)
    stems = stems * gain
    stems *= random.uniform(0.5, 0.97) / np.abs(stems.sum(axis=0)).max()
    loudest = np.abs(stems).max()
    stems = stems / max(loudest / 0.999, 1.0)
    return (np.round(stems * 32767.0) / 32768.0).astype(np.float32)


def write_song(stems: NDArray[np.float32], folder: Path) -> None:
    """Write the stems; the folder appears atomically."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    for name, stem in zip(STEMS, stems, strict=True):
        soundfile.write(unfinished / f"{name}.wav", stem.T, RATE_HZ, subtype="PCM_16")
    unfinished.rename(folder)


@dataclass(frozen=True, slots=True)
class _Job:
    """Everything that a worker process needs to make songs."""

    recipe: Recipe
    out: Path
    store: Path
    recorded: Instruments
    songs: tuple[Path, ...]


_job: _Job


def _begin(job: _Job) -> None:
    global _job
    _job = job
    _stem_synthesiser.cache_clear()


@functools.cache
def _stem_synthesiser() -> StemSynthesiser:
    fonts = tuple(Path(path) for path in _job.recipe.soundfonts)
    soundfonts = Soundfonts(fonts) if fonts else None
    return StemSynthesiser(VoiceBank.load(_job.store), _job.recorded, soundfonts, _job.songs)


def _make(number: int) -> float:
    stems = make_song(_stem_synthesiser(), _job.recipe.seed, number, _job.recipe.seconds)
    write_song(stems, _job.out / f"{number:05d}")
    return float(stems.shape[2] / RATE_HZ)


def run(chosen: argparse.Namespace) -> None:
    """Make all requested songs that do not exist yet, with the options of `stemfield train music`.

    Raises:
        ValueError: no voices were found.
    """
    fonts = [] if chosen.no_soundfonts else chosen.soundfont or [path for path in DEBIAN if path.exists()]
    folder, held_out = chosen.voices, chosen.held_out
    recipe = Recipe(chosen.seed, chosen.seconds, str(folder), str(chosen.instruments or ""),
                    tuple(map(str, fonts)), held_out)  # fmt: skip
    out: Path = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    store = out / ("voices-held-out.npz" if held_out else "voices.npz")
    if not store.exists():
        said = [(speaker(source, path), path) for source, path in recordings(folder, "speech", held_out=held_out)]
        if not said:
            raise ValueError(f"{folder}: expected voices listed in sources.py, in folders named owner+name, got none")
        voices.build(said, chosen.processes).save(store)
    recorded = find_instruments(chosen.instruments, held_out=held_out)
    songs = [path for _, path in recordings(folder, "singing", held_out=True)] if held_out else []
    job = _Job(recipe, out, store, recorded, tuple(songs))
    (out / "recipe.json").write_text(json.dumps(asdict(recipe) | {"credits": credits_of()}, indent=1))
    numbers = [number for number in range(chosen.first, chosen.first + chosen.songs)
               if not (out / f"{number:05d}").exists()]  # fmt: skip
    seconds = sum(parallel_map("making songs", chosen.processes, _make, numbers, _begin, job))
    print(f"{len(numbers)} songs, {seconds / 3600:.2f} hours, in {out}")
