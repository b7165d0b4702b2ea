"""Synthesis of the vocal stem: lead, doubles, harmonies and choir, and their effects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from stemfield.separation.music import effects, singing
from stemfield.separation.music.composition import SECTIONS, Composition, Note
from stemfield.separation.music.effects import RATE_HZ, Audio, Random
from stemfield.separation.music.singing import Singer
from stemfield.separation.music.voices import VoiceBank

SUNG_SECTIONS = ("verse", "chorus")
PROCESSED = 0.12
"""Share of the voices that are distorted or narrowed."""
FAR = 0.12
"""Share of the reverberant voices with more reverb than voice."""


class VocalSynthesiser:
    """Renders the vocals of compositions.

    Args:
        bank: voices for singing.
        songs: recordings of singing, which are used unchanged.
    """

    def __init__(self, bank: VoiceBank, songs: Sequence[Path] = ()) -> None:
        self._bank = bank
        self._songs = tuple(songs)

    def singer(self, random: Random) -> Singer:
        """A random singer."""
        return singing.singer(self._bank, random)

    def vocals(self, song: Composition, random: Random) -> Audio:
        """Vocal stem, shape (2, frames)."""
        if self._songs and random.random() < 0.6:
            return process(_random_excerpt(self._songs, song.frames, random), song.step_s, random)
        lead = singing.singer(self._bank, random)
        if random.random() < 0.17:
            spans = [(bar.number * song.steps * song.step_s, (bar.number + 0.95) * song.steps * song.step_s)
                     for bar in song.bars if bar.section in SUNG_SECTIONS]  # fmt: skip
            return process(singing.speak(lead, spans, song.frames, random), song.step_s, random)
        low, high = round(lead.center) - int(random.integers(5, 9)), round(lead.center) + int(random.integers(5, 10))
        sections = SECTIONS if random.random() < 0.3 else SUNG_SECTIONS
        tune = song.melody(low, high, sections, float(random.uniform(0.25, 0.75)))
        return self.sing(lead, tune, song.frames, song.step_s, random, song)

    def sing(
        self,
        lead: Singer,
        tune: Sequence[Note],
        frames: int,
        step_s: float,
        random: Random,
        song: Composition | None = None,
    ) -> Audio:
        """Sing a tune with effects, and perhaps with doubles, harmonies and a choir, shape (2, frames).

        Args:
            lead: the singer.
            tune: notes in order of time.
            frames: length of the result.
            step_s: duration of a sixteenth, for echoes.
            random: source of the random choices.
            song: its harmony; none for no harmonies and no choir.
        """
        words = int(random.integers(1 << 30))
        sung = singing.sing(lead, tune, frames, random, words)
        stem = process(sung, step_s, random)
        chorus = [note for note in tune if random.random() < 0.97]
        if random.random() < 0.3:  # double tracking, left and right
            for side in (-1, 1):
                double = singing.sing(lead, replayed(tune, random), frames, random, words)
                stem += _panned_voice(stem, double, random.uniform(-12, -4), side * random.uniform(0.3, 1.0))
        if song and random.random() < 0.3:
            for steps in random.choice([-5, -2, 2, 4, 7], int(random.integers(1, 3)), replace=False):
                other = lead if random.random() < 0.5 else singing.singer(self._bank, random)
                harmony = singing.sing(other, song.harmony(chorus, int(steps)), frames, random, words)
                stem += _panned_voice(stem, harmony, random.uniform(-14, -4), random.uniform(-0.9, 0.9))
        if song and random.random() < 0.12:
            chords = song.accompaniment(round(lead.center), "pad")
            choir = np.zeros_like(stem)
            for _ in range(4):
                voice = singing.singer(self._bank, random)
                mine = [note for note in chords if random.random() < 0.5]
                mine = [note for before, note in zip([None, *mine], mine, strict=False)
                        if before is None or note.start_s > before.start_s + 0.2]  # fmt: skip
                choir += effects.pan(singing.sing(voice, mine, frames, random), random.uniform(-0.9, 0.9))
            choir = effects.reverb(choir, random, random.uniform(0.8, 2.2), random.uniform(0.2, 0.6))
            stem += choir * 10 ** (
                (effects.loudness_db(stem) - effects.loudness_db(choir) + random.uniform(-14, -3)) / 20
            )
        return stem


def process(voice: Audio, step_s: float, random: Random) -> Audio:
    """Vocal chain: equaliser, compressor, saturation, pan, echo and reverb."""
    voice = effects.high_pass(voice, random.uniform(80.0, 220.0))
    voice = effects.random_eq(voice, random, 4.0, 150.0, 9000.0)
    if random.random() < 0.85:
        voice = effects.compress(voice, random, 20.0)
    if random.random() < 0.25:
        voice = effects.saturate(voice, float(np.exp(random.uniform(np.log(0.5), np.log(6.0)))))
    if random.random() < PROCESSED:
        voice = _distorted(voice, random)
    placed = effects.pan(voice, float(random.choice([0.0, random.normal(0.0, 0.12)], p=[0.75, 0.25])))
    if random.random() < 0.35:
        seconds = step_s * float(random.choice([2, 3, 4]))
        placed = effects.echo(placed, random, seconds, random.uniform(0.1, 0.4))
    if random.random() < 0.85:
        wet = random.uniform(0.5, 1.6) if random.random() < FAR else random.uniform(0.03, 0.35)
        placed = effects.reverb(placed, random, random.uniform(0.3, 2.5), wet)
    return placed


def _distorted(voice: Audio, random: Random) -> Audio:
    """A voice as through a telephone, a distorted amplifier, or a chorus."""
    way = int(random.integers(3))
    if way == 0:
        narrow = effects.high_pass(voice, random.uniform(250.0, 600.0), 3)
        return effects.saturate(effects.low_pass(narrow, random.uniform(2500.0, 4500.0), 3), random.uniform(0.5, 8.0))
    if way == 1:
        return effects.amplifier(voice, random, random.uniform(3.0, 25.0))
    return np.asarray(effects.chorus(voice, random).mean(axis=0))


def replayed(notes: Sequence[Note], random: Random) -> list[Note]:
    """The same notes with new timing deviations."""
    return [
        Note(max(note.start_s + float(random.normal(0.0, 0.012)), 0.0), note.length_s, note.pitch, note.velocity)
        for note in notes
    ]


def _panned_voice(stem: Audio, voice: Audio, gain_db: float, position: float) -> Audio:
    """An additional voice, at a level relative to the stem, panned."""
    gain = 10 ** ((effects.loudness_db(stem) - effects.loudness_db(voice) + gain_db) / 20)
    return effects.pan(voice * min(gain, 100.0), float(position))


def _random_excerpt(songs: Sequence[Path], frames: int, random: Random) -> Audio:
    """Random excerpt of a recording, mono, repeated if it is too short."""
    sound, rate_hz = soundfile.read(songs[int(random.integers(len(songs)))], always_2d=True)
    mono = signal.resample_poly(sound.mean(axis=1), RATE_HZ, rate_hz)
    return np.resize(np.roll(mono, -int(random.integers(len(mono)))), frames)
