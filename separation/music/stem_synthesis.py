"""Synthesis of the stems of a composition: choice of instruments, and their effects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stemfield.separation.music import drumkits, effects, synths
from stemfield.separation.music.composition import Composition, Hit, Note
from stemfield.separation.music.drumkits import Collection
from stemfield.separation.music.effects import Audio, Random
from stemfield.separation.music.performances import Performances
from stemfield.separation.music.samples import SampledInstrument, instruments
from stemfield.separation.music.soundfonts import BASSES, DRUM_PROGRAMS, PROGRAMS, Soundfonts
from stemfield.separation.music.sources import recordings
from stemfield.separation.music.vocal_synthesis import VocalSynthesiser, replayed
from stemfield.separation.music.voices import VoiceBank

PERFORMED = 0.6
"""Share of the drum parts that are performances of drummers, if there are any."""
SWEPT = 0.15
"""Share of the drum parts with a synthetic, swept kick."""
LOW = 0.25
"""Share of the accompaniments in the register of the bass: left hands, pads, organs, guitars tuned down."""


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
        soundfonts: soundfonts, or None.
        songs: recordings of singing, which are used unchanged.
        performances: performances of drummers.
    """

    def __init__(
        self,
        bank: VoiceBank,
        recorded: Instruments,
        soundfonts: Soundfonts | None,
        songs: Sequence[Path] = (),
        performances: Performances | None = None,
    ) -> None:
        self.singers = VocalSynthesiser(bank, songs)
        self._recorded = recorded
        self._soundfonts = soundfonts
        self._performances = performances or Performances(())

    def drums(self, song: Composition, random: Random) -> Audio:
        """Drum stem, shape (2, frames)."""
        hits: list[Hit] = []
        if len(self._performances) and random.random() < PERFORMED:
            seconds = len(song.bars) * song.steps * song.step_s
            hits = self._performances.draw(random, song.beats_per_minute, song.steps // 4, seconds)
        return self.play_drums(hits or song.drums(), song.frames, random, song.root)

    def bass(self, song: Composition, random: Random) -> Audio:
        """Bass stem, shape (2, frames)."""
        return self.play_bass(song.bass(), song.frames, random)

    def play_drums(self, hits: Sequence[Hit], frames: int, random: Random, root: int | None = None) -> Audio:
        """Play hits on a random kit, shape (2, frames); some kicks are tuned to the root of the song, 0..11."""
        ways: list[Callable[[], Audio]] = []
        if self._recorded.drums["kick"]:
            width = float(random.uniform(0.1, 1.0))
            ways += [lambda: drumkits.Kit(self._recorded.drums, random, width).play(hits, frames)] * 6
        if self._soundfonts:
            fonts = self._soundfonts
            font, program = int(random.integers(len(fonts))), int(random.choice(DRUM_PROGRAMS))
            ways += [lambda: fonts.drums(hits, frames, font, program)] * 2
        ways += [lambda: drumkits.play_drum_machine(random, hits, frames)] * 2
        swept = random.random() < SWEPT
        if swept:
            kicks = drumkits.play_kicks(random, hits, frames, int(random.integers(12)) if root is None else root)
            hits = [hit for hit in hits if hit.piece != "kick"]
        sound = ways[int(random.integers(len(ways)))]()
        if swept:
            sound = sound + kicks * random.uniform(0.6, 1.4)
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

    def play_bass(self, notes: Sequence[Note], frames: int, random: Random) -> Audio:
        """Play notes on a random bass, shape (2, frames)."""
        ways: list[Callable[[], Audio]] = [lambda: synths.play(notes, frames, synths.patch(random, "bass"), random)] * 3
        ways += [lambda: synths.pluck(notes, frames, random), lambda: synths.sub_bass(notes, frames, random)]
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
        return self.singers.vocals(song, random)

    def _part(self, song: Composition, random: Random, *, leading: bool) -> Audio:
        """One part of the `other` stem."""
        kind = str(random.choice(["guitar", "keys", "wind", "soundfont", "synth", "pluck"],
                                 p=[0.3, 0.17, 0.08, 0.25, 0.15, 0.05]))  # fmt: skip
        if leading:
            center = int(random.integers(58, 82))
            notes = song.melody(center - 7, center + 8, ("break", "verse", "chorus")[: int(random.integers(1, 4))],
                                float(random.uniform(0.2, 0.8)))  # fmt: skip
        else:
            patterns = (
                ["pad", "stab", "arpeggio"] if kind != "guitar" else ["strum", "strum", "arpeggio", "stab", "power"]
            )
            low = random.random() < LOW
            center = int(random.integers(36, 50) if low else random.integers(50, 74))
            notes = song.accompaniment(center, str(random.choice(patterns)))
            if low and kind == "guitar":
                notes = [replace(note, pitch=note.pitch - 5) if note.pitch > 45 else note for note in notes]
        return self.play_part(kind, notes, song.frames, song.step_s, random, leading=leading)

    def play_part(
        self,
        kind: str,
        notes: Sequence[Note],
        frames: int,
        step_s: float,
        random: Random,
        *,
        leading: bool = False,
        program: int | None = None,
        driven: bool | None = None,
    ) -> Audio:
        """Play notes on another instrument, with effects, shape (2, frames).

        Args:
            kind: guitar, keys, wind, soundfont, synth or pluck.
            notes: notes in order of time.
            frames: length of the result.
            step_s: duration of a sixteenth, for echoes.
            random: source of the random choices.
            leading: whether it is a melody.
            program: program of the soundfonts; a random one of the kind by default.
            driven: whether a guitar has an amplifier; random by default.
        """
        recorded = {"guitar": self._recorded.guitar, "keys": self._recorded.keys, "wind": self._recorded.other}
        players = recorded.get(kind, ())
        doubled = kind == "guitar" and random.random() < 0.35
        takes = [
            self._take(kind, players, replayed(notes, random) if doubled else notes, frames, random, program)
            for _ in range(2 if doubled else 1)
        ]
        if driven if driven is not None else kind == "guitar" and random.random() < 0.6:
            drive = float(np.exp(random.uniform(np.log(0.7), np.log(40.0))))
            takes = [effects.amplifier(take.mean(axis=0) if take.ndim == 2 else take, random, drive) for take in takes]
        sides = (-1.0, 1.0) if doubled else (float(random.choice([-1, 1])),)
        sound = np.zeros((2, frames))
        for take, side in zip(takes, sides, strict=True):
            aside = random.uniform(0.5, 1.0) if doubled else random.uniform(0.15 if leading else 0.0, 0.8)
            sound += effects.pan(take, side * aside)
        sound = effects.random_eq(sound, random, 5.0)
        if random.random() < 0.25:
            sound = effects.chorus(sound, random)
        if random.random() < 0.2:
            sound = effects.echo(sound, random, step_s * float(random.choice([2, 3, 4])), random.uniform(0.15, 0.45))
        if random.random() < 0.7:
            sound = effects.reverb(sound, random, random.uniform(0.2, 2.4), random.uniform(0.05, 0.4))
        return sound

    def _take(
        self,
        kind: str,
        players: Sequence[SampledInstrument],
        notes: Sequence[Note],
        frames: int,
        random: Random,
        program: int | None,
    ) -> Audio:
        if players and (kind != "guitar" or random.random() < 0.75):
            return players[int(random.integers(len(players)))].play(notes, frames, random)
        if kind == "pluck" or (self._soundfonts is None and kind in ("guitar", "keys")):
            return synths.pluck(notes, frames, random)
        if kind == "synth" or self._soundfonts is None:
            role = str(random.choice(["pad", "keys", "lead"]))
            return synths.play(notes, frames, synths.patch(random, role), random)
        families = {"guitar": ["guitar"], "keys": ["keys", "organ"], "wind": ["brass", "reed", "flute"]}
        if program is None:
            program = int(random.choice(PROGRAMS[str(random.choice(families.get(kind, list(PROGRAMS))))]))
        return self._soundfonts.play(notes, frames, int(random.integers(len(self._soundfonts))), program)
