"""How a network does on recordings with true stems."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy import signal

from stemfield.separation.evaluate import sdr, si_sdr
from stemfield.separation.training.data import STEMS, STFT, sound_of, spectra_of
from stemfield.separation.training.network import Network, features, spread

_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True, slots=True)
class Clip:
    """A mixture and the stems it is the sum of; a key such as "bass+drums" is of stems that were never apart."""

    name: str
    rate_hz: int
    stems: dict[str, NDArray[np.float32]]

    @property
    def mixture(self) -> NDArray[np.float32]:
        """Shape (2, frames)."""
        mixture: NDArray[np.float32] = np.sum([*self.stems.values()], axis=0, dtype=np.float32)
        return mixture


def clips(folders: Sequence[Path], seconds: float = 24.0) -> tuple[Clip, ...]:
    """Every folder below these that holds at least two sound files, from its middle, scaled to a peak of 0.9.

    A file's name says what it is: vocals, bass, drums, or bass and drums; everything else is other.
    """
    places = sorted({path.parent for folder in folders for path in folder.rglob("*") if path.suffix in _SOUNDS})
    return tuple(clip for place in places if (clip := _clip(place, seconds)))


def separate(network: Network, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The stems of a whole mixture (2, frames) as the streaming separator gives them: (4, 2, frames)."""
    frames = mixture.shape[1]
    padded = np.pad(mixture, ((0, 0), (STFT.n_fft - STFT.hop, 2 * STFT.hop)))
    with torch.no_grad():
        spectra = spectra_of(torch.from_numpy(padded))
        (left, right) = spectra.unbind(0)
        heard = features((left.real, left.imag), (right.real, right.imag))
        masks, _ = network(heard[None])
        stems = sound_of(spread(masks[0].permute(1, 2, 0, 3)) * spectra[None])
    stems_at = STFT.hop
    found: NDArray[np.float32] = stems[..., stems_at : stems_at + frames].numpy()
    return found


def scores(clip: Clip, stems: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """For each of the clip's stems: `si_sdr`, its improvement over the mixture, and `sdr`, in dB."""
    result = {}
    for key, true in clip.stems.items():
        guess = sum(stems[STEMS.index(name)] for name in key.split("+"))
        value = si_sdr(true, guess)
        result[key] = {
            "si_sdr": value,
            "si_sdr_improvement": value - si_sdr(true, clip.mixture),
            "sdr": sdr(true, guess),
        }
    return result


def judge(network: Network, music: Sequence[Clip]) -> tuple[float, dict[str, dict[str, dict[str, float]]]]:
    """One number to choose by, and the scores of every clip and stem.

    The number is the mean over the stems of the median SI-SDR improvement; vocals count twice.
    """
    table = {clip.name: scores(clip, separate(network, clip.mixture)) for clip in music}
    medians = {stem: value for stem in STEMS if (value := median(table, stem)) is not None}
    counts = {stem: 2.0 if stem == "vocals" else 1.0 for stem in medians}
    return sum(counts[stem] * medians[stem] for stem in medians) / max(sum(counts.values()), 1.0), table


def median(table: dict[str, dict[str, dict[str, float]]], stem: str) -> float | None:
    """Over the clips that have the stem, of its SI-SDR improvement."""
    values = [rows[stem]["si_sdr_improvement"] for rows in table.values() if stem in rows]
    return statistics.median(values) if values else None


def _clip(place: Path, seconds: float) -> Clip | None:
    files = sorted(path for path in place.iterdir() if path.suffix in _SOUNDS and "mixture" not in path.stem.lower())
    if len(files) < 2:
        return None
    rates = [soundfile.info(path).samplerate for path in files]
    sounds = [_read(path, max(rates)) for path in files]
    frames = min(sound.shape[1] for sound in sounds)
    length = min(int(seconds * max(rates)), frames)
    start = (frames - length) // 2
    stems: dict[str, NDArray[np.float32]] = {}
    for path, sound in zip(files, sounds, strict=True):
        key = _named(path.stem.lower())
        stems[key] = stems.get(key, np.float32(0.0)) + sound[:, start : start + length]
    top = np.abs(np.sum([*stems.values()], axis=0)).max()
    if top == 0.0:
        return None
    gain = np.float32(0.9 / top)
    return Clip(
        place.name, max(rates), {key: gain * sound for key, sound in stems.items() if np.abs(sound).max() > 1e-4 * top}
    )


def _named(stem: str) -> str:
    if "vocal" in stem or "voice" in stem:
        return "vocals"
    parts = [name for name, word in (("bass", "bass"), ("drums", "drum")) if word in stem]
    return "+".join(parts) or "other"


def _read(path: Path, rate_hz: int) -> NDArray[np.float32]:
    sound, own_hz = soundfile.read(path, dtype="float32", always_2d=True)
    both = np.repeat(sound.T[:2], 2, axis=0)[:2] if sound.shape[1] == 1 else sound.T[:2]
    if own_hz != rate_hz:
        divisor = gcd(own_hz, rate_hz)
        both = signal.resample_poly(both, rate_hz // divisor, own_hz // divisor, axis=1)
    return np.ascontiguousarray(both, np.float32)
