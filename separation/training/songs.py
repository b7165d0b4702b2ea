"""The songs that a network learns from, in memory: true stems, or records of which only parts are known apart.

A song is a folder of sound files at 44.1 kHz. The name of a file says what it holds: `vocals`, `bass`, `drums`,
`other`, or several that nobody has apart, such as `bass+drums+other` for an instrumental record. Folders as
`synthesis` writes them, and those of MUSDB18-HQ and the campaigns, are of this kind.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.music.effects import RATE_HZ

STEMS = ("vocals", "bass", "drums", "other")
RECIPE = "recipe.json"
"""In a folder of songs: where they come from."""
SOUNDS = (".wav", ".flac", ".ogg")
AUDIBLE = 1e-5
"""Mean square of a second that counts as sound."""

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Files:
    """Where a song is, and which of STEMS each file holds."""

    paths: tuple[Path, ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def complete(self) -> bool:
        """Whether every stem is there by itself."""
        return len(self.groups) == len(STEMS)


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """A song in memory."""

    groups: tuple[tuple[int, ...], ...]
    """Which of STEMS each sound holds."""
    sound: Tensor
    """int16, (groups, 2, frames)."""
    audible: NDArray[np.bool_]
    """Which seconds of which group sound, (groups, seconds)."""
    levels_db: tuple[float, ...]
    """Of the seconds that sound, for each group; -100 for silence."""

    @property
    def frames(self) -> int:
        """Length."""
        return int(self.sound.shape[2])

    def start(self, group: int, frames: int, random: Random) -> int:
        """Where an excerpt may begin so that the group sounds in it, if it sounds anywhere."""
        last = max(self.frames - frames, 0)
        seconds = np.flatnonzero(self.audible[group])
        if not len(seconds):
            return int(random.integers(last + 1))
        heard = (float(random.choice(seconds)) + float(random.random())) * RATE_HZ
        return int(np.clip(heard - random.random() * frames, 0, last))

    def excerpt(self, group: int, start: int, frames: int) -> Tensor:
        """int16, (2, frames), with silence where the song is too short."""
        piece = self.sound[group, :, start : start + frames]
        return torch.nn.functional.pad(piece, (0, frames - piece.shape[1]))


def find(folders: Iterable[Path], known: Container[Path] = ()) -> tuple[Files, ...]:
    """All songs below the folders, in the order of their paths; hidden folders hold what is not finished yet.

    Args:
        folders: to be searched.
        known: places to be passed over.

    Raises:
        ValueError: none at all, or songs that lack a stem (an instrumental may lack vocals), that have one twice, or
            that are of another rate than 44.1 kHz: all are listed.
    """
    found, problems = list[Files](), list[str]()
    folders = tuple(folders)
    for place in sorted({place for folder in folders for place in _places(folder)}):
        if place in known:
            continue
        named = {path: group for path in sorted(place.iterdir()) if path.suffix in SOUNDS and (group := _group(path))}
        if not named:
            continue
        held = [stem for group in named.values() for stem in group]
        missing = [name for stem, name in enumerate(STEMS) if stem and stem not in held]
        if missing:
            problems.append(f"{place}: no sound of {', '.join(missing)}")
        if len(held) != len(set(held)):
            problems.append(f"{place}: {STEMS[max(held, key=held.count)]} in more than one file")
        rates = {soundfile.info(path).samplerate for path in named}
        if rates != {RATE_HZ}:
            problems.append(f"{place}: rate {', '.join(map(str, sorted(rates)))} Hz, must be {RATE_HZ}")
        ordered = sorted(named, key=lambda path: named[path])
        found.append(Files(tuple(ordered), tuple(named[path] for path in ordered)))
    if problems or not (found or known):
        raise ValueError("; ".join(problems) or f"no songs in {', '.join(map(str, folders))}")
    return tuple(found)


def load(files: Files) -> Song:
    """A song's sounds, cut to the shortest."""
    sounds = [_stereo(path) for path in files.paths]
    frames = min(sound.shape[1] for sound in sounds)
    sound = np.stack([one[:, :frames] for one in sounds])
    whole = np.pad(sound, ((0, 0), (0, 0), (0, -frames % RATE_HZ)))
    seconds = (whole.reshape(len(sounds), 2, -1, RATE_HZ) / np.float32(32768.0)).astype(np.float32)
    power = np.square(seconds).mean(axis=(1, 3))
    audible = power > AUDIBLE
    levels = [float(10.0 * np.log10(row[heard].mean())) if heard.any() else -100.0
              for row, heard in zip(power, audible, strict=True)]  # fmt: skip
    return Song(files.groups, torch.from_numpy(sound), audible, tuple(levels))


class Library:
    """Songs on a device, and a thread that looks for more.

    Args:
        folders: where songs are.
        device: that learns.
        watch_s: how often to look for new songs; 0 never. They join at `refresh`.

    Attributes:
        complete: songs with all stems apart.
        partial: the others.

    Raises:
        ValueError: as `find`, or none of the songs is complete.
    """

    def __init__(self, folders: Sequence[Path], device: str = "cpu", *, watch_s: float = 0.0) -> None:
        self._folders, self._device = tuple(folders), device
        self.complete: list[Song] = []
        self.partial: list[Song] = []
        first = find(self._folders)
        if not any(files.complete for files in first):
            raise ValueError(f"no song in {', '.join(map(str, folders))} has all of {', '.join(STEMS)} apart")
        self._known = {files.paths[0].parent for files in first}
        with ThreadPoolExecutor() as readers:
            for song in readers.map(load, first):
                self._add(song)
        self._new: queue.SimpleQueue[Song] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(watch_s,), name="songs", daemon=True)
        if watch_s > 0.0:
            self._watcher.start()

    @property
    def hours(self) -> float:
        """Of music."""
        return sum(song.frames for song in (*self.complete, *self.partial)) / RATE_HZ / 3600

    @property
    def about(self) -> dict[str, Any]:
        """What a model card says of the music: how much, by which seeds it was made, whom to thank."""
        recipes = [json.loads((folder / RECIPE).read_text()) for folder in self._folders if (folder / RECIPE).exists()]
        return {
            "songs": len(self.complete),
            "records": len(self.partial),
            "hours": self.hours,
            "seeds": [recipe["seed"] for recipe in recipes if recipe["seed"] is not None],
            "credits": list(dict.fromkeys(line for recipe in recipes for line in recipe["credits"])),
        }

    def __str__(self) -> str:
        return f"{len(self.complete)} songs and {len(self.partial)} records, {self.hours:.1f} hours"

    def refresh(self) -> None:
        """Take in what was found since the last time."""
        while not self._new.empty():
            self._add(self._new.get())

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _add(self, song: Song) -> None:
        here = Song(song.groups, song.sound.to(self._device), song.audible, song.levels_db)
        (self.complete if len(song.groups) == len(STEMS) else self.partial).append(here)

    def _watch(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                new = find(self._folders, self._known)
            except ValueError:  # somebody is at work there; the songs that were there at the start are not touched
                continue
            for files in new:
                self._known.add(files.paths[0].parent)
                if not self._ended.is_set():
                    self._new.put(load(files))


def _places(folder: Path) -> Iterator[Path]:
    """Folders that hold sound files."""
    for place, inside, files in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        if any(name.endswith(SOUNDS) for name in files):
            yield Path(place)


def _group(path: Path) -> tuple[int, ...]:
    """Which stems a file's name says; none if it says anything else."""
    words = path.stem.lower().split("+")
    return tuple(sorted(STEMS.index(word) for word in words)) if set(words) <= set(STEMS) else ()


def _stereo(path: Path) -> NDArray[np.int16]:
    sound, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return np.ascontiguousarray(sound.T[:2] if sound.shape[1] > 1 else np.repeat(sound.T, 2, axis=0))
