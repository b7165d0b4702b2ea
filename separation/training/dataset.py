"""The training dataset in memory: songs with all stems, and recordings with only some of them.

A song is a folder of audio files at 44.1 kHz. The name of a file gives its content: `vocals`, `bass`, `drums`, `other`,
or stems that are not known separately, such as `bass+drums+other` for an instrumental recording. `synthesis` writes
such folders, and MUSDB18-HQ consists of them.
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
"""File in a folder of songs that describes their origin."""
SOUNDS = (".wav", ".flac", ".ogg")
AUDIBLE = 1e-5
"""Minimum mean square of a second that is not silent."""

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class SongFiles:
    """Files of a song, and the indices in STEMS of the stems in each file."""

    paths: tuple[Path, ...]
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Song:
    """A song in memory."""

    groups: tuple[tuple[int, ...], ...]
    """Indices in STEMS of the stems in each group."""
    sound: Tensor
    """int16, (groups, 2, frames)."""
    audible: NDArray[np.bool_]
    """Whether each second of each group is not silent, (groups, seconds)."""
    levels_db: tuple[float, ...]
    """Level of each group over its audible seconds; -100 for silence."""

    @property
    def frames(self) -> int:
        """Length in frames."""
        return int(self.sound.shape[2])

    def start(self, group: int, frames: int, random: Random) -> int:
        """Random start of an excerpt in which the group is audible, if it is audible anywhere."""
        last = max(self.frames - frames, 0)
        seconds = np.flatnonzero(self.audible[group])
        if not len(seconds):
            return int(random.integers(last + 1))
        audible = (float(random.choice(seconds)) + float(random.random())) * RATE_HZ
        return int(np.clip(audible - random.random() * frames, 0, last))

    def excerpt(self, group: int, start: int, frames: int) -> Tensor:
        """An excerpt, int16, (2, frames), zero-padded if the song is too short."""
        piece = self.sound[group, :, start : start + frames]
        return torch.nn.functional.pad(piece, (0, frames - piece.shape[1]))


def find_songs(folders: Iterable[Path], known: Container[Path] = ()) -> tuple[SongFiles, ...]:
    """Find all songs below the folders, sorted by path, without those in known folders.

    Hidden folders, which are unfinished, are skipped.

    Raises:
        ValueError: no songs at all, or songs without a stem (except vocals), with a stem twice, or with another rate
            than 44.1 kHz; all of them are listed.
    """
    found, problems = list[SongFiles](), list[str]()
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
            problems.append(f"{place}: no file with {', '.join(missing)}")
        if len(held) != len(set(held)):
            problems.append(f"{place}: {STEMS[max(held, key=held.count)]} in more than one file")
        rates = {soundfile.info(path).samplerate for path in named}
        if rates != {RATE_HZ}:
            problems.append(f"{place}: expected {RATE_HZ} Hz, got {', '.join(map(str, sorted(rates)))} Hz")
        ordered = sorted(named, key=lambda path: named[path])
        found.append(SongFiles(tuple(ordered), tuple(named[path] for path in ordered)))
    if problems or not (found or known):
        raise ValueError("; ".join(problems) or f"no songs in {', '.join(map(str, folders))}")
    return tuple(found)


def load_song(files: SongFiles) -> Song:
    """Load a song, cut to its shortest file."""
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


class SongDataset:
    """Songs in the memory of the training device, and a thread that watches for new ones.

    Args:
        folders: folders with songs; those of a folder that is given twice are used twice as often.
        device: training device.
        watch_s: interval of the search for new songs; 0 for no search. `add_new_songs` adds them.

    Attributes:
        complete: songs with all stems separately, each as often as its folder is given.
        partial: the other songs.
        alone: for each stem, the songs that have it separately and audible, and the number of its group there.

    Raises:
        ValueError: as `find_songs`, or no song is complete.
    """

    def __init__(self, folders: Sequence[Path], device: str = "cpu", *, watch_s: float = 0.0) -> None:
        self._folders, self._device = tuple(folders), device
        self.complete: list[Song] = []
        self.partial: list[Song] = []
        self.alone: tuple[list[tuple[Song, int]], ...] = tuple([] for _ in STEMS)
        first = find_songs(self._folders)
        if not any(len(files.groups) == len(STEMS) for files in first):
            raise ValueError(
                f"expected songs with separate {', '.join(STEMS)}, got none in {', '.join(map(str, folders))}"
            )
        self._known = {files.paths[0].parent for files in first}
        with ThreadPoolExecutor() as readers:
            for files, song in zip(first, readers.map(load_song, first), strict=True):
                self._add(files, song)
        self._new: queue.SimpleQueue[tuple[SongFiles, Song]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(watch_s,), name="songs", daemon=True)
        if watch_s > 0.0:
            self._watcher.start()

    @property
    def hours(self) -> float:
        """Total duration in hours."""
        return sum(song.frames for song in {*self.complete, *self.partial}) / RATE_HZ / 3600

    @property
    def summary(self) -> dict[str, Any]:
        """Amount of music, seeds of synthetic songs, what others are, and credits, for the model card."""
        recipes = [json.loads((folder / RECIPE).read_text()) for folder in self._folders if (folder / RECIPE).exists()]
        return {
            "songs": len({*self.complete}),
            "records": len({*self.partial}),
            "hours": self.hours,
            "about": [recipe["about"] for recipe in recipes if "about" in recipe],
            "seeds": [recipe["seed"] for recipe in recipes if recipe["seed"] is not None],
            "credits": list(dict.fromkeys(line for recipe in recipes for line in recipe["credits"])),
        }

    def __str__(self) -> str:
        return f"{len({*self.complete})} songs and {len({*self.partial})} recordings, {self.hours:.1f} hours"

    def add_new_songs(self) -> None:
        """Add the songs found since the last call."""
        while not self._new.empty():
            self._add(*self._new.get())

    def close(self) -> None:
        """Stop watching for new songs."""
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _add(self, files: SongFiles, song: Song) -> None:
        here = Song(song.groups, song.sound.to(self._device), song.audible, song.levels_db)
        often = sum(folder in files.paths[0].parents for folder in self._folders)
        (self.complete if len(song.groups) == len(STEMS) else self.partial).extend([here] * often)
        for group, members in enumerate(song.groups):
            if len(members) == 1 and song.audible[group].any():
                self.alone[members[0]].extend([(here, group)] * often)

    def _watch(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                new = find_songs(self._folders, self._known)
            except ValueError:  # a folder is being changed; songs that are already loaded are not affected
                continue
            for files in new:
                self._known.add(files.paths[0].parent)
                if not self._ended.is_set():
                    self._new.put((files, load_song(files)))


def _places(folder: Path) -> Iterator[Path]:
    """Folders with audio files."""
    for place, inside, files in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        if any(name.endswith(SOUNDS) for name in files):
            yield Path(place)


def _group(path: Path) -> tuple[int, ...]:
    """Stems given by a file's name; empty for any other name."""
    words = path.stem.lower().split("+")
    return tuple(sorted(STEMS.index(word) for word in words)) if set(words) <= set(STEMS) else ()


def _stereo(path: Path) -> NDArray[np.int16]:
    sound, _ = soundfile.read(path, dtype="int16", always_2d=True)
    return np.ascontiguousarray(sound.T[:2] if sound.shape[1] > 1 else np.repeat(sound.T, 2, axis=0))
