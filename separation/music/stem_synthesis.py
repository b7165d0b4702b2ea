"""Synthesis of the stems of a composition: choice of instruments and voices, and their effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from stemfield.separation.music import drumkits, effects, singing, synths
from stemfield.separation.music.composition import SECTIONS, Composition, Note
from stemfield.separation.music.drumkits import Collection
from stemfield.separation.music.effects import RATE_HZ, Audio, Random
from stemfield.separation.music.samples import SampledInstrument, instruments
from stemfield.separation.music.soundfonts import BASSES, DRUM_PROGRAMS, PROGRAMS, Soundfonts
from stemfield.separation.music.sources import recordings
from stemfield.separation.music.voices import VoiceBank

SUNG_SECTIONS = ("verse", "chorus")


@dataclass(frozen=True, slots=True)
class Instruments:
    """Sampled instruments by kind, and pieces of drum kits."""

    bass: tuple[SampledInstrument, ...]
    guitar: tuple[SampledInstrument, ...]
    keys: tuple[SampledInstrument, ...]
    other: tuple[SampledInstrument, ...]
    drums: Collection


def find_instruments(root: Path | None, *, held_out: bool) -> Instruments:
    """Sampled instruments below a folder; none without a folder.

    Kinds without held-out recordings are empty for validation music.
    """

    def files(kind: str) -> list[tuple[str, Path]]:
        found = recordings(root, kind, held_out=held_out) if root else ()
        return [(source.folder, path) for source, path in found]

    bass, guitar, keys, other = (instruments(files(kind)) for kind in ("bass", "guitar", "keys", "other"))
    return Instruments(bass, guitar, keys, other, drumkits.collection(files("drums")))


class StemSynthesiser:
    """Renders the stems of compositions.

    Args:
        bank: voices for singing.
        recorded: sampled instruments.
        soundfonts: None for none.
        songs: recordings of singing, which are used unchanged.
    """

    def __init__(
        self, bank: VoiceBank, recorded: Instruments, soundfonts: Soundfonts | None, songs: Sequence[Path] = ()
    ) -> None:
        self._bank = bank
        self._recorded = recorded
        self._soundfonts = soundfonts
        self._songs = tuple(songs)

    def drums(self, song: Composition, random: Random) -> Audio:
        """Drum stem, shape (2, frames)."""
        hits = song.drums()
        ways: list[Callable[[], Audio]] = []
        if self._recorded.drums["kick"]:
            width = float(random.uniform(0.1, 1.0))
            ways += [lambda: drumkits.Kit(self._recorded.drums, random, width).play(hits, song.frames)] * 6
        if self._soundfonts:
            fonts = self._soundfonts
            font, program = int(random.integers(len(fonts))), int(random.choice(DRUM_PROGRAMS))
            ways += [lambda: fonts.drums(hits, song.frames, font, program)] * 2
        ways += [lambda: drumkits.play_drum_machine(random, hits, song.frames)] * 2
        sound = ways[int(random.integers(len(ways)))]()
        if random.random() < 0.15:
            sound = sound + 10 ** (random.uniform(-10, 0) / 20) * ways[int(random.integers(len(ways)))]()
        sound = effects.random_eq(sound, random, 4.0, 60.0, 12000.0)
        if random.random() < 0.6:
            sound = effects.compress(sound, random)
        if random.random() < 0.25:
            sound = effects.saturate(sound, random.uniform(0.5, 5.0))
        if random.random() < 0.6:
            sound = effects.reverb(sound, random, random.uniform(0.15, 1.2), random.uniform(0.03, 0.35))
        return effects.widen(sound, random.uniform(0.3, 1.2))

    def bass(self, song: Composition, random: Random) -> Audio:
        """Bass stem, shape (2, frames)."""
        notes, frames = song.bass(), song.frames
        ways: list[Callable[[], Audio]] = [lambda: synths.play(notes, frames, synths.patch(random, "bass"), random)] * 3
        ways += [lambda: synths.pluck(notes, frames, random)]
        if self._recorded.bass:
            player = self._recorded.bass[int(random.integers(len(self._recorded.bass)))]
            ways += [lambda: player.play(notes, frames, random)] * 8
        if self._soundfonts:
            fonts = self._soundfonts
            ways += [
                lambda: fonts.play(notes, frames, int(random.integers(len(fonts))), int(random.choice(BASSES))).mean(
                    axis=0
                )
            ] * 3
        sound = ways[int(random.integers(len(ways)))]()
        if random.random() < 0.35:
            sound = effects.amplifier(sound, random, float(np.exp(random.uniform(np.log(0.5), np.log(12.0)))))
        sound = effects.random_eq(sound, random, 5.0, 50.0, 4000.0)
        if random.random() < 0.6:  # most recordings have little treble in the bass
            sound = effects.tilt(sound, random.uniform(250.0, 900.0), random.uniform(-24.0, -3.0))
        if random.random() < 0.7:
            sound = effects.compress(sound, random)
        if random.random() < 0.15:
            return effects.widen(effects.chorus(sound, random), random.uniform(0.1, 0.8))
        return effects.pan(sound, float(random.choice([0.0, random.normal(0.0, 0.1)], p=[0.8, 0.2])))

    def other(self, song: Composition, random: Random) -> Audio:
        """Stem of all other instruments, shape (2, frames)."""
        stem = np.zeros((2, song.frames))
        for part in range(int(random.choice([1, 2, 3, 4, 5], p=[0.1, 0.26, 0.32, 0.22, 0.1]))):
            sound = self._part(song, random, leading=part > 0 and random.random() < 0.35)
            level = effects.loudness_db(sound)
            if level > -100.0:
                stem += sound * 10 ** ((random.normal(-20.0 - 2.0 * (part > 0), 3.0) - level) / 20)
        if random.random() < 0.3:
            stem = effects.compress(stem, random)
        return stem

    def vocals(self, song: Composition, random: Random) -> Audio:
        """Vocal stem, shape (2, frames)."""
        if self._songs and random.random() < 0.6:
            return self._processed_voice(_random_excerpt(self._songs, song.frames, random), song, random)
        lead = singing.singer(self._bank, random)
        if random.random() < 0.17:
            spans = [(bar.number * song.steps * song.step_s, (bar.number + 0.95) * song.steps * song.step_s)
                     for bar in song.bars if bar.section in SUNG_SECTIONS]  # fmt: skip
            return self._processed_voice(singing.speak(lead, spans, song.frames, random), song, random)
        low, high = round(lead.center) - int(random.integers(5, 9)), round(lead.center) + int(random.integers(5, 10))
        sections = SECTIONS if random.random() < 0.3 else SUNG_SECTIONS
        tune = song.melody(low, high, sections, float(random.uniform(0.25, 0.75)))
        words = int(random.integers(1 << 30))
        sung = singing.sing(lead, tune, song.frames, random, words)
        stem = self._processed_voice(sung, song, random)
        chorus = [note for note in tune if random.random() < 0.97]
        if random.random() < 0.3:  # double tracking, left and right
            for side in (-1, 1):
                double = singing.sing(lead, _replayed(tune, random), song.frames, random, words)
                stem += _panned_voice(stem, double, random.uniform(-12, -4), side * random.uniform(0.3, 1.0))
        if random.random() < 0.3:
            for steps in random.choice([-5, -2, 2, 4, 7], int(random.integers(1, 3)), replace=False):
                other = lead if random.random() < 0.5 else singing.singer(self._bank, random)
                harmony = singing.sing(other, song.harmony(chorus, int(steps)), song.frames, random, words)
                stem += _panned_voice(stem, harmony, random.uniform(-14, -4), random.uniform(-0.9, 0.9))
        if random.random() < 0.12:
            chords = song.accompaniment(round(lead.center), "pad")
            choir = np.zeros_like(stem)
            for _ in range(4):
                voice = singing.singer(self._bank, random)
                mine = [note for note in chords if random.random() < 0.5]
                mine = [note for before, note in zip([None, *mine], mine, strict=False)
                        if before is None or note.start_s > before.start_s + 0.2]  # fmt: skip
                choir += effects.pan(singing.sing(voice, mine, song.frames, random), random.uniform(-0.9, 0.9))
            choir = effects.reverb(choir, random, random.uniform(0.8, 2.2), random.uniform(0.2, 0.6))
            stem += choir * 10 ** (
                (effects.loudness_db(stem) - effects.loudness_db(choir) + random.uniform(-14, -3)) / 20
            )
        return stem

    def _processed_voice(self, voice: Audio, song: Composition, random: Random) -> Audio:
        """Vocal chain: equaliser, compressor, saturation, pan, echo and reverb."""
        voice = effects.high_pass(voice, random.uniform(80.0, 220.0))
        voice = effects.random_eq(voice, random, 4.0, 150.0, 9000.0)
        if random.random() < 0.85:
            voice = effects.compress(voice, random, 20.0)
        if random.random() < 0.25:
            voice = effects.saturate(voice, float(np.exp(random.uniform(np.log(0.5), np.log(6.0)))))
        placed = effects.pan(voice, float(random.choice([0.0, random.normal(0.0, 0.12)], p=[0.75, 0.25])))
        if random.random() < 0.35:
            seconds = song.step_s * float(random.choice([2, 3, 4]))
            placed = effects.echo(placed, random, seconds, random.uniform(0.1, 0.4))
        if random.random() < 0.85:
            placed = effects.reverb(placed, random, random.uniform(0.3, 2.5), random.uniform(0.03, 0.35))
        return placed

    def _part(self, song: Composition, random: Random, *, leading: bool) -> Audio:
        """One part of the `other` stem."""
        kind = str(random.choice(["guitar", "keys", "wind", "soundfont", "synth", "pluck"],
                                 p=[0.3, 0.17, 0.08, 0.25, 0.15, 0.05]))  # fmt: skip
        if leading:
            center = int(random.integers(58, 82))
            notes = song.melody(center - 7, center + 8, ("break", "verse", "chorus")[: int(random.integers(1, 4))],
                                float(random.uniform(0.2, 0.8)))  # fmt: skip
        else:
            strummed = ["strum", "strum", "arpeggio", "stab", "power"]
            patterns = strummed if kind == "guitar" else ["pad", "stab", "arpeggio"]
            notes = song.accompaniment(int(random.integers(50, 74)), str(random.choice(patterns)))
        doubled = kind == "guitar" and random.random() < 0.35
        takes = [
            self._take(kind, _replayed(notes, random) if doubled else notes, song.frames, random)
            for _ in range(2 if doubled else 1)
        ]
        if kind == "guitar" and random.random() < 0.6:
            drive = float(np.exp(random.uniform(np.log(0.7), np.log(40.0))))
            takes = [effects.amplifier(take.mean(axis=0) if take.ndim == 2 else take, random, drive) for take in takes]
        sides = (-1.0, 1.0) if doubled else (float(random.choice([-1, 1])),)
        sound = np.zeros((2, song.frames))
        for take, side in zip(takes, sides, strict=True):
            aside = random.uniform(0.5, 1.0) if doubled else random.uniform(0.15 if leading else 0.0, 0.8)
            sound += effects.pan(take, side * aside)
        sound = effects.random_eq(sound, random, 5.0)
        if random.random() < 0.25:
            sound = effects.chorus(sound, random)
        if random.random() < 0.2:
            sound = effects.echo(
                sound, random, song.step_s * float(random.choice([2, 3, 4])), random.uniform(0.15, 0.45)
            )
        if random.random() < 0.7:
            sound = effects.reverb(sound, random, random.uniform(0.2, 2.4), random.uniform(0.05, 0.4))
        return sound

    def _take(self, kind: str, notes: Sequence[Note], frames: int, random: Random) -> Audio:
        recorded = {"guitar": self._recorded.guitar, "keys": self._recorded.keys, "wind": self._recorded.other}
        players = recorded.get(kind, ())
        if players and (kind != "guitar" or random.random() < 0.75):
            return players[int(random.integers(len(players)))].play(notes, frames, random)
        if kind == "pluck" or (self._soundfonts is None and kind in ("guitar", "keys")):
            return synths.pluck(notes, frames, random)
        if kind == "synth" or self._soundfonts is None:
            role = str(random.choice(["pad", "keys", "lead"]))
            return synths.play(notes, frames, synths.patch(random, role), random)
        families = {"guitar": ["guitar"], "keys": ["keys", "organ"], "wind": ["brass", "reed", "flute"]}
        family = str(random.choice(families.get(kind, list(PROGRAMS))))
        font, program = int(random.integers(len(self._soundfonts))), int(random.choice(PROGRAMS[family]))
        return self._soundfonts.play(notes, frames, font, program)


def _replayed(notes: Sequence[Note], random: Random) -> list[Note]:
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
