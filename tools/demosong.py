"""Makes the demo song: composed here, played by `instruments`, sung by a recorded voice, written as four true stems.

`python -m tools.demosong FOLDER --voices VOICES` makes the shipped files; it needs the extra `train` and the recordings
of VOICE, which are in the public domain.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import Progress
from scipy import signal

from tools import instruments as play

STEMS = ("vocals", "bass", "drums", "other")
SECONDS = 24.0
BEAT_S = 60.0 / 96.0
BAR_S = 4 * BEAT_S
PEAK = 0.88
VOICE = "rhasspy/dataset-voice-kerstin"
"""Repository of the sung voice: CC0 1.0."""

Sound = NDArray[np.float64]

# (bar, beat, length in beats, bass pitch, chord): A minor and F, C, G for the verse; the second half climbs to C.
CHORDS: tuple[tuple[int, float, float, int, tuple[int, ...]], ...] = (
    (0, 0, 4, 33, (57, 60, 64, 67)),
    (1, 0, 4, 29, (57, 60, 64, 65)),
    (2, 0, 4, 36, (55, 60, 64, 67)),
    (3, 0, 4, 31, (55, 59, 62, 67)),
    (4, 0, 4, 29, (57, 60, 65, 69)),
    (5, 0, 4, 31, (55, 59, 62, 67)),
    (6, 0, 2, 28, (55, 59, 62, 64)),
    (6, 2, 2, 33, (57, 60, 64, 67)),
    (7, 0, 2, 38, (57, 60, 62, 65)),
    (7, 2, 2, 31, (55, 59, 62, 65)),
    (8, 0, 5.5, 36, (55, 60, 62, 64)),
)

# (bar, beat, length in beats, pitch)
MELODY: tuple[tuple[int, float, float, int], ...] = (
    (0, 0.5, 0.5, 64), (0, 1.0, 0.5, 67), (0, 1.5, 1.5, 69), (0, 3.0, 0.5, 67),
    (0, 3.5, 0.5, 64), (1, 0.0, 1.0, 69), (1, 1.0, 1.0, 72), (1, 2.0, 0.5, 69),
    (1, 2.5, 1.0, 67), (2, 0.0, 0.5, 67), (2, 0.5, 0.5, 64), (2, 1.0, 1.0, 67),
    (2, 2.0, 0.5, 64), (2, 2.5, 0.5, 62), (2, 3.0, 1.0, 60), (3, 0.0, 2.25, 62),
    (3, 3.0, 0.5, 64), (3, 3.5, 0.5, 67),
    (4, 0.0, 1.0, 69), (4, 1.0, 1.5, 72), (4, 2.5, 0.5, 69), (4, 3.0, 0.75, 65),
    (5, 0.0, 0.5, 71), (5, 0.5, 0.5, 71), (5, 1.0, 1.5, 74), (5, 2.5, 0.5, 71),
    (5, 3.0, 0.75, 67), (6, 0.0, 0.5, 64), (6, 0.5, 0.5, 67), (6, 1.0, 1.0, 71),
    (6, 2.0, 1.5, 72), (6, 3.5, 0.5, 69), (7, 0.0, 1.0, 69), (7, 1.0, 0.5, 65),
    (7, 1.5, 0.5, 62), (7, 2.0, 0.5, 67), (7, 2.5, 1.5, 71), (8, 0.0, 4.0, 72),
)  # fmt: skip


def compose(
    sing: Callable[[np.random.Generator], Sound], seed: int = 7, done: Callable[[str], None] = lambda _stem: None
) -> NDArray[np.float32]:
    """Play the song.

    Args:
        sing: returns the melody, mono, 24 s at 48 kHz, peak 1.
        seed: seed of breath, noise and the room; the notes are always the same.
        done: called with the name of each finished stem.

    Returns:
        Shape (4, 2, 24 s x 48 kHz): the stems in the order of STEMS. All values are multiples of
        2^-15, so 16-bit files hold them and their sum exactly; the sum peaks at 0.88 or below.
    """
    players = {"vocals": lambda random: _vocals(sing(random), random), "bass": _bass, "drums": _drums, "other": _other}
    stems = []
    for number, name in enumerate(STEMS):
        stems.append(players[name](np.random.default_rng([seed, number])))
        done(name)
    sound = np.stack(stems)
    fade_s = 2.2
    late = np.clip((np.arange(sound.shape[2]) / play.RATE_HZ - (SECONDS - fade_s)) / fade_s, 0.0, 1.0)
    sound *= 0.5 + 0.5 * np.cos(np.pi * late)
    sound *= (PEAK - 4 / 32768) / np.abs(sound.sum(axis=0)).max()
    return (np.round(sound * 32768) / 32768).astype(np.float32)


def write(stems: NDArray[np.float32], folder: Path) -> list[Path]:
    """Write each stem of `compose` as FLAC, 16 bit; returns the paths in the order of the stems."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.flac" for name in STEMS]
    for stem, path in zip(stems, paths, strict=True):
        soundfile.write(path, stem.T, play.RATE_HZ, subtype="PCM_16", compression_level=1.0)
    return paths


def main() -> None:
    """Make the files in a folder."""
    parser = argparse.ArgumentParser(prog="python -m tools.demosong", description="Make the demo song.")
    parser.add_argument("folder", type=Path, help="folder for the four FLAC files")
    parser.add_argument("--voices", type=Path, required=True, help="folder of recorded voices")
    options = parser.parse_args()
    folder: Path = options.folder
    sing = sung_by(options.voices)
    with Progress() as progress:
        task = progress.add_task("playing", total=len(STEMS))
        stems = compose(sing, done=lambda name: progress.update(task, advance=1, description=f"played {name}"))
    for path in write(stems, folder):
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _at(bar: int, beat: float) -> float:
    return bar * BAR_S + beat * BEAT_S


def _silence() -> Sound:
    return np.zeros((2, int(SECONDS * play.RATE_HZ)))


def _add(stem: Sound, start_s: float, sound: Sound, gain: float = 1.0, pan: float = 0.0) -> None:
    """Mix a mono or stereo sound into a stem; pan -1 left, 1 right, constant power."""
    if sound.ndim == 1:
        angle = np.pi / 4 * (1 + pan)
        sound = np.sqrt(2) * np.stack([np.cos(angle) * sound, np.sin(angle) * sound])
    start = max(int(start_s * play.RATE_HZ), 0)
    part = stem[:, start : start + sound.shape[1]]
    part += gain * sound[:, : part.shape[1]]


def _vocals(melody: Sound, random: np.random.Generator) -> Sound:
    stem = _silence()
    _add(stem, 0.0, melody, 1.7)
    return stem + 0.16 * play.room(stem, 1.5, random)


def sung_by(voices: Path) -> Callable[[np.random.Generator], Sound]:
    """A recorded voice that sings the melody, for `compose`.

    Args:
        voices: folder that contains the folder of VOICE.

    Raises:
        ValueError: there are no recordings of VOICE.
    """
    from stemfield.separation.music import effects, singing
    from stemfield.separation.music.composition import Note
    from stemfield.separation.music.sources import recordings
    from stemfield.separation.music.voices import RATE_HZ, build

    said = [
        (VOICE, path) for source, path in recordings(voices, "speech", held_out=False) if source.repository == VOICE
    ]
    if not said:
        raise ValueError(f"{voices}: no recordings of {VOICE} in a folder named {VOICE.replace('/', '+')}")
    bank = build(said)

    def sing(random: np.random.Generator) -> Sound:
        notes = [Note(_at(bar, beat) + float(random.normal(0.0, 0.008)), length * BEAT_S - 0.02, pitch, 0.8)
                 for bar, beat, length, pitch in MELODY]  # fmt: skip
        voice = replace(singing.singer(bank, random), vibrato_hz=5.2, vibrato_semitones=0.4, jitter_semitones=0.03)
        sound = singing.sing(voice, notes, int(SECONDS * RATE_HZ), random, words=3)
        sound = sound * effects.compression(sound, -24.0, 4.0, 0.005, 0.12)
        sound = signal.resample_poly(sound, play.RATE_HZ, RATE_HZ)
        return np.asarray(sound / np.abs(sound).max())

    return sing


def _bass(random: np.random.Generator) -> Sound:
    stem = _silence()
    for bar, beat, length, root, _ in CHORDS:
        if bar == 8:
            pattern = [(0.0, 5.0, 0)]
        elif length == 2:
            pattern = [(0.0, 0.95, 0), (1.0, 0.45, 0), (1.5, 0.45, 7)]
        elif bar < 4:
            pattern = [(0.0, 1.4, 0), (1.5, 0.45, 0), (2.5, 0.9, 7), (3.5, 0.45, 12)]
        else:
            pattern = [(0.0, 0.9, 0), (1.0, 0.45, 12), (1.5, 0.9, 0), (2.5, 0.45, 7), (3.0, 0.45, 0), (3.5, 0.45, 12)]
        for offset, held, interval in pattern:
            force = 0.42 * float(random.uniform(0.85, 1.0))
            _add(stem, _at(bar, beat + offset), play.bass_note(root + interval, held * BEAT_S), force)
    return stem


def _drums(random: np.random.Generator) -> Sound:
    stem = _silence()
    for bar in range(8):
        kicks = [0.0, 2.5] if bar < 4 else [0.0, 1.5, 2.5]
        snares = [(1.0, 1.0), (3.0, 1.0)] + ([(3.75, 0.35)] if bar % 2 else [])
        if bar == 3:
            snares += [(3.25, 0.45), (3.5, 0.7)]
        if bar == 7:
            snares += [(2.5, 0.5), (3.25, 0.6), (3.5, 0.8), (3.75, 1.0)]
        for beat in kicks:
            _add(stem, _at(bar, beat), play.kick(), 0.75)
        for beat, force in snares:
            _add(stem, _at(bar, beat), play.snare(random), 0.52 * force, 0.05)
        for eighth in range(8):
            opened = bar % 2 == 1 and eighth == 7
            force = (0.22 if eighth % 2 == 0 else 0.14) * float(random.uniform(0.85, 1.1))
            _add(stem, _at(bar, eighth / 2), play.cymbal(0.16 if opened else 0.03, 6500, random), force, 0.35)
    for bar in (4, 8):
        _add(stem, _at(bar, 0), play.cymbal(0.55, 3200, random), 0.26, -0.4)
    _add(stem, _at(8, 0), play.kick(), 0.75)
    return stem + 0.12 * play.room(stem, 0.5, random)


def _other(random: np.random.Generator) -> Sound:
    keys, section, bells = _silence(), _silence(), _silence()
    for bar, beat, length, _, chord in CHORDS:
        strokes = [(0.0, length)] if bar == 8 else [(0.0, min(length, 1.5)), (1.5, length - 1.5)]
        for offset, held in strokes:
            for voice, pitch in enumerate(chord):
                tone = play.electric_piano(pitch, held * BEAT_S + 0.1, 0.85 if offset else 1.0)
                strum = 0.012 * voice
                _add(keys, _at(bar, beat + offset) + strum, tone, 0.14, (-0.9, 0.8, -0.7, 0.9)[voice])
        if bar >= 4:
            for pitch in chord:
                _add(section, _at(bar, beat), play.strings(pitch, length * BEAT_S + 0.35, random), 0.08)
        arpeggio = (0, 2, 1, 3) if bar < 8 else (0, 1, 2, 3, 2, 1, 2, 3)
        for step in range(int(2 * length) if bar % 2 or bar >= 4 else 0):
            pitch = chord[arpeggio[step % len(arpeggio)]] + 12
            _add(bells, _at(bar, beat + step / 2), play.bell(pitch, 0.8), 0.075, 0.9 if step % 2 else -0.9)
    time = np.arange(keys.shape[1]) / play.RATE_HZ
    tremolo = 0.18 * np.sin(2 * np.pi * 4.3 * time)
    stem = keys * np.stack([1 + tremolo, 1 - tremolo]) + section + bells
    return stem + 0.25 * play.room(stem, 1.6, random)


if __name__ == "__main__":
    main()
