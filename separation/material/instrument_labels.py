"""Labels of a module's instruments: by their names, and where these say nothing, by their sound.

Most names in modules are messages of their composers, so only short names with a word for an instrument count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from stemfield.separation.material.collection import Sound
from stemfield.separation.music.effects import RATE_HZ

VOICE, DRUMS, BASS, OTHER = "voice", "drums", "bass", "other"
UNCERTAIN = ""
_MAX_WORDS = 4
_WORDS = (
    (DRUMS, r"bass ?dr(um)?|drum bass|bd\d*|kick\w*|snare?\w*|sd\d*|hi ?hat\w*|hihat\w*|hats?|hh[co]?\d*|clap\w*|toms?|"
            r"perc\w*|drum\w*|cymb\w*|crash\w*|ride|rim\w*|shaker|conga\w*|bongo\w*|tamb\w*|cowbell|"
            r"closed ?h\w*|open ?h\w*"),
    (BASS, r"\w*bass\w*|fretless|slap ?b\w*"),
    (VOICE, r"vox|voice\w*|vocal\w*|sing(er|ing)?|speech|choir\w*|chorus|rap|scream|aah\w*|ooh\w*"),
    (OTHER, r"\w*guit\w*|piano\w*|organ\w*|string\w*|pad\w*|lead\w*|flute\w*|sax\w*|trumpet\w*|brass|synth?|bells?|"
            r"harp|violin\w*|arp\w*|chord\w*|strat\w*|distgit"),
)  # fmt: skip
_STEP_S = 0.005
_PERIOD_STEPS = 5
_NOTE_S = 1.5
"""Longest part of a note that is measured."""
_MOST_NOTES = 24
_LOW_HZ = 400.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Properties of an instrument that is played alone."""

    notes: int
    """Number of notes heard."""
    pitches: int
    """Number of different pitches written."""
    decay_s: float
    """Median time in which a note falls by 20 dB; infinite if none does before the next one."""
    clarity: float
    """Median correlation with the sound one period later: near 1 for a tone, near 0 for noise."""
    pitch_hz: float
    """Median fundamental frequency."""
    low_share: float
    """Share of energy below 400 Hz."""


def label_by_name(name: str) -> str:
    """Label by the name of an instrument, UNCERTAIN if it says nothing or several things."""
    text = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    if not text or len(text.split()) > _MAX_WORDS:
        return UNCERTAIN
    if re.search(rf"(^| )({_WORDS[0][1]})( |$)", text):
        rest = re.sub(r"bass ?dr(um)?|drum bass", "", text)
        return UNCERTAIN if re.search(rf"(^| )({_WORDS[1][1]})( |$)", rest) else DRUMS
    found = [label for label, words in _WORDS[1:] if re.search(rf"(^| )({words})( |$)", text)]
    return found[0] if len(found) == 1 else BASS if found == [BASS, OTHER] else UNCERTAIN


def label_by_sound(measured: Measured) -> str:
    """Label by an instrument's sound: drums, bass or other."""
    short = measured.decay_s < 0.4
    noisy = measured.clarity < (0.6 if measured.pitches <= 4 else 0.3)
    few = measured.pitches <= 2 and measured.notes >= 4
    struck = few and (measured.clarity < 0.85 or measured.low_share > 0.5)
    if (short and (noisy or struck)) or (noisy and few):
        return DRUMS
    low = measured.pitch_hz < 130.0 and measured.low_share > 0.7
    return BASS if low and measured.clarity > 0.5 else OTHER


def label(name: str, measured: Measured) -> tuple[str, str]:
    """Label of an instrument, and why it has none if name and sound contradict each other."""
    named, heard = label_by_name(name), label_by_sound(measured)
    melody = measured.pitches > 4 and measured.clarity > 0.8
    if named == DRUMS and melody and measured.decay_s > 0.6:
        return UNCERTAIN, f"named {name!r}, but it plays long tones of {measured.pitches} pitches"
    if named == BASS and measured.low_share < 0.2 and measured.pitch_hz > 260.0:
        share = f"{measured.low_share:.0%} of its energy below {_LOW_HZ:.0f} Hz"
        return UNCERTAIN, f"named {name!r}, but it has only {share}"
    if named == OTHER and heard == DRUMS and measured.clarity < 0.4:
        return UNCERTAIN, f"named {name!r}, but it plays short noises"
    return named or heard, ""


def measure(sound: Sound, pitches: int) -> Measured | None:
    """Measure an instrument played alone, (2, frames), that plays a number of pitches; None if it is silent."""
    mono = sound.mean(axis=0).astype(np.float64)
    step = int(_STEP_S * RATE_HZ)
    level = np.sqrt(np.square(mono[: len(mono) // step * step]).reshape(-1, step).mean(axis=1) + 1e-12)
    if level.max(initial=0.0) < 1e-3:
        return None
    level = ndimage.maximum_filter1d(level, _PERIOD_STEPS)  # the level within the period of a low tone varies
    starts = _onsets(level)
    ends = [*starts[1:], len(level)]
    decays, tones = list[float](), list[tuple[float, float]]()
    for index in np.linspace(0, len(starts) - 1, min(len(starts), _MOST_NOTES)).astype(int):
        part = level[starts[index] : min(ends[index], starts[index] + int(_NOTE_S / _STEP_S))]
        top = int(part[:20].argmax())
        fallen = np.flatnonzero(part[top:] < 0.1 * part[top])
        if len(fallen):
            decays.append(float(fallen[0] * _STEP_S))
        begin = (starts[index] + top + _PERIOD_STEPS // 2) * step
        tones.append(_tone(mono[begin : begin + int(np.clip(len(part) * _STEP_S, 0.08, 0.25) * RATE_HZ)]))
    size = 8192
    power = np.square(np.abs(np.fft.rfft(np.pad(mono, (0, -len(mono) % size)).reshape(-1, size), axis=1))).sum(axis=0)
    low = float(power[np.fft.rfftfreq(size, 1.0 / RATE_HZ) < _LOW_HZ].sum() / max(power.sum(), 1e-12))
    clarity, pitch_hz = np.median(np.array(tones), axis=0)
    decay_s = float(np.median(decays)) if len(decays) >= len(tones) / 4 else np.inf
    return Measured(len(starts), pitches, decay_s, float(clarity), float(pitch_hz), low)


def _onsets(level: NDArray[np.float64]) -> list[int]:
    """Steps where notes begin: the level rises by 6 dB within 10 ms to within 30 dB of the maximum."""
    before = np.concatenate([[1e-6, 1e-6], level[:-2]])
    rises = (level > 2.0 * before) & (level > 0.03 * level.max())
    starts: list[int] = []
    for step in np.flatnonzero(rises):
        if not starts or step - starts[-1] > 0.06 / _STEP_S:
            starts.append(int(step))
    return starts or [int(np.flatnonzero(level > 0.03 * level.max())[0])]


def _tone(piece: NDArray[np.float64]) -> tuple[float, float]:
    """Clarity and fundamental frequency in Hz, by the normalised square difference of McLeod and Wyvill (ICMC 2005)."""
    piece = piece - piece.mean()
    size = len(piece)
    spectrum = np.fft.rfft(piece, 2 * size)
    products = np.fft.irfft(np.square(np.abs(spectrum)))[:size]
    energy = np.concatenate([[0.0], np.cumsum(np.square(piece))])
    lags = np.arange(size)
    both = energy[size - lags] + energy[size] - energy[lags]
    likeness = (2.0 * products / np.maximum(both, 1e-12))[: min(int(RATE_HZ / 30.0), size // 2)]
    beyond = np.flatnonzero(likeness < 0.0)  # the first peak after the one at zero
    peaks, _ = signal.find_peaks(likeness)
    peaks = peaks[peaks > (beyond[0] if len(beyond) else len(likeness))]
    best = float(likeness[peaks].max(initial=0.0))
    if best <= 0.0:
        return 0.0, 2000.0
    return best, float(RATE_HZ / peaks[likeness[peaks] >= 0.9 * best][0])
