"""The instruments of the demo song: bass, drums, keys and a room, synthesised from first principles.

Every function returns audio at RATE_HZ in float64, mono (n,) or where stated stereo (2, n), with a peak of about 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

RATE_HZ = 48000
Sound = NDArray[np.float64]


def hz(pitch: float) -> float:
    """Frequency of a MIDI note number (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


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
