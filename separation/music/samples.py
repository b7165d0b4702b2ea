"""Sampled instruments: pitch detection of recorded notes, and playback of notes."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from stemfield.separation.music.composition import Note
from stemfield.separation.music.effects import RATE_HZ, Audio, Random, add

_NOTE = re.compile(r"(?:^|[_-])([A-Ga-g])([sb]?)(-?\d?)(?=$|[_-]|v[HL]|m?[pf]$|p$)")
_NOT_A_NOTE = re.compile(r"noise|mute|perc|scrape|slap|release", re.IGNORECASE)
_ARTICULATION = re.compile(r"staccato|looped|sus|_s_")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_VELOCITIES = {
    "pp": 0.1,
    "p": 0.3,
    "pa": 0.3,
    "mp": 0.45,
    "ma": 0.6,
    "mf": 0.6,
    "f": 0.8,
    "fa": 0.9,
    "ff": 0.95,
    "fff": 1.0,
}
MAX_LENGTH_S = 4.0
MAX_TRANSPOSITION = 7
"""Maximum transposition of a sample in semitones."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A recorded note."""

    pitch: int
    """MIDI note number."""
    velocity: float
    path: Path


@dataclass(frozen=True, slots=True)
class SampledInstrument:
    """Recorded notes of an instrument in one articulation."""

    name: str
    samples: tuple[Sample, ...]

    @property
    def pitches(self) -> tuple[int, int]:
        """Lowest and highest pitch."""
        recorded = [sample.pitch for sample in self.samples]
        return min(recorded) - 3, max(recorded) + 3

    def play(self, notes: Sequence[Note], frames: int, random: Random) -> Audio:
        """Render the notes in mono; notes out of range are transposed by octaves."""
        low, high = self.pitches
        sound = np.zeros(frames)
        for note in notes:
            pitch = note.pitch
            while pitch < low:
                pitch += 12
            while pitch > high and pitch - 12 >= low:
                pitch -= 12
            sample = min(
                self.samples,
                key=lambda one: (
                    abs(one.pitch - pitch) + 3.0 * abs(one.velocity - note.velocity) + random.uniform(0.0, 1.0)
                ),
            )
            if abs(sample.pitch - pitch) > MAX_TRANSPOSITION:
                continue
            tone = _tone(sample.path, 2.0 ** ((pitch - sample.pitch) / 12.0), note.length_s)
            add(sound, max(note.start_s, 0.0), (0.35 + 0.65 * note.velocity) * tone)
        return sound


def instruments(files: Iterable[tuple[str, Path]]) -> tuple[SampledInstrument, ...]:
    """Group recorded notes by instrument, given library and path; files that are not single notes are skipped.

    File names contain the pitch, but libraries number octaves differently or not at all, so octaves are measured.
    """
    groups: dict[str, list[tuple[int, int | None, float, Path]]] = {}
    for library, path in files:
        found = _NOTE.search(path.stem)
        if found is None or _NOT_A_NOTE.search(path.stem):
            continue
        tone = _SEMITONES[found[1].lower()] + {"s": 1, "b": -1, "": 0}[found[2]]
        octave = int(found[3]) if found[3] else None
        articulation = _ARTICULATION.search(path.stem)
        prefix = re.sub(r"[\d_-]+$", "", path.stem[: found.start()])
        name = "/".join(filter(None, (library, prefix, articulation[0].strip("_") if articulation else "")))
        groups.setdefault(name, []).append((tone, octave, _velocity(path.stem[found.end() :]), path))
    return tuple(_instrument(name, group) for name, group in sorted(groups.items()) if len(group) >= 5)


@functools.lru_cache(maxsize=500)
def read(path: Path) -> NDArray[np.float32]:
    """Read a recording at RATE_HZ, shape (1 or 2, n), at most MAX_LENGTH_S, without leading silence."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    sound = sound[: int(MAX_LENGTH_S * rate_hz)].T
    if rate_hz != RATE_HZ:
        sound = signal.resample_poly(sound, RATE_HZ, rate_hz, axis=1).astype(np.float32)
    loud = np.flatnonzero(np.abs(sound).max(axis=0) > 0.02 * np.abs(sound).max(initial=0.0))
    begin = max(int(loud[0]) - 64, 0) if len(loud) else 0
    return np.ascontiguousarray(sound[:, begin:])


def measured_pitch(sound: NDArray[np.float32]) -> float:
    """Pitch as MIDI note number, 24 to 96, by autocorrelation; accurate enough to determine the octave."""
    part = sound[int(0.08 * RATE_HZ) : int(0.38 * RATE_HZ)].astype(np.float64)
    if len(part) < 4096:
        part = np.pad(sound.astype(np.float64), (0, 4096))[:4096]
    spectrum = np.fft.rfft(part, 2 * len(part))
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: len(part)]
    likeness = likeness / (likeness[0] + 1e-12) / np.linspace(1.0, 0.3, len(part))
    shortest, longest = int(RATE_HZ / 2100.0), min(int(RATE_HZ / 30.0), len(part) - 1)
    peaks, _ = signal.find_peaks(likeness[:longest])
    peaks = peaks[peaks >= shortest]
    if not len(peaks):
        return 60.0
    best = likeness[peaks].max()
    lag = int(peaks[likeness[peaks] > 0.9 * best][0])
    return float(69.0 + 12.0 * np.log2(RATE_HZ / lag / 440.0))


def _instrument(name: str, group: list[tuple[int, int | None, float, Path]]) -> SampledInstrument:
    measured = [measured_pitch(read(path).mean(axis=0)) for _, _, _, path in group]
    named = [
        round((pitch - tone - 12 * octave) / 12)
        for (tone, octave, _, _), pitch in zip(group, measured, strict=True)
        if octave is not None
    ]
    zero = int(np.median(named)) if named else 0
    samples = []
    for (tone, octave, velocity, path), pitch in zip(group, measured, strict=True):
        twelves = octave + zero if octave is not None and named else round((pitch - tone) / 12)
        samples.append(Sample(tone + 12 * twelves, velocity, path))
    return SampledInstrument(name, tuple(samples))


def _velocity(ending: str) -> float:
    """Velocity, 0..1, from the part of a file's name after the note."""
    if layer := re.search(r"vl(\d)", ending):
        return min(int(layer[1]) / 5.0, 1.0)
    if layer := re.match(r"v([HL])", ending):
        return 0.9 if layer[1] == "H" else 0.4
    words = [word for word in re.split(r"[_-]", ending.lower()) if word in _VELOCITIES]
    return _VELOCITIES[words[0]] if words else 0.7


def _tone(path: Path, ratio: float, length_s: float) -> Audio:
    recorded = read(path).mean(axis=0)
    frames = min(int((length_s + 0.08) * RATE_HZ), int((len(recorded) - 1) / ratio))
    tone = np.interp(np.arange(frames) * ratio, np.arange(len(recorded)), recorded)
    fade = min(int(0.08 * RATE_HZ), frames)
    tone[frames - fade :] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(tone, np.float64)
