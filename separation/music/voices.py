"""Voice bank: recordings of speech, analysed by the WORLD vocoder and split into syllables.

Morise, Yokomori and Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time applications"
(IEICE Trans. 2016): a fundamental frequency, a spectral envelope and an aperiodicity every 5 ms. Envelopes are stored
at `ENVELOPE_HZ`, which keeps the bank small and allows a change of the vocal tract length by scaling that axis.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from stemfield.separation.music.parallel import parallel_map

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pyworld uses a deprecated interface of setuptools
    import pyworld

RATE_HZ = 44100
FRAME_S = 0.005
_MEL = 2595.0 * np.log10(1.0 + RATE_HZ / 2 / 700.0)
ENVELOPE_HZ = 700.0 * (10.0 ** (np.linspace(0.0, _MEL, 80) / 2595.0) - 1.0)
NOISE_HZ = np.array([0.0, 1000.0, 2000.0, 3500.0, 5000.0, 7000.0, 10000.0, 16000.0, RATE_HZ / 2])
MAX_LENGTH_S = 9.0
"""Maximum length of a recording."""

_TRACKS = ("pitch_hz", "envelope", "noise", "syllables")
"""Arrays of an utterance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Analysed recording, one row per frame."""

    voice: str
    path: str
    sample_rate_hz: int
    pitch_hz: NDArray[np.float32]
    """0 if unvoiced."""
    envelope: NDArray[np.float16]
    """Natural logarithm of the power at ENVELOPE_HZ, normalised to a maximum of 0."""
    noise: NDArray[np.float16]
    """Aperiodicity at NOISE_HZ, 0 (tone) to 1 (noise)."""
    syllables: NDArray[np.int32]
    """One row per syllable: first frame, nucleus, and the frame after the last."""
    sung: bool = False
    """Whether the recording is of singing."""


@dataclass(frozen=True, slots=True)
class VoiceBank:
    """Utterances by the name of the voice."""

    voices: dict[str, tuple[Utterance, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Voices with enough syllables for singing, sorted."""
        return tuple(
            name for name in sorted(self.voices) if sum(len(said.syllables) for said in self.voices[name]) >= 12
        )

    def save(self, path: Path) -> None:
        """Write a NumPy file."""
        everything: dict[str, Any] = {}
        rows = [said for name in sorted(self.voices) for said in self.voices[name]]
        for field in _TRACKS:
            parts = [getattr(said, field) for said in rows]
            everything[field] = np.concatenate(parts)
            everything[field + "_ends"] = np.cumsum([len(part) for part in parts])
        for field in ("voice", "path", "sample_rate_hz", "sung"):
            everything[field] = np.array([getattr(said, field) for said in rows])
        np.savez(path, **everything)

    @classmethod
    def load(cls, path: Path) -> VoiceBank:
        """Load a file written by `save`."""
        with np.load(path) as stored:
            columns = {name: stored[name] for name in stored.files}
        tracks = [np.split(columns[field], columns[field + "_ends"][:-1]) for field in _TRACKS]
        sung = columns.get("sung", np.zeros(len(columns["voice"]), bool))
        rows = zip(columns["voice"], columns["path"], columns["sample_rate_hz"], *tracks, sung, strict=True)
        return cls.of(
            Utterance(str(voice), str(file), int(rate_hz), pitch_hz, envelope, noise, marks, bool(sings))
            for voice, file, rate_hz, pitch_hz, envelope, noise, marks, sings in rows
        )

    @classmethod
    def of(cls, utterances: Iterable[Utterance]) -> VoiceBank:
        """Bank of these utterances."""
        voices: dict[str, list[Utterance]] = {}
        for said in utterances:
            voices.setdefault(said.voice, []).append(said)
        return cls({name: tuple(said) for name, said in voices.items()})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording of a voice."""

    voice: str
    path: Path
    syllables_s: tuple[tuple[float, float, float], ...] = ()
    """Start, vowel and end of each syllable of a recording of singing; none for speech, where they are detected."""


def build(recordings: Sequence[Recorded], processes: int = 1) -> VoiceBank:
    """Analyse recordings."""
    return VoiceBank.of(filter(None, parallel_map("analysing voices", processes, _utterance, recordings)))


def analyse(sound: Floats, rate_hz: int) -> tuple[Floats, Floats, Floats]:
    """Pitch in Hz (n,), log envelope (n, 80) and aperiodicity (n, 9) of a mono recording.

    Frequencies above the Nyquist limit of a low rate are extrapolated: voiced frames fall by 12 dB per octave, unvoiced
    ones by 4, and the aperiodicity is high.
    """
    sound = np.ascontiguousarray(sound) + 1e-6 * np.sin(np.arange(len(sound)) * 1.7)
    coarse, time = pyworld.dio(sound, rate_hz, f0_floor=65.0, f0_ceil=500.0, frame_period=1000 * FRAME_S)
    pitch = pyworld.stonemask(sound, coarse, time, rate_hz)
    power = pyworld.cheaptrick(sound, pitch, time, rate_hz)
    noise = pyworld.d4c(sound, pitch, time, rate_hz)
    bins_hz = np.linspace(0.0, rate_hz / 2, power.shape[1])
    envelope = _resampled(np.log(power + 1e-16), bins_hz, ENVELOPE_HZ)
    aperiodicity = _resampled(noise, bins_hz, NOISE_HZ)
    limit_hz = 0.45 * rate_hz
    beyond = limit_hz < ENVELOPE_HZ
    if beyond.any():
        edge = (0.75 * limit_hz < ENVELOPE_HZ) & ~beyond
        octaves = np.log2(ENVELOPE_HZ[beyond] / limit_hz)
        fall_db = np.where(pitch > 0.0, 12.0, 4.0)[:, None]
        level = envelope[:, edge].mean(axis=1, keepdims=True)
        envelope[:, beyond] = level - np.log(10.0) / 10.0 * fall_db * octaves
        high = limit_hz < NOISE_HZ
        aperiodicity[:, high] = np.maximum(aperiodicity[:, ~high][:, -1:], 0.9)
    return pitch, envelope, np.clip(aperiodicity, 0.0, 1.0)


def synthesise(pitch: Floats, envelope: Floats, noise: Floats, tract: float) -> Floats:
    """Synthesise mono audio at RATE_HZ from what `analyse` returns, with the frequencies of the envelope scaled."""
    power = np.exp(np.clip(envelope @ _interpolation_matrix(ENVELOPE_HZ * tract), -32.0, 3.0))
    aperiodicity = np.clip(noise @ _interpolation_matrix(NOISE_HZ), 1e-4, 0.9999)
    tracks = (np.ascontiguousarray(track, np.float64) for track in (pitch, power, aperiodicity))
    return np.asarray(pyworld.synthesize(*tracks, RATE_HZ, 1000 * FRAME_S))


def syllables(pitch: Floats, envelope: Floats) -> NDArray[np.int32]:
    """Detect syllables; rows of first frame, nucleus, and the frame after the last.

    A nucleus is a voiced peak of loudness; syllables are split at the quietest frame between two nuclei.
    """
    vowel = (ENVELOPE_HZ > 150.0) & (ENVELOPE_HZ < 3500.0)
    loud = 10.0 / np.log(10.0) * np.log(np.exp(envelope[:, vowel]).mean(axis=1) + 1e-12)
    smooth = np.convolve(loud, np.hanning(11) / np.hanning(11).sum(), "same")
    voiced = pitch > 0.0
    peaks, _ = signal.find_peaks(np.where(voiced, smooth, smooth - 25.0), distance=18, prominence=2.5)
    nuclei = [int(peak) for peak in peaks if voiced[peak] and smooth[peak] > smooth.max() - 24.0]
    rows = []
    for index, nucleus in enumerate(nuclei):
        before = nuclei[index - 1] if index else max(nucleus - 50, 0)
        after = nuclei[index + 1] if index + 1 < len(nuclei) else min(nucleus + 50, len(loud) - 1)
        first = max(before + int(np.argmin(smooth[before : nucleus + 1])), nucleus - 40)
        end = min(nucleus + int(np.argmin(smooth[nucleus : after + 1])), nucleus + 50)
        if nucleus - first >= 4 and end - nucleus >= 6 and voiced[nucleus - 2 : nucleus + 5].all():
            rows.append((first, nucleus, end))
    return np.array(rows, np.int32).reshape(-1, 3)


@functools.lru_cache(maxsize=64)
def recording(path: str) -> NDArray[np.float32]:
    """Load a recording, mono at RATE_HZ, peak 1."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound[: int(MAX_LENGTH_S * rate_hz)].mean(axis=1)
    resampled = np.asarray(signal.resample_poly(mono, RATE_HZ, rate_hz), np.float32)
    return resampled / np.float32(np.abs(resampled).max() + 1e-9)


def _utterance(recorded: Recorded) -> Utterance | None:
    voice, path = recorded.voice, recorded.path
    sound, rate_hz = soundfile.read(path, always_2d=True)
    mono = sound[: int(MAX_LENGTH_S * rate_hz)].mean(axis=1)
    if rate_hz > RATE_HZ:
        mono = signal.resample_poly(mono, RATE_HZ, rate_hz)
    peak = np.abs(mono).max(initial=0.0)
    if len(mono) < 0.4 * rate_hz or peak < 1e-3:
        return None
    pitch, envelope, noise = analyse(np.asarray(mono, np.float64) / peak, min(rate_hz, RATE_HZ))
    envelope = np.clip(envelope - envelope.max(), -30.0, 0.0)
    marks = recorded.syllables_s
    rows = _marked(marks, len(pitch)) if marks else syllables(pitch, envelope)
    tracks = pitch.astype(np.float32), envelope.astype(np.float16), noise.astype(np.float16)
    return Utterance(voice, str(path), rate_hz, *tracks, rows, bool(marks))


def _interpolation_matrix(at_hz: Floats) -> Floats:
    """Matrix that interpolates values at `at_hz` to the bins of the synthesis."""
    bins_hz = np.linspace(0.0, RATE_HZ / 2, 1025)
    return np.stack([np.interp(bins_hz, at_hz, row) for row in np.eye(len(at_hz))])


def _marked(marks: Sequence[tuple[float, float, float]], frames: int) -> NDArray[np.int32]:
    """Syllables within the analysed frames."""
    rows = [[round(at_s / FRAME_S) for at_s in mark] for mark in marks]
    inside = [row for row in rows if row[0] + 2 < row[1] < row[2] - 4 and row[2] < frames]
    return np.array(inside, np.int32).reshape(-1, 3)


def _resampled(values: Floats, at: Floats, wanted: Floats) -> Floats:
    """Interpolate rows of values at `at` linearly at `wanted`, with constant extrapolation."""
    place = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    part = np.clip((wanted - at[place]) / (at[place + 1] - at[place]), 0.0, 1.0)
    mixed: Floats = values[:, place] * (1.0 - part) + values[:, place + 1] * part
    return mixed
