"""Songs with true stems on disk: the layout of MUSDB18-HQ and SiSEC, and anything else by a list.

A folder is a song when it holds sound files named after the stems (`vocals.wav`, `drums.flac`, ...), with or without
`mixture`. Other layouts are described in a `stems.yaml`:

    songs:
      - name: a-song
        folder: a-song            # relative to this file
        stems:
          vocals: [Voice.mp3]
          other: [Guitar.mp3, Piano.mp3]
          drums+bass: [Rhythm.mp3]     # known together only
        mixture: Mix.mp3          # without: the sum of the stems, brought to a peak of 0.9
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from stemfield.layouts.plain_data import PlainDataError
from stemfield.layouts.problems import ProblemsError
from stemfield.layouts.schema import Strict, problems_in
from stemfield.layouts.strict_yaml import read_yaml
from stemfield.renderer.files.audiofile import READABLE, AudioReader
from stemfield.separation.evaluation.baselines import STEMS

MANIFEST = "stems.yaml"
MIXTURE = "mixture"
PEAK = 0.9


class SongsError(ProblemsError):
    """Songs that cannot be used."""


@dataclass(frozen=True, slots=True)
class SongFiles:
    """The files of a song."""

    name: str
    stems: dict[str, tuple[Path, ...]]
    mixture: Path | None


@dataclass(frozen=True, slots=True)
class Song:
    """A song in memory: float32, shape (2, n) each."""

    name: str
    sample_rate_hz: int
    mixture: NDArray[np.float32]
    stems: dict[str, NDArray[np.float32]]


class _Entry(Strict):
    name: str = Field(min_length=1, max_length=200)
    folder: str = "."
    stems: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)
    mixture: str | None = None


class _Manifest(Strict):
    songs: list[_Entry] = Field(min_length=1)


def songs_in(place: Path) -> tuple[SongFiles, ...]:
    """Every song of a folder or of a list, sorted by name.

    Raises:
        SongsError: no song was found, or the list has problems.
    """
    if place.is_file():
        return tuple(_listed(place))
    if not place.is_dir():
        raise SongsError(str(place), ("no such folder",))
    if (place / MANIFEST).is_file():
        return tuple(_listed(place / MANIFEST))
    folders = sorted({path.parent for path in place.rglob("*") if path.stem in STEMS and path.suffix in READABLE})
    if not folders:
        names = ", ".join(f"{name}.wav" for name in STEMS)
        raise SongsError(str(place), (f"no song found: expected folders with {names}, or a {MANIFEST}",))
    return tuple(_in_folder(folder, place) for folder in folders)


def _listed(path: Path) -> Iterator[SongFiles]:
    try:
        manifest = _Manifest.model_validate(read_yaml(path))
    except PlainDataError as error:
        raise SongsError(str(path), (str(error),)) from error
    except ValidationError as error:
        raise SongsError(str(path), problems_in(_Manifest, error)) from error
    for song in manifest.songs:
        unknown = [part for name in song.stems for part in name.split("+") if part not in STEMS]
        if unknown:
            raise SongsError(str(path), (f"{song.name}: expected stems {', '.join(STEMS)}, got {unknown[0]!r}",))
        folder = path.parent / song.folder
        stems = {name: tuple(folder / file for file in files) for name, files in song.stems.items()}
        yield SongFiles(song.name, stems, folder / song.mixture if song.mixture else None)


def _in_folder(folder: Path, place: Path) -> SongFiles:
    def found(where: Path, name: str) -> Path | None:
        return next((path for path in sorted(where.glob(f"{name}.*")) if path.suffix in READABLE), None)

    stems: dict[str, tuple[Path, ...]] = {name: (path,) for name in STEMS if (path := found(folder, name))}
    # DSD100 and SiSEC keep the mixtures in a tree beside that of the sources.
    beside = Path(*("Mixtures" if part == "Sources" else part for part in folder.parts))
    return SongFiles(str(folder.relative_to(place)), stems, found(folder, MIXTURE) or found(beside, MIXTURE))


def load(files: SongFiles, seconds: float | None = None) -> Song:
    """Read a song, cut to its shortest file and to a number of seconds.

    Raises:
        SongsError: its files have different sample rates.
        AudioFileError: a file cannot be read.
    """
    rates: dict[Path, int] = {}

    def read(path: Path) -> NDArray[np.float32]:
        with AudioReader(path) as reader:
            rates[path] = reader.sample_rate_hz
            limit = reader.frames if seconds is None else round(seconds * reader.sample_rate_hz)
            return reader.read(min(limit, reader.frames))

    sounds = {name: [read(path) for path in paths] for name, paths in files.stems.items()}
    mixture = None if files.mixture is None else read(files.mixture)
    if len(set(rates.values())) > 1:
        found = ", ".join(f"{path.name} {rate_hz} Hz" for path, rate_hz in rates.items())
        raise SongsError(files.name, (f"the files differ in sample rate: {found}",))
    every = [sound for parts in sounds.values() for sound in parts] + ([] if mixture is None else [mixture])
    frames = min(sound.shape[1] for sound in every)
    stems = {name: np.sum([part[:, :frames] for part in parts], axis=0) for name, parts in sounds.items()}
    if mixture is None:
        mixture = np.sum(list(stems.values()), axis=0)
        gain = np.float32(PEAK / max(float(np.abs(mixture).max(initial=0.0)), 1e-9))
        mixture *= gain
        stems = {name: gain * stem for name, stem in stems.items()}
    return Song(files.name, next(iter(rates.values())), mixture[:, :frames], stems)
