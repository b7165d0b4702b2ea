"""Synthesisers: wavetables with a brightness envelope, sub-basses, and plucked strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from stemfield.separation.music.composition import Note
from stemfield.separation.music.effects import RATE_HZ, Audio, Random, add

_TABLE = 2048


@dataclass(frozen=True, slots=True)
class Patch:
    """Settings of the wavetable synthesiser."""

    spectrum: str
    """saw, square, triangle, sine, organ or glass."""
    detuned: tuple[float, ...]
    """Frequency ratios of the oscillators."""
    attack_s: float
    release_s: float
    bright_hz: float
    """Cut-off frequency of the harmonics at the start of a note."""
    dull_hz: float
    """Cut-off frequency after the decay."""
    decay_s: float
    sustain: float
    vibrato_semitones: float


def patch(random: Random, role: str) -> Patch:
    """Random patch for `bass`, `pad`, `keys` or `lead`."""
    spectra = {
        "bass": ["saw", "square", "sine", "triangle"],
        "pad": ["saw", "square", "organ", "triangle"],
        "keys": ["glass", "organ", "triangle", "square", "saw"],
        "lead": ["saw", "square", "sine", "triangle"],
    }
    slow = role == "pad"
    voices = int(random.choice([1, 2, 3] if role in ("bass", "lead") else [1, 2, 3, 5]))
    bright = float(np.exp(random.uniform(np.log(500.0), np.log(9000.0))))
    return Patch(
        spectrum=str(random.choice(spectra[role])),
        detuned=tuple(
            float(2.0 ** (cents / 1200.0)) for cents in random.normal(0.0, 7.0 if voices > 1 else 0.0, voices)
        ),
        attack_s=float(random.uniform(0.1, 0.7) if slow else random.uniform(0.002, 0.03)),
        release_s=float(random.uniform(0.2, 1.2) if slow else random.uniform(0.03, 0.3)),
        bright_hz=bright,
        dull_hz=bright * float(random.uniform(0.15, 1.0)),
        decay_s=float(np.exp(random.uniform(np.log(0.08), np.log(2.0)))),
        sustain=float(random.uniform(0.5, 1.0) if slow or role == "lead" else random.uniform(0.0, 1.0)),
        vibrato_semitones=float(random.choice([0.0, random.uniform(0.05, 0.3)])) if role == "lead" else 0.0,
    )


def play(notes: Sequence[Note], frames: int, sound: Patch, random: Random) -> Audio:
    """Render the notes in mono, shape (frames,)."""
    out = np.zeros(frames)
    for note in notes:
        hz = 440.0 * 2.0 ** ((note.pitch - 69) / 12.0)
        time = np.arange(int((note.length_s + sound.release_s) * RATE_HZ)) / RATE_HZ
        bend = np.ones(len(time))
        if sound.vibrato_semitones:
            bend = 2.0 ** (sound.vibrato_semitones / 12.0 * np.sin(2 * np.pi * 5.3 * time) * np.clip(time / 0.4, 0, 1))
        bright, dull = (_wave(sound.spectrum, hz, cut) for cut in (sound.bright_hz, sound.dull_hz))
        tone, darker = np.zeros(len(time)), np.zeros(len(time))
        turns = np.cumsum(np.broadcast_to(hz * bend / RATE_HZ, time.shape))
        for ratio in sound.detuned:
            place = ((turns * ratio + random.random()) % 1.0) * _TABLE
            index = place.astype(np.int64)
            tone += bright[index]
            darker += dull[index]
        fall = np.exp(-time / sound.decay_s)
        tone = tone * fall + darker * (1.0 - fall)
        level = np.minimum(time / sound.attack_s, 1.0) * (sound.sustain + (1.0 - sound.sustain) * fall)
        level *= np.where(time < note.length_s, 1.0, np.exp(-(time - note.length_s) / (0.25 * sound.release_s)))
        add(out, note.start_s, (0.3 + 0.7 * note.velocity) / len(sound.detuned) * (tone * level))
    return out


def sub_bass(notes: Sequence[Note], frames: int, random: Random) -> Audio:
    """Render a bass of long, saturated kick drums (808) in mono; each note begins higher and may glide to the next."""
    out = np.zeros(frames)
    decay_s, drop = random.uniform(0.25, 1.6), random.uniform(0.0, 14.0)
    drop_s, glides = random.uniform(0.008, 0.04), random.random() < 0.3
    drive = float(np.exp(random.uniform(np.log(0.3), np.log(6.0))))
    for note, after in zip(notes, [*notes[1:], None], strict=True):
        time = np.arange(int(min(note.length_s + 0.05, 4.0 * decay_s) * RATE_HZ)) / RATE_HZ
        pitch = note.pitch + drop * np.exp(-time / drop_s)
        if glides and after and abs(after.pitch - note.pitch) <= 12:
            late = np.clip((time - 0.7 * note.length_s) / max(0.3 * note.length_s, 1e-3), 0.0, 1.0)
            pitch = pitch + (after.pitch - note.pitch) * late
        phase = 2 * np.pi * np.cumsum(440.0 * 2.0 ** ((pitch - 69) / 12.0)) / RATE_HZ
        tone = np.tanh(drive * np.sin(phase)) / np.tanh(drive) * np.exp(-time / decay_s)
        fade = min(int(0.02 * RATE_HZ), len(time))
        tone[len(tone) - fade :] *= np.linspace(1.0, 0.0, fade)
        add(out, note.start_s, (0.3 + 0.7 * note.velocity) * tone)
    return out


def pluck(notes: Sequence[Note], frames: int, random: Random) -> Audio:
    """Render plucked strings in mono.

    Karplus and Strong, "Digital synthesis of plucked-string and drum timbres" (Computer Music Journal 7, 1983).
    """
    out = np.zeros(frames)
    soft, ring, at = random.uniform(0.1, 0.9), random.uniform(0.985, 0.998), random.uniform(0.08, 0.4)
    for note in notes:
        period = RATE_HZ * 2.0 ** (-(note.pitch - 69) / 12.0) / 440.0
        whole = int(period - 0.5)
        frames_left = int((note.length_s + 0.1) * RATE_HZ)
        burst = np.zeros(frames_left)
        noise = signal.lfilter([1.0 - soft], [1.0, -soft], random.uniform(-1, 1, whole))
        burst[: min(whole, frames_left)] = noise[:frames_left]
        late = max(int(at * whole), 1)
        burst[late:] -= burst[:-late]
        part_of = period - 0.5 - whole
        loop = np.zeros(whole + 3)
        loop[0] = 1.0
        loop[whole : whole + 3] -= ring * np.convolve([0.5, 0.5], [1.0 - part_of, part_of])
        tone = signal.lfilter([1.0], loop, burst)
        fade = min(int(0.08 * RATE_HZ), frames_left)
        tone[frames_left - fade :] *= np.linspace(1.0, 0.0, fade)
        add(out, note.start_s, note.velocity * tone)
    return out


def _wave(spectrum: str, hz: float, cut_hz: float) -> Audio:
    """One period of a waveform with harmonics up to 16 kHz, low-passed at `cut_hz`."""
    count = max(min(int(16000.0 / hz), _TABLE // 2 - 1), 1)
    number = np.arange(1, count + 1)
    match spectrum:
        case "saw":
            level = 1.0 / number
        case "square":
            level = np.where(number % 2, 1.0 / number, 0.0)
        case "triangle":
            level = np.where(number % 2, 1.0 / number**2.0, 0.0)
        case "organ":
            level = np.isin(number, (1, 2, 3, 4, 6, 8)) / np.sqrt(number)
        case "glass":
            level = np.isin(number, (1, 4, 7, 11)) / number**1.2
        case _:
            level = (number == 1) * 1.0
    level = level / (1.0 + (number * hz / max(cut_hz, 1.5 * hz)) ** 4) ** 0.5
    bins = np.zeros(_TABLE // 2 + 1, np.complex128)
    bins[1 : count + 1] = -1j * level
    wave = np.fft.irfft(bins)
    return np.asarray(wave / np.abs(wave).max())
