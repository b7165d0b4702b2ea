"""What training music is made of: `stemfield train contents SONGS ... --beside SONGS --image FILE.png`.

Hours by source, the level of the vocals against the mixture, and the share of each stem's power below 250 Hz, beside
the same of other songs, such as those of a validation set. Where they differ, a model will fail.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stemfield.separation.music.mixing import STEMS
from stemfield.separation.music.parallel import parallel_map

LOW_HZ = 250.0
_SUFFIXES = (".flac", ".ogg", ".wav")
_EXCERPT_S = 40.0
"""Longest part of a song that is read, from its middle."""
_SILENT = 1e-6
"""Mean square of a stem that is not in a song."""


@dataclass(frozen=True, slots=True)
class SongFigures:
    """Figures of a song."""

    seconds: float
    vocals_db: float | None
    """Level of the vocals against the mixture; None without vocals of its own."""
    low_shares: Mapping[str, float]
    """Share of power below LOW_HZ, by the name of each file."""
    mixture_db: float
    """Level of the mixture, RMS against full scale."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Figures of all songs below a folder."""

    name: str
    songs: tuple[SongFigures, ...]

    @property
    def hours(self) -> float:
        """Total duration."""
        return sum(song.seconds for song in self.songs) / 3600.0

    @property
    def vocals_db(self) -> list[float]:
        """Level of the vocals against the mixture, of songs that have vocals of their own."""
        return [song.vocals_db for song in self.songs if song.vocals_db is not None]

    def low_shares(self, stem: str) -> list[float]:
        """Share of a stem's power below LOW_HZ, of songs in which it is known separately."""
        return [song.low_shares[stem] for song in self.songs if stem in song.low_shares]


def measure_song(folder: Path) -> SongFigures | None:
    """Measure a song; None if the folder has no files of stems."""
    paths = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in _SUFFIXES and _stems(path.stem)}
    if not paths:
        return None
    seconds = min(soundfile.info(path).duration for path in paths.values())
    sounds = {name: _excerpt(path, seconds) for name, path in paths.items()}
    frames = min(sound.shape[1] for sound, _ in sounds.values())
    mixture = np.sum([sound[:, :frames] for sound, _ in sounds.values()], axis=0)
    mixture_power = float(np.square(mixture).mean())
    powers = {name: float(np.square(sound).mean()) for name, (sound, _) in sounds.items()}
    vocals = powers.get("vocals", 0.0)
    return SongFigures(
        seconds,
        10.0 * np.log10(vocals / mixture_power) if vocals > _SILENT and mixture_power > _SILENT else None,
        {name: _low_share(sound, rate_hz) for name, (sound, rate_hz) in sounds.items() if powers[name] > _SILENT},
        10.0 * np.log10(mixture_power + 1e-12),
    )


def measure(folders: Iterable[Path]) -> list[Contents]:
    """Measure the songs below folders.

    Raises:
        ValueError: a folder has no songs.
    """
    found = []
    for folder in folders:
        places = sorted({path.parent for path in folder.rglob("*") if path.suffix in _SUFFIXES})
        shown = [place for place in places if not place.name.startswith(".")]
        songs = tuple(filter(None, parallel_map(folder.name, 1, measure_song, shown)))
        if not songs:
            raise ValueError(f"{folder}: expected songs with files such as vocals.wav, got none")
        found.append(Contents(folder.name, songs))
    return found


def table(found: Sequence[Contents]) -> str:
    """Markdown table with a row per folder: medians and the middle 80 %."""
    lines = [
        "| songs | number | hours | vocals against the mixture, dB | mixture, dB FS | "
        + " | ".join(f"{stem} below {LOW_HZ:.0f} Hz, %" for stem in STEMS)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(STEMS),
    ]
    for one in found:
        cells = [
            _spread(one.vocals_db),
            _spread([song.mixture_db for song in one.songs]),
            *(_spread([100.0 * share for share in one.low_shares(stem)]) for stem in STEMS),
        ]
        lines.append(f"| {one.name} | {len(one.songs)} | {one.hours:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(found: Sequence[Contents], beside: Sequence[Contents], path: Path) -> None:
    """Draw the contents as one picture: hours, level of vocals, and low shares by stem."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    every = [*found, *beside]
    colours = ["tab:blue"] * len(found) + ["tab:orange"] * len(beside)
    names = [one.name for one in every]
    figure = Figure(figsize=(14, 1.5 + 0.45 * len(every)), layout="constrained")
    hours, *axes = figure.subplots(1, 2 + len(STEMS), sharey=True)
    hours.barh(range(len(every)), [one.hours for one in every], color=colours)
    hours.set_yticks(range(len(every)), names)
    hours.invert_yaxis()
    hours.set_title("hours")
    columns = [("vocals against\nthe mixture, dB", [one.vocals_db for one in every])]
    columns += [(f"{stem}: share of power\nbelow {LOW_HZ:.0f} Hz, %",
                 [[100.0 * share for share in one.low_shares(stem)] for one in every]) for stem in STEMS]  # fmt: skip
    for axis, (title, values) in zip(axes, columns, strict=True):
        for row, (some, colour) in enumerate(zip(values, colours, strict=True)):
            if some:
                low, middle, high = np.percentile(some, [10, 50, 90])
                axis.plot([low, high], [row, row], color=colour, linewidth=5, alpha=0.4, solid_capstyle="round")
                axis.plot(middle, row, "o", color=colour)
        axis.set_title(title, fontsize=9)
        axis.grid(axis="x", alpha=0.3)
    FigureCanvasAgg(figure).print_png(str(path))


def run(chosen: argparse.Namespace) -> None:
    """Print the contents of training music, and draw them if asked to.

    Args:
        chosen: options of `stemfield train contents`.

    Raises:
        ValueError: a folder has no songs.
    """
    found, beside = measure(chosen.songs), measure(chosen.beside)
    print(table([*found, *beside]))
    if chosen.image:
        plot(found, beside, chosen.image)
        print(f"\n{chosen.image}: 10th to 90th percentile and median; orange: beside")


def _stems(name: str) -> bool:
    return {*name.split("+")} <= {*STEMS}


def _excerpt(path: Path, seconds: float) -> tuple[NDArray[np.float32], int]:
    with soundfile.SoundFile(path) as file:
        frames = int(min(seconds, _EXCERPT_S) * file.samplerate)
        file.seek(max(int(seconds * file.samplerate) - frames, 0) // 2)
        sound = file.read(frames, dtype="float32", always_2d=True)
        return np.ascontiguousarray(sound.T), int(file.samplerate)


def _low_share(sound: NDArray[np.float32], rate_hz: int) -> float:
    size = 8192
    padded = np.pad(sound, ((0, 0), (0, -sound.shape[1] % size))).reshape(len(sound), -1, size)
    power = np.square(np.abs(np.fft.rfft(padded * np.hanning(size).astype(np.float32), axis=2))).sum(axis=(0, 1))
    return float(power[np.fft.rfftfreq(size, 1.0 / rate_hz) < LOW_HZ].sum() / max(power.sum(), 1e-12))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = np.percentile(values, [10, 90])
    return f"{statistics.median(values):.0f} ({low:.0f}...{high:.0f})"
