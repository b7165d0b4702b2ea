"""The players of the demo song: a singing voice, a bass, drums, keys and a room, synthesised from first principles.

Every function returns sound at RATE_HZ in float64, mono (n,) unless it says stereo (2, n), peak about 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

RATE_HZ = 48000
CONTROL_FRAMES = 240
"""The voice's pitch, formants and loudness are decided every 5 ms."""

Sound = NDArray[np.float64]

FORMANTS_HZ = {
    "a": (850, 1250, 2850, 3600, 4600),
    "e": (530, 1950, 2700, 3500, 4500),
    "i": (350, 2300, 3000, 3700, 4700),
    "o": (520, 920, 2800, 3500, 4500),
    "u": (370, 800, 2650, 3400, 4500),
    "n": (290, 1300, 2400, 3300, 4300),
    "l": (380, 1100, 2700, 3400, 4400),
}
"""The first five resonances of a mezzo's vocal tract, for five vowels and two voiced consonants."""
BANDWIDTHS_HZ = (90, 110, 150, 200, 260)


@dataclass(frozen=True, slots=True)
class Syllable:
    """One sung note."""

    start_s: float
    length_s: float
    pitch: float
    """MIDI note number."""
    vowel: str
    onset: str = ""
    """A consonant of FORMANTS_HZ before the vowel, or none."""


def hz(pitch: float) -> float:
    """Frequency of a MIDI note number (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def sing(syllables: Sequence[Syllable], seconds: float, random: np.random.Generator) -> Sound:
    """A voice by the source-filter model (Fant 1960), as a sum of harmonics under five formants.

    Pitch glides between notes, vibrato of 5 Hz grows within long ones, breath flows with the tone and before phrases.
    """
    steps = int(seconds * RATE_HZ) // CONTROL_FRAMES + 1
    time = np.arange(steps) * CONTROL_FRAMES / RATE_HZ
    pitch = np.full(steps, syllables[0].pitch)
    formants = np.tile(np.array(FORMANTS_HZ["a"], np.float64), (steps, 1))
    loud, vibrato, breath = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    end_s = -1.0
    for note in syllables:
        begin, stop = np.searchsorted(time, (note.start_s, note.start_s + note.length_s))
        # the mouth and the vocal folds get ready for the note while nothing is heard yet
        pitch[max(begin - 8, 0) :] = note.pitch
        formants[max(begin - 8, 0) :] = FORMANTS_HZ[note.vowel]
        inside = time[begin:stop] - note.start_s
        loud[begin:stop] = 1.0 + 0.15 * np.sin(np.pi * inside / note.length_s)
        vibrato[begin:stop] = np.clip((inside - 0.18) / 0.35, 0.0, 1.0)
        if note.onset:
            formants[max(begin - 6, 0) : begin + 9] = FORMANTS_HZ[note.onset]
            loud[max(begin - 4, 0) : begin + 9] = 0.3
        if note.start_s - end_s > 0.25:
            breath[max(begin - 70, 0) : max(begin - 16, 0)] = 1.0
        end_s = note.start_s + note.length_s
    pitch = _smooth(pitch, 0.11)
    formants = np.stack([_smooth(track, 0.06) for track in formants.T], axis=1)
    loud, vibrato, breath = _smooth(loud, 0.06), _smooth(vibrato, 0.1), _smooth(breath, 0.18)

    wander = _smooth(random.standard_normal(steps), 0.25) * 0.35
    swing = np.sin(2 * np.pi * np.cumsum(5.2 + wander) * CONTROL_FRAMES / RATE_HZ)
    pitch = pitch + 0.42 * vibrato * swing + 0.35 * _smooth(random.standard_normal(steps), 0.12)
    loud = loud * (1.0 + 0.12 * vibrato * swing)
    f0 = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    formants[:, 0] = np.maximum(formants[:, 0], 1.02 * f0)  # singers open the jaw when the note passes F1

    frames = int(seconds * RATE_HZ)
    at = np.arange(frames) / CONTROL_FRAMES
    control = np.arange(steps)
    phase = 2 * np.pi * np.cumsum(np.interp(at, control, f0)) / RATE_HZ
    voice = np.zeros(frames)
    for k in range(1, int(12000 / f0.min()) + 1):
        tract = _tract(k * f0[:, None], formants)[:, 0]
        glottis = loud**1.2 / k / (1.0 + (k * f0 / 5000.0) ** 2 * (1.4 - np.clip(loud, 0, 1.2)))
        tract *= glottis * np.clip((14000.0 - k * f0) / 2000.0, 0.0, 1.0)
        voice += np.interp(at, control, tract.real) * np.sin(k * phase)
        voice += np.interp(at, control, tract.imag) * np.cos(k * phase)
    voice /= np.abs(voice).max()

    # aspiration: noise through the same tract
    bins, _, noise = signal.stft(random.standard_normal(frames), RATE_HZ, nperseg=960, noverlap=960 - CONTROL_FRAMES)
    width = min(noise.shape[1], steps)
    shape = np.abs(_tract(np.maximum(bins, 1.0)[None, :], formants[:width])).T * np.clip(bins / 1500.0, 0, 1)[:, None]
    flow = 0.35 * loud + 1.0 * breath
    _, air = signal.istft(
        noise[:, :width] * shape * flow[None, :width], RATE_HZ, nperseg=960, noverlap=960 - CONTROL_FRAMES
    )
    air = np.pad(air, (0, max(frames - len(air), 0)))[:frames]
    sung = voice + 0.035 * air / np.abs(air).max()
    return np.asarray(signal.sosfilt(signal.butter(2, 110, "high", fs=RATE_HZ, output="sos"), sung))


def bass_note(pitch: float, seconds: float) -> Sound:
    """A plucked string: harmonics as of a pluck at a fifth of the string, the high ones dying first."""
    time = _time(seconds)
    tone = np.zeros_like(time)
    for k in range(1, 19):
        stiff = k * hz(pitch) * np.sqrt(1 + 1.2e-4 * k * k)
        tone += np.sin(np.pi * 0.21 * k) / k**1.15 * np.exp(-time * (0.5 + 0.6 * k)) * np.sin(2 * np.pi * stiff * time)
    return _ends(tone / 0.9, 0.012, 0.06)


def kick() -> Sound:
    """A bass drum: a falling sine and the click of the beater."""
    time = _time(0.42)
    fall = 2 * np.pi * np.cumsum(52 + 190 * np.exp(-time / 0.022)) / RATE_HZ
    click = np.exp(-time / 0.004) * np.sin(2 * np.pi * 2300 * time)
    return _ends(np.sin(fall) * np.exp(-time / 0.085) + 0.4 * click, 0.001, 0.05)


def snare(random: np.random.Generator) -> Sound:
    """A snare drum: two modes of the skin and the rattle of the wires."""
    time = _time(0.32)
    skin = np.exp(-time / 0.05) * (np.sin(2 * np.pi * 187 * time) + 0.6 * np.sin(2 * np.pi * 329 * time))
    wires = _band(random.standard_normal(len(time)), 1300, 9500) * np.exp(-time / 0.085)
    return _ends(0.55 * skin + 0.8 * wires / np.abs(wires).max(), 0.0008, 0.05)


def cymbal(decay_s: float, low_hz: float, random: np.random.Generator) -> Sound:
    """A hi-hat (short, high) or a crash (long, lower): inharmonic squares and noise."""
    time = _time(min(6 * decay_s, 2.6))
    metal = sum(np.sign(np.sin(2 * np.pi * f * time)) for f in (809.0, 1211.0, 1479.0, 2091.0, 2160.0, 3200.0))
    sound = _band(0.25 * metal + random.standard_normal(len(time)), low_hz, 15500)
    return _ends(sound / np.abs(sound).max() * np.exp(-time / decay_s), 0.0006, 0.02)


def electric_piano(pitch: float, seconds: float, force: float = 1.0) -> Sound:
    """A tine piano by frequency modulation (Chowning 1973): a warm body and a short bright tine."""
    time = _time(seconds)
    f = hz(pitch)
    body = np.sin(2 * np.pi * f * time + 1.1 * force * np.exp(-time / 0.5) * np.sin(2 * np.pi * f * time))
    tine = np.sin(2 * np.pi * f * time + 0.7 * np.exp(-time / 0.07) * np.sin(2 * np.pi * 14 * f * time))
    return _ends(force * (0.75 * body + 0.25 * tine) * np.exp(-time / (1.5 * (60 / pitch))), 0.003, 0.12)


def bell(pitch: float, seconds: float) -> Sound:
    """A small bar struck by a soft mallet, for the arpeggio."""
    time = _time(seconds)
    partials = ((1.0, 1.0, 0.5), (3.0, 0.3, 0.22), (6.27, 0.12, 0.08))
    tone = sum(a * np.exp(-time / d) * np.sin(2 * np.pi * r * hz(pitch) * time) for r, a, d in partials)
    return _ends(np.asarray(tone) / 1.3, 0.002, 0.05)


def strings(pitch: float, seconds: float, random: np.random.Generator) -> Sound:
    """A string section: three detuned saws a side under a gentle filter; stereo (2, n)."""
    time = _time(seconds)
    sides = np.zeros((2, len(time)))
    for side in sides:
        for cents in random.normal(0.0, 7.0, 3):
            f = hz(pitch + cents / 100)
            waver = 0.004 * np.sin(2 * np.pi * (4.6 + random.uniform(-0.5, 0.5)) * time + random.uniform(0, 6))
            start = random.uniform(0, 1)
            for k in range(1, int(5000 / f) + 1):
                level = 1 / k / (1 + (k * f / 1400.0) ** 2)
                side += level * np.sin(2 * np.pi * k * (f * time + start) + k * f * waver / 5)
    sides /= np.abs(sides).max()
    return np.stack([_ends(side, 0.25, 0.45) for side in sides])


def room(dry: Sound, decay_s: float, random: np.random.Generator) -> Sound:
    """The reverberation of a stereo sound (2, n): decaying noise, another one a side (Moorer 1979); same length."""
    time = _time(1.3 * decay_s)
    wet = np.zeros_like(dry)
    for side in (0, 1):
        tail = _band(random.standard_normal(len(time)), 250, 5500) * np.exp(-6.9 * time / decay_s)
        tail = np.concatenate([np.zeros(int(0.015 * RATE_HZ)), tail / np.sqrt(np.sum(tail**2))])
        wet[side] = signal.fftconvolve(dry[side], tail)[: dry.shape[1]]
    return wet


def _tract(frequency_hz: Sound, formants: Sound) -> NDArray[np.complex128]:
    """Response of five resonators in a row; frequency (t or 1, f), formants (t, 5), result (t, f)."""
    response: NDArray[np.complex128] = np.ones(
        np.broadcast_shapes(frequency_hz.shape, (len(formants), 1)), np.complex128
    )
    for i, width in enumerate(BANDWIDTHS_HZ):
        centre = formants[:, i : i + 1]
        response *= centre**2 / (centre**2 - frequency_hz**2 + 1j * frequency_hz * width)
    return response


def _smooth(track: Sound, seconds: float) -> Sound:
    """A control track, averaged under a Hann window of this length."""
    window = np.hanning(int(seconds * RATE_HZ / CONTROL_FRAMES) + 2)[1:-1]
    padded = np.pad(track, len(window), mode="edge")
    return np.convolve(padded, window / window.sum(), "same")[len(window) : -len(window)]


def _time(seconds: float) -> Sound:
    return np.arange(int(seconds * RATE_HZ)) / RATE_HZ


def _band(sound: Sound, low_hz: float, high_hz: float) -> Sound:
    return np.asarray(signal.sosfilt(signal.butter(2, (low_hz, high_hz), "band", fs=RATE_HZ, output="sos"), sound))


def _ends(sound: Sound, attack_s: float, release_s: float) -> Sound:
    """The sound with a raised-cosine beginning and end, so that nothing clicks."""
    for seconds, part in ((attack_s, sound), (release_s, sound[::-1])):
        count = min(int(seconds * RATE_HZ), len(sound))
        part[:count] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(count, 1))
    return sound
