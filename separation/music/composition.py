"""Random composition of short songs: key, chords, sections and parts.

Time is counted in steps, 16 per bar of four beats or 12 per bar of three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stemfield.separation.music.effects import RATE_HZ, Random

SECTIONS = ("verse", "chorus", "break")
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
NEXT_DEGREES = {0: (3, 4, 5, 1, 2, 6), 1: (4, 4, 3, 0), 2: (5, 3, 3), 3: (0, 4, 4, 1, 5), 4: (0, 0, 5, 3),
                5: (3, 1, 4, 2), 6: (0, 3, 2)}  # fmt: skip
"""Likely successors of each scale degree."""
STYLES = {"rock": (85, 165), "dance": (108, 135), "hiphop": (72, 105), "ballad": (58, 90), "fast": (150, 185),
         "latin": (88, 130), "waltz": (85, 150)}  # fmt: skip
"""Range of the tempo of each style in beats per minute."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note."""

    start_s: float
    length_s: float
    pitch: int
    """MIDI note number."""
    velocity: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit on a piece of the drum kit."""

    start_s: float
    piece: str
    velocity: float
    variant: int = 0
    """Index among several pieces of a kind, such as toms."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Position and harmony of a bar."""

    number: int
    section: str
    degree: int
    first: bool
    last: bool


class Composition:
    """Structure of a song of about these seconds, and generator of its parts."""

    def __init__(self, random: Random, seconds: float) -> None:
        self._random = random
        self.style = str(random.choice(list(STYLES), p=[0.3, 0.18, 0.16, 0.12, 0.06, 0.1, 0.08]))
        self.beats_per_minute = float(random.uniform(*STYLES[self.style]))
        self.steps = 12 if self.style == "waltz" else 16
        self.step_s = 15.0 / self.beats_per_minute
        self._swing_s = self.step_s * float(random.choice([0.0, 0.0, 0.0, 0.18, 0.33]))
        self._loose_s = float(random.uniform(0.001, 0.012))
        self.root = int(random.integers(12))
        self.scale = SCALES[str(random.choice(list(SCALES), p=[0.42, 0.36, 0.12, 0.1]))]
        self._seventh = random.random() < 0.35
        self.bars = tuple(self._plan(max(round(seconds / (self.steps * self.step_s)), 3)))
        self.frames = int((len(self.bars) * self.steps * self.step_s + 1.2) * RATE_HZ)

    def at(self, bar: int, step: float) -> float:
        """Time of a step in seconds, with swing and human timing."""
        late = self._swing_s if int(step) % 2 else 0.0
        return max((bar * self.steps + step) * self.step_s + late + self._random.normal(0.0, self._loose_s), 0.0)

    def chord(self, degree: int) -> tuple[int, ...]:
        """Pitches of the chord on a degree, above the root in the lowest octave."""
        intervals = (0, 2, 4, 6) if self._seventh else (0, 2, 4)
        return tuple(self.root + 12 * ((degree + up) // 7) + self.scale[(degree + up) % 7] for up in intervals)

    def drums(self) -> list[Hit]:
        """Drum pattern for each kind of section, with fills and accents."""
        random, hits = self._random, list[Hit]()
        beats = {kind: self._beat() for kind in SECTIONS}
        rests = random.random() < 0.5
        for bar in self.bars:
            if bar.section == "break" and rests and not bar.last:
                continue
            fill = self.steps - int(random.choice([2, 4, 8])) if bar.last and random.random() < 0.6 else self.steps
            for step, piece, velocity in beats[bar.section]:
                if step < fill:
                    hits.append(Hit(self.at(bar.number, step), piece, self._varied(velocity)))
            for step in range(fill, self.steps):
                if random.random() < 0.85:
                    piece, which = ("tom", (step - fill) * 4 // self.steps) if random.random() < 0.6 else ("snare", 0)
                    hits.append(Hit(self.at(bar.number, step), piece, self._varied(0.8), which))
            if bar.first and random.random() < 0.7:
                hits.append(Hit(self.at(bar.number, 0), "crash", self._varied(0.9), int(random.integers(3))))
        return hits

    def bass(self) -> list[Note]:
        """Bass line within the octave above its lowest note."""
        random, notes = self._random, list[Note]()
        lowest = int(random.integers(26, 34))
        held = float(random.uniform(0.5, 1.02))
        styles, likely = ["pulse", "own", "walk", "long", "octave"], [0.3, 0.3, 0.12, 0.16, 0.12]
        pattern = {kind: str(random.choice(styles, p=likely)) for kind in SECTIONS}
        own = {kind: self._rhythm(float(random.uniform(0.2, 0.5))) for kind in SECTIONS}
        for bar in self.bars:
            tones = [lowest + (pitch - lowest) % 12 for pitch in self.chord(bar.degree)]
            match pattern[bar.section]:
                case "pulse":
                    line = [
                        (step, tones[0] if random.random() < 0.92 else tones[2]) for step in range(0, self.steps, 2)
                    ]
                case "walk":
                    leading = tones[0] + int(random.choice([-2, -1, 1, 2]))
                    line = [(4 * beat, (*tones[:3], leading)[beat]) for beat in range(self.steps // 4)]
                case "long":
                    line = [(0, tones[0])]
                case "octave":
                    line = [(step, tones[0] + 12 * (step // 2 % 2)) for step in range(0, self.steps, 2)]
                case _:
                    line = [(step, tones[0] if random.random() < 0.65 else int(random.choice(tones)))
                            for step in own[bar.section]]  # fmt: skip
            for (step, pitch), end in zip(line, [*(step for step, _ in line[1:]), self.steps], strict=True):
                length_s = max((end - step) * self.step_s * held, 0.06)
                notes.append(Note(self.at(bar.number, step), length_s, pitch, self._varied(0.75)))
        return notes

    def accompaniment(self, center: int, pattern: str) -> list[Note]:
        """Chords around a pitch, played as `pad`, `strum`, `stab`, `arpeggio` or `power` (low fifths)."""
        random, notes = self._random, list[Note]()
        places = {kind: self._rhythm(float(random.uniform(0.15, 0.7))) for kind in SECTIONS}
        order = random.permutation(12)
        each = int(random.choice([1, 2, 2, 4]))
        spread_s = float(random.uniform(0.0, 0.025))
        silent = {kind for kind in places if random.random() < 0.15}
        for bar in self.bars:
            if bar.section in silent:
                continue
            tones = sorted(center - 6 + (pitch - center + 6) % 12 for pitch in self.chord(bar.degree))
            if pattern == "strum":
                tones += [tones[0] + 12, tones[1] + 12]
            if pattern == "power":
                low = 40 + (self.chord(bar.degree)[0] - 40) % 12
                tones = [low, low + 7, low + 12]
            if pattern == "arpeggio":
                tones += [pitch + 12 for pitch in tones]
                for index, step in enumerate(range(0, self.steps, each)):
                    pitch = tones[order[index % len(order)] % len(tones)]
                    notes.append(Note(self.at(bar.number, step), 1.6 * each * self.step_s, pitch, self._varied(0.6)))
                continue
            starts = [0] if pattern == "pad" else places[bar.section]
            for step, end in zip(starts, [*starts[1:], self.steps], strict=True):
                length_s = self.step_s * (1.2 if pattern == "stab" else 0.96 * (end - step))
                begin_s = self.at(bar.number, step)
                for index, pitch in enumerate(tones if step % 4 == 0 else tones[::-1]):
                    velocity = self._varied(0.7 if step % 4 == 0 else 0.55)
                    notes.append(Note(begin_s + index * spread_s, length_s, pitch, velocity))
        return notes

    def melody(self, low: int, high: int, sections: Sequence[str], busy: float) -> list[Note]:
        """Melody in a range of pitches: repeated motifs, chord tones on strong beats, rests after phrases."""
        random, notes = self._random, list[Note]()
        ladder = [pitch for pitch in range(low, high + 1) if (pitch - self.root) % 12 in self.scale]
        if random.random() < 0.2:  # pentatonic
            ladder = [pitch for pitch in ladder if (pitch - self.root) % 12 not in (self.scale[3], self.scale[6])]
        index = int(len(ladder) * random.uniform(0.3, 0.6))
        motifs: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
        for bar in self.bars:
            if bar.section not in sections:
                continue
            key = (bar.section, bar.number % 2 if random.random() < 0.7 else int(random.integers(9)))
            if key not in motifs:
                starts = [step for step in range(0, self.steps, 1 if random.random() < 0.3 else 2)
                          if random.random() < busy]  # fmt: skip
                motifs[key] = starts, [round(leap) for leap in random.normal(0.0, 1.7, len(starts))]
            starts, leaps = motifs[key]
            if not starts:
                continue
            chord = {pitch % 12 for pitch in self.chord(bar.degree)}
            final = self.steps if random.random() < 0.6 else starts[-1] + 2
            for step, end, leap in zip(starts, [*starts[1:], final], leaps, strict=True):
                index = int(np.clip(index + leap, 0, len(ladder) - 1))
                if (step % 4 == 0 or end - step >= 4) and ladder[index] % 12 not in chord:
                    agreeing = [near for near, pitch in enumerate(ladder) if pitch % 12 in chord] or [index]
                    index = min(agreeing, key=lambda near: abs(near - index))
                length_s = max((end - step) * self.step_s * random.uniform(0.75, 1.0), 0.07)
                notes.append(Note(self.at(bar.number, step), length_s, ladder[index], self._varied(0.75)))
        return notes

    def harmony(self, tune: Sequence[Note], steps: int) -> list[Note]:
        """Melody transposed by a number of scale steps."""
        tones = [12 * octave + self.root + tone for octave in range(10) for tone in self.scale]
        moved = []
        for note in tune:
            near = int(np.argmin([abs(tone - note.pitch) for tone in tones]))
            pitch = tones[min(max(near + steps, 0), len(tones) - 1)]
            moved.append(Note(note.start_s + float(self._random.normal(0, 0.015)), note.length_s, pitch, note.velocity))
        return moved

    def _plan(self, bars: int) -> Iterator[Bar]:
        random, number = self._random, 0
        songs = {kind: self._progression() for kind in SECTIONS}
        while number < bars:
            section = str(random.choice(SECTIONS, p=[0.45, 0.4, 0.15]))
            length = min(int(random.choice([2, 4, 4, 8])), bars - number)
            for index in range(length):
                yield Bar(number + index, section, songs[section][index % 4], index == 0, index == length - 1)
            number += length

    def _progression(self) -> tuple[int, ...]:
        degree = int(self._random.choice([0, 0, 0, 5, 3]))
        degrees = [degree]
        while len(degrees) < 4:
            if self._random.random() < 0.85:
                degree = int(self._random.choice(NEXT_DEGREES[degree]))
            degrees.append(degree)
        return tuple(degrees)

    def _rhythm(self, busy: float) -> list[int]:
        """Random steps of a rhythm; strong beats are more likely, the first step is always present."""
        likely = [busy * (1.6 if step % 4 == 0 else 1.2 if step % 2 == 0 else 0.5) for step in range(self.steps)]
        return [0, *(step for step in range(1, self.steps) if self._random.random() < likely[step])]

    def _beat(self) -> list[tuple[int, str, float]]:
        random, steps = self._random, self.steps
        beat: list[tuple[int, str, float]] = []
        backbeat = {"ballad": (8,), "waltz": (4, 8), "latin": (6, 10, 14)}.get(self.style, (4, 12))
        if self.style == "dance":
            kicks = [0, 4, 8, 12]
        else:
            busy = 0.6 if self.style == "rock" and random.random() < 0.1 else 0.17
            kicks = [step for step in self._rhythm(busy) if step not in backbeat]
        beat += [(step, "kick", 0.95 if step == 0 else 0.85) for step in kicks]
        back = str(random.choice(["snare", "snare", "snare", "snare", "clap", "rim"]))
        beat += [(step, back, 0.9) for step in backbeat]
        if random.random() < 0.3:
            beat += [(step, "snare", 0.3) for step in range(1, steps, 2) if random.random() < 0.2]
        time = str(random.choice(["hat", "ride", "hat_open", "shaker", "none"], p=[0.6, 0.16, 0.1, 0.06, 0.08]))
        every = int(random.choice([1, 2, 2, 4]))
        if time != "none":
            piece = "perc" if time == "shaker" else time
            for step in range(0, steps, every):
                opened = piece == "hat" and random.random() < 0.04
                velocity = 0.8 if step % 4 == 0 else 0.6 if step % 2 == 0 else 0.45
                beat.append((step, "hat_open" if opened else piece, velocity))
        if random.random() < 0.35:
            beat += [(step, "perc", 0.6) for step in range(steps) if random.random() < 0.3]
        return beat

    def _varied(self, velocity: float) -> float:
        return float(np.clip(velocity + self._random.normal(0.0, 0.07), 0.05, 1.0))
