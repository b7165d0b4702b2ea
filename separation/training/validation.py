"""Validation of a network on recordings with true stems."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from scipy import signal

from stemfield.separation.chunks.chunk_transform import ChunkTransform
from stemfield.separation.evaluation.evaluate import csdr, sdr, si_sdr
from stemfield.separation.evaluation.routing import WHOLE, Routing, routing
from stemfield.separation.evaluation.routing_summary import missed_singers, summarise
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.signal.level import RunningGain
from stemfield.separation.signal.spatial_filter import SpatialFilter
from stemfield.separation.training.chunk_step import ChunkStep
from stemfield.separation.training.dataset import STEMS
from stemfield.separation.training.level import LEVEL_DB
from stemfield.separation.training.network import REST, Network
from stemfield.separation.training.spectrum import CHUNK_STFT, STFT, features, istft, stft, unpool
from stemfield.separation.training.streaming_step import Ensemble

PLACES_S = 4.0
"""A card's `places_s`. Chosen on recordings; 1 s and 15 s are hardly worse."""
Scores = dict[str, dict[str, dict[str, float]]]
"""Scores in dB by clip, stem and measure, see `scores`."""
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True, slots=True)
class Clip:
    """An excerpt with its stems; a key such as "bass+drums" is the sum of stems that are not known separately."""

    name: str
    rate_hz: int
    stems: dict[str, NDArray[np.float32]]

    @property
    def mixture(self) -> NDArray[np.float32]:
        """Shape (2, frames)."""
        mixture: NDArray[np.float32] = np.sum([*self.stems.values()], axis=0, dtype=np.float32)
        return mixture


def load_clips(folders: Sequence[Path], seconds: float = 24.0) -> tuple[Clip, ...]:
    """Load an excerpt from the middle of each folder with at least two audio files, scaled to a peak of 0.9.

    Clips are named by their folder, with those above it where several folders have the same name.

    The name of a file determines its stem: vocals, bass, drums, or bass and drums; everything else is other. An
    accompaniment is everything but vocals.

    Raises:
        ValueError: no such folder.
    """
    places = sorted({path.parent for folder in folders for path in folder.rglob("*") if path.suffix in _SOUNDS})
    loaded = tuple(clip for place, name in _names(places).items() if (clip := _clip(place, name, seconds)))
    if not loaded:
        raise ValueError(f"expected folders with at least two stems, got none in {', '.join(map(str, folders))}")
    return loaded


def separate(network: Network | Ensemble, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stems (4, 2, frames) of a whole mixture (2, frames), equal to those of the streaming separator.

    Networks for files take the mixture as one chunk.
    """
    if network.shape.direction != "live":
        transform = ChunkTransform(CHUNK_STFT, mixture.shape[1])
        spectra = transform.analyse(mixture)
        both = torch.from_numpy(np.stack([spectra.real, spectra.imag], 1)).to(next(network.parameters()).device)
        with torch.no_grad():
            estimates = ChunkStep(network)(both).cpu().numpy() * spectra
        spatial = SpatialFilter(STFT.hop / RATE_HZ, PLACES_S)
        return transform.synthesise(spatial.apply_to_chunk(spectra, estimates))
    frames, late = mixture.shape[1], network.shape.lookahead
    padded = np.pad(mixture, ((0, 0), (STFT.n_fft - STFT.hop, (2 + late) * STFT.hop)))
    gain, count = RunningGain(LEVEL_DB, STFT.hop / RATE_HZ), (padded.shape[1] - STFT.n_fft) // STFT.hop + 1
    hops = padded[:, STFT.n_fft - STFT.hop :][:, : count * STFT.hop].reshape(2, count, STFT.hop)
    gains = np.array([gain.next(hop) for hop in hops.swapaxes(0, 1)])[:, None]
    with torch.no_grad():
        spectra = stft(torch.from_numpy(padded).to(next(network.parameters()).device))
        spectra = spectra * torch.from_numpy(gains).to(spectra.device)
        left, right = spectra.unbind(0)
        inputs = features((left.real, left.imag), (right.real, right.imag))
        masks, _ = network(inputs[None])
        mixed = spectra[:, : len(inputs) - late]
        estimates = unpool(masks[0, late:].permute(1, 2, 0, 3)) * mixed
        filtered = _filtered(mixed.cpu().numpy(), estimates.cpu().numpy()) / gains[: count - late]
        stems = istft(torch.from_numpy(filtered).to(estimates.device))
    found: NDArray[np.float32] = stems[..., STFT.hop : STFT.hop + frames].cpu().numpy()
    return found


def _filtered(mixture: NDArray[np.complex64], estimates: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Apply the spatial filter to estimates (sources, 2, hops, bins) of a mixture (2, hops, bins)."""
    spatial = SpatialFilter(STFT.hop / RATE_HZ, PLACES_S)
    return np.stack([spatial.apply(mixture[:, hop], estimates[:, :, hop]) for hop in range(mixture.shape[1])], axis=2)


def scores(clip: Clip, stems: NDArray[np.float32], sources: Sequence[str] = STEMS) -> dict[str, dict[str, float]]:
    """Scores in dB of each stem of the clip that the sources cover: `csdr`, `si_sdr`, its improvement, and `sdr`.

    Args:
        clip: mixture and true stems.
        stems: estimates, (sources, 2, frames).
        sources: names of the estimates: all stems, or one of them and the rest.
    """
    result = {}
    missing = {name for key in clip.stems for name in key.split("+")} - {*sources}
    for key, true in clip.stems.items():
        names = {*key.split("+")}
        if names == missing:
            names = {REST}
        if not names <= {*sources}:
            continue
        estimate = sum(stems[sources.index(name)] for name in sorted(names))
        value = si_sdr(true, estimate)
        result[key] = {
            "csdr": csdr(true, estimate, clip.rate_hz),
            "si_sdr": value,
            "si_sdr_improvement": value - si_sdr(true, clip.mixture),
            "sdr": sdr(true, estimate),
        }
    return result


@dataclass(frozen=True, slots=True)
class Validation:
    """Scores of a network on clips, and where their true stems go."""

    scores: Scores
    routings: tuple[Routing, ...]
    """Of each clip, or none."""

    @property
    def score(self) -> float:
        """Score for model selection in dB: mean over the stems of the median cSDR, in which vocals count twice."""
        medians = {stem: value for stem in STEMS if (value := self.median(stem, "csdr")) is not None}
        counts = {stem: 2.0 if stem == "vocals" else 1.0 for stem in medians}
        return sum(counts[stem] * medians[stem] for stem in medians) / max(sum(counts.values()), 1.0)

    def median(self, stem: str, measure: str) -> float | None:
        """Median of a measure in dB over the clips in which the stem is known, if there are any."""
        values = [value for value in self.of_clips(stem, measure).values() if not math.isnan(value)]
        return statistics.median(values) if values else None

    def of_clips(self, stem: str, measure: str) -> dict[str, float]:
        """A measure in dB by clip."""
        return {clip: rows[stem][measure] for clip, rows in self.scores.items() if stem in rows}

    @property
    def own(self) -> dict[str, float | None]:
        """Mean share of each true stem's power that goes to its own estimate; none if no clip knows the stem."""
        rows = summarise(self.routings).get(WHOLE, {})
        return {stem: rows[stem].shares[stem].mean if stem in rows and stem in rows[stem].shares else None
                for stem in STEMS}  # fmt: skip

    @property
    def missed(self) -> tuple[str, ...]:
        """Clips whose singer is missed."""
        return missed_singers(self.of_clips("vocals", "csdr"))


def measure(clips: Iterable[Clip]) -> str:
    """What a score measures; only scores with the same text can be compared."""
    names = ", ".join(f"{clip.name} ({clip.mixture.shape[1]} frames)" for clip in clips)
    return f"mean over stems of the median cSDR in dB, vocals twice, on {names or 'no clips'}"


def validate(network: Network | Ensemble, clips: Sequence[Clip], *, with_routing: bool = True) -> Validation:
    """Separate the clips and score the result; `with_routing` takes about a fifth more time."""
    table, went = Scores(), []
    for clip in clips:
        mixture, sources = clip.mixture, network.shape.sources
        stems = separate(network, mixture)
        table[clip.name] = scores(clip, stems, sources)
        if with_routing:
            went.append(routing(mixture, clip.stems, dict(zip(sources, stems, strict=True)), clip.rate_hz))
    return Validation(table, tuple(went))


def _names(places: Sequence[Path]) -> dict[Path, str]:
    """The shortest name of each folder that no other has: its last one, or its last ones."""
    names: dict[Path, str] = {}
    parts = 1
    while len(names) < len(places):
        found = {place: "-".join(place.resolve().parts[-parts:]) for place in places if place not in names}
        times = Counter(found.values())
        names |= {place: name for place, name in found.items() if times[name] == 1}
        parts += 1
    return {place: names[place] for place in places}


def _clip(place: Path, name: str, seconds: float) -> Clip | None:
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
        name, max(rates), {key: gain * sound for key, sound in stems.items() if np.abs(sound).max() > 1e-4 * top}
    )


def _named(stem: str) -> str:
    if "vocal" in stem or "voice" in stem:
        return "vocals"
    if "accompaniment" in stem:
        return "bass+drums+other"
    parts = [name for name, word in (("bass", "bass"), ("drums", "drum")) if word in stem]
    return "+".join(parts) or "other"


def _read(path: Path, rate_hz: int) -> NDArray[np.float32]:
    sound, own_hz = soundfile.read(path, dtype="float32", always_2d=True)
    both = np.repeat(sound.T, 2, axis=0) if sound.shape[1] == 1 else sound.T[:2]
    if own_hz != rate_hz:
        both = signal.resample_poly(both, rate_hz, own_hz, axis=1)
    return np.ascontiguousarray(both, np.float32)
