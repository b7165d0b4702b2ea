"""Excerpts of MIDI arrangements: which notes are for drums, bass, other instruments, and a voice."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemfield.separation.music.composition import Hit, Note
from stemfield.separation.music.effects import RATE_HZ
from stemfield.separation.music.midi import DRUM_CHANNEL, MidiNote, hits
from stemfield.separation.music.soundfonts import BASSES

EFFECTS = tuple(range(119, 128))
"""Programs that are noises, such as a reversed cymbal, a helicopter and applause, which are left out."""
TAIL_S = 1.2
_VOCAL_PITCHES = (48, 79)
_MIN_TUNE_NOTES = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Notes of one instrument."""

    program: int
    """Program of General MIDI, 0..127."""
    notes: tuple[Note, ...]

    @property
    def singable(self) -> bool:
        """Whether it is one voice in a singer's range."""
        if len(self.notes) < _MIN_TUNE_NOTES:
            return False
        pitches = np.array([note.pitch for note in self.notes])
        overlaps = sum(
            after.start_s < before.start_s + 0.7 * before.length_s for before, after in itertools.pairwise(self.notes)
        )
        low, high = _VOCAL_PITCHES
        median_s = float(np.median([note.length_s for note in self.notes]))
        return bool(
            overlaps <= 0.05 * len(self.notes)
            and low <= pitches.min()
            and pitches.max() <= high
            and np.ptp(pitches) <= 22
            and len({*pitches.tolist()}) >= 4
            and median_s > 0.1
        )


@dataclass(frozen=True, slots=True)
class Arrangement:
    """An excerpt; times are from its start."""

    frames: int
    drums: tuple[Hit, ...]
    basses: tuple[Part, ...]
    others: tuple[Part, ...]


def starts_s(notes: Sequence[MidiNote], seconds: float) -> list[float]:
    """Starts of excerpts of a duration that cover a piece; the last ones overlap."""
    if not notes:
        return []
    first = notes[0].note.start_s
    length_s = max(one.note.start_s for one in notes) - first
    number = max(round(length_s / seconds), 1)
    spare_s = max(length_s - seconds, 0.0)
    return [first + (spare_s * index / (number - 1) if number > 1 else 0.0) for index in range(number)]


def excerpt(notes: Sequence[MidiNote], start_s: float, seconds: float) -> Arrangement:
    """An excerpt of a piece; notes that sound at its start begin with it."""
    end_s = start_s + seconds
    inside = []
    for one in notes:
        note = one.note
        begin_s, stop_s = max(note.start_s, start_s), min(note.start_s + note.length_s, end_s)
        drum = one.channel == DRUM_CHANNEL
        if (note.start_s >= start_s or not drum) and note.start_s < end_s and (stop_s > begin_s or drum):
            moved = replace(note, start_s=begin_s - start_s, length_s=max(stop_s - begin_s, 0.02))
            inside.append(replace(one, note=moved))
    groups: dict[tuple[int, int], list[Note]] = {}
    for one in inside:
        if one.channel != DRUM_CHANNEL and one.program not in EFFECTS:
            groups.setdefault((one.channel, one.program), []).append(one.note)
    parts = [Part(program, tuple(found)) for (_, program), found in sorted(groups.items())]
    frames = int((seconds + TAIL_S) * RATE_HZ)
    basses = tuple(part for part in parts if part.program in BASSES)
    others = tuple(part for part in parts if part.program not in BASSES)
    return Arrangement(frames, tuple(hits(inside)), basses, others)
