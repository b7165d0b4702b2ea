"""Training examples: excerpts of songs, remixed at random.

Songs are folders with four stems, as `synthesis` writes them and as MUSDB18-HQ and the campaigns' data come.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemfield.separation.card_schema import Stft
from stemfield.separation.training.effects import RATE_HZ
from stemfield.separation.transform import windows

STEMS = ("vocals", "bass", "drums", "other")
STFT = Stft(n_fft=2048, hop=512, synthesis_tail=1024, window="asymmetric_hann", scale="amplitude")

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Remixing:
    """How songs become examples; likelihoods and deviations. Four values are of vocals, bass, drums and other."""

    together: float = 0.5
    """That the stems are of one song and one time."""
    absent: tuple[float, float, float, float] = (0.1, 0.09, 0.1, 0.05)
    alone: float = 0.04
    """That there is nothing but the voice."""
    gain_db: tuple[float, float, float, float] = (1.5, 3.5, -1.5, 0.5)
    """So that the stems' shares of the mixture's energy are about those of records."""
    spread_db: float = 3.5
    doubled: tuple[float, float, float, float] = (0.08, 0.0, 0.08, 0.2)
    """That a second song's stem is mixed into the first's."""
    speed: float = 0.5
    """That a stem plays up to a tenth faster or slower."""
    equalised: float = 0.5


@dataclass(frozen=True, slots=True)
class Song:
    """A folder of stems."""

    stems: tuple[Path, ...]
    frames: int

    def excerpt(self, stem: int, place: float, frames: int) -> NDArray[np.float32]:
        """Shape (2, frames): from `place` (0..1) of the stem, with silence where the song is too short."""
        start = int(place * max(self.frames - frames, 0))
        sound, _ = soundfile.read(self.stems[stem], frames, start, dtype="float32", always_2d=True, fill_value=0.0)
        both = sound.T if sound.shape[1] == 2 else np.repeat(sound.T[:1], 2, axis=0)
        return np.ascontiguousarray(both)


def songs(folders: Sequence[Path]) -> tuple[Song, ...]:
    """All songs below the folders, in the order of their paths.

    Raises:
        ValueError: none at all, or songs at another rate than 44.1 kHz (all are listed).
    """
    found, problems = [], []
    for first in sorted({path for folder in folders for path in folder.rglob("vocals.*")}):
        stems = tuple(first.with_name(stem + first.suffix) for stem in STEMS)
        missing = [path.name for path in stems if not path.is_file()]
        if missing:
            problems.append(f"{first.parent}: {', '.join(missing)} missing")
            continue
        about = [soundfile.info(path) for path in stems]
        if any(one.samplerate != RATE_HZ for one in about):
            problems.append(f"{first.parent}: rate {about[0].samplerate} Hz, must be {RATE_HZ}")
        found.append(Song(stems, min(one.frames for one in about)))
    if problems or not found:
        raise ValueError("; ".join(problems) or f"no folders with vocals.wav in {', '.join(map(str, folders))}")
    return tuple(found)


def batch(library: Sequence[Song], size: int, hops: int, random: Random, how: Remixing) -> Tensor:
    """Complex spectra of remixed excerpts, (size, stems, channels, hops, 1025)."""
    frames = (hops - 1) * STFT.hop + STFT.n_fft
    sounds = np.stack([_example(library, frames, random, how) for _ in range(size)])
    spectra = spectra_of(torch.from_numpy(sounds))
    for example in spectra:
        for stem in example:
            if random.random() < how.equalised:
                stem *= torch.from_numpy(_equaliser(random))
    return spectra


def spectra_of(sound: Tensor) -> Tensor:
    """(..., frames) to the transform of the streaming separator, (..., hops, 1025)."""
    analysis, _ = _windows()
    return torch.fft.rfft(sound.unfold(-1, STFT.n_fft, STFT.hop) * analysis)


def sound_of(spectra: Tensor) -> Tensor:
    """(..., hops, 1025) to (..., (hops + 1) * 512): the last hop and the first are not complete."""
    _, synthesis = _windows()
    tails = torch.fft.irfft(spectra)[..., -STFT.synthesis_tail :] * synthesis
    early, late = tails[..., : STFT.hop], tails[..., STFT.hop :]
    pad = torch.zeros_like(early[..., :1, :])
    return (torch.cat([early, pad], -2) + torch.cat([pad, late], -2)).flatten(-2)


@functools.cache
def _windows() -> tuple[Tensor, Tensor]:
    analysis, synthesis = windows(STFT)
    scale = 2.0 / analysis.sum()
    return torch.tensor(scale * analysis, dtype=torch.float32), torch.tensor(synthesis / scale, dtype=torch.float32)


def _example(library: Sequence[Song], frames: int, random: Random, how: Remixing) -> NDArray[np.float32]:
    """Shape (4, 2, frames)."""
    together = random.random() < how.together
    home, place = library[int(random.integers(len(library)))], float(random.random())
    speed = _speed(random, how)
    alone = random.random() < how.alone
    stems = np.zeros((len(STEMS), 2, frames), np.float32)
    for index in range(len(STEMS)):
        if (alone and index) or (not alone and random.random() < how.absent[index]):
            continue
        for extra in range(2 if random.random() < how.doubled[index] else 1):
            if together and not extra:
                sound = _played(home, index, place, frames, speed)
            else:
                sound = _sounding(library, index, frames, random, _speed(random, how))
            gain_db = random.normal(how.gain_db[index] - 5.0 * extra, how.spread_db)
            stems[index] += 10 ** (gain_db / 20) * _placed(sound, index, random)
    stems *= 10 ** (random.normal(0.0, 4.0) / 20)
    return stems


def _sounding(library: Sequence[Song], index: int, frames: int, random: Random, speed: float) -> NDArray[np.float32]:
    """An excerpt of any song, rather one that is not silent."""
    for _ in range(3):
        song = library[int(random.integers(len(library)))]
        sound = _played(song, index, float(random.random()), frames, speed)
        if (sound**2).mean() > 1e-5:
            break
    return sound


def _played(song: Song, index: int, place: float, frames: int, speed: float) -> NDArray[np.float32]:
    if speed == 1.0:
        return song.excerpt(index, place, frames)
    sound = song.excerpt(index, place, int(frames * speed) + 2)
    at = np.arange(frames) * speed
    return np.stack([np.interp(at, np.arange(sound.shape[1]), side) for side in sound]).astype(np.float32)


def _speed(random: Random, how: Remixing) -> float:
    return float(2.0 ** random.uniform(-0.14, 0.14)) if random.random() < how.speed else 1.0


def _placed(sound: NDArray[np.float32], index: int, random: Random) -> NDArray[np.float32]:
    """Sides swapped, one of them late, width and balance changed."""
    if random.random() < 0.5:
        sound = sound[::-1]
    if index and random.random() < 0.12:
        sound = np.stack([sound[0], np.roll(sound[1], int(random.integers(10, 600)))])
    middle, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2
    if random.random() < 0.1:
        side = np.zeros_like(side)
    side = side * random.uniform(0.4, 1.5)
    balance = random.uniform(-0.3, 0.3) if random.random() < (0.4 if index == 3 else 0.15) else 0.0
    return np.stack([(1 - balance) * (middle + side), (1 + balance) * (middle - side)]).astype(np.float32)


def _equaliser(random: Random) -> NDArray[np.float32]:
    """A gain for each bin, (1025,)."""
    octave = np.log2(np.maximum(np.arange(STFT.bins), 1) * RATE_HZ / STFT.n_fft)
    gain_db = random.uniform(-1.2, 1.2) * (octave - 10.0)
    for _ in range(2):
        bell = (octave - random.uniform(6.0, 14.0)) / random.uniform(0.3, 1.5)
        gain_db = gain_db + random.uniform(-5.0, 5.0) * np.exp(-0.5 * bell**2)
    return np.asarray(10 ** (np.clip(gain_db, -12.0, 12.0) / 20), np.float32)
