"""Songs for training, as true stems: `stemfield train music OUT --songs 100`.

A song is a folder with `vocals.wav`, `bass.wav`, `drums.wav` and `other.wav`, stereo, 16 bit, 44.1 kHz, as in
MUSDB18-HQ. Their sum is the mixture. Song number n of a seed is always the same; songs that are there already stay.
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
from stemfield.separation.music.effects import RATE_HZ, Random, Sound
from stemfield.separation.music.processes import in_processes, progress
from stemfield.separation.music.soundfonts import DEBIAN, Soundfonts
from stemfield.separation.music.sources import credits_of, recordings, speaker
from stemfield.separation.music.studio import Instruments, Studio, find_instruments
from stemfield.separation.music.voices import VoiceBank

STEMS = ("vocals", "bass", "drums", "other")
LEVELS_DB = {"vocals": (1.5, 2.8), "bass": (-1.0, 3.0), "drums": (-0.5, 3.0), "other": (0.0, 3.0)}
"""Mean and deviation of how loud the stems are."""
ABSENT = {"vocals": 0.06, "bass": 0.06, "drums": 0.08, "other": 0.02}
"""How often a song lacks a stem."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides how the songs sound."""

    seed: int
    seconds: float
    voices: str
    instruments: str
    soundfonts: tuple[str, ...]
    held_out: bool


def make_song(studio: Studio, seed: int, number: int, seconds: float) -> NDArray[np.float32]:
    """One song.

    Args:
        studio: who plays.
        seed: of the collection.
        number: of the song; with the seed it decides everything.
        seconds: about how long.

    Returns:
        Shape (4, 2, frames), stems in the order of STEMS, values multiples of 2^-15 whose sum peaks below 1.
    """
    random = np.random.default_rng([seed, number])
    song = Composition(random, seconds * random.uniform(0.85, 1.15))
    players = {"vocals": studio.vocals, "bass": studio.bass, "drums": studio.drums, "other": studio.other}
    stems = np.zeros((len(STEMS), 2, song.frames))
    for index, name in enumerate(STEMS):
        if random.random() >= ABSENT[name]:
            sound = players[name](song, random)
            level = effects.loudness_db(sound)
            if level > -100.0:
                stems[index] = sound * 10 ** ((random.normal(*LEVELS_DB[name]) - 20.0 - level) / 20)
    return _mastered(stems, random)


def _mastered(stems: Sound, random: Random) -> NDArray[np.float32]:
    """Bus compression and a limiter as gains common to all stems, so that they still sum to the mixture."""
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
    # look ahead 3 ms: the gain is the least of what the neighbourhood needs, then smooth
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
    """Write the stems; the folder appears only when it is complete."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    for name, stem in zip(STEMS, stems, strict=True):
        soundfile.write(unfinished / f"{name}.wav", stem.T, RATE_HZ, subtype="PCM_16")
    unfinished.rename(folder)


def voice_bank(folder: Path, store: Path, *, held_out: bool, processes: int) -> VoiceBank:
    """The voices of a folder of recordings, taken apart once and kept in a file."""
    if not store.exists():
        said = [(speaker(source, path), path) for source, path in recordings(folder, "speech", held_out=held_out)]
        if not said:
            raise ValueError(f"{folder}: none of the voices that sources.py lists, in folders named owner+name")
        with progress() as bar:
            task = bar.add_task("listening to voices", total=len(said))
            voices.build(said, processes, lambda: bar.advance(task)).save(store)
    return VoiceBank.load(store)


@dataclass(frozen=True, slots=True)
class _Crew:
    """What a process needs to make songs."""

    recipe: Recipe
    out: Path
    store: Path
    recorded: Instruments
    songs: tuple[Path, ...]


_crew: _Crew


def _begin(crew: _Crew) -> None:
    global _crew
    _crew = crew
    _studio.cache_clear()


@functools.cache
def _studio() -> Studio:
    fonts = tuple(Path(path) for path in _crew.recipe.soundfonts)
    soundfonts = Soundfonts(fonts) if fonts else None
    return Studio(VoiceBank.load(_crew.store), _crew.recorded, soundfonts, _crew.songs)


def _make(number: int) -> float:
    stems = make_song(_studio(), _crew.recipe.seed, number, _crew.recipe.seconds)
    write_song(stems, _crew.out / f"{number:05d}")
    return float(stems.shape[2] / RATE_HZ)


def run(chosen: argparse.Namespace) -> None:
    """Make the songs that are asked for and not there yet.

    Args:
        chosen: options of `stemfield train music`.

    Raises:
        ValueError: there is no voice to sing.
    """
    fonts = chosen.soundfont or [path for path in DEBIAN if path.exists()]
    fonts = [] if chosen.no_soundfonts else fonts
    recipe = Recipe(chosen.seed, chosen.seconds, str(chosen.voices), str(chosen.instruments or ""),
                    tuple(map(str, fonts)), chosen.held_out)  # fmt: skip
    out: Path = chosen.out
    out.mkdir(parents=True, exist_ok=True)
    store = out / ("voices-held-out.npz" if chosen.held_out else "voices.npz")
    voice_bank(chosen.voices, store, held_out=chosen.held_out, processes=chosen.processes)
    recorded = find_instruments(chosen.instruments, held_out=chosen.held_out)
    songs = [path for _, path in recordings(chosen.voices, "singing", held_out=True)] if chosen.held_out else []
    crew = _Crew(recipe, out, store, recorded, tuple(songs))
    (out / "recipe.json").write_text(json.dumps(asdict(recipe) | {"credits": credits_of()}, indent=1))
    numbers = [number for number in range(chosen.first, chosen.first + chosen.songs)
               if not (out / f"{number:05d}").exists()]  # fmt: skip
    seconds = 0.0
    with progress() as bar:
        task = bar.add_task("making songs", total=len(numbers))
        for length_s in in_processes(chosen.processes, _make, numbers, _begin, crew):
            seconds += length_s
            bar.advance(task)
    print(f"{len(numbers)} songs, {seconds / 3600:.2f} hours, in {out}")
