"""Human drum performances for the kits: the Groove MIDI Dataset.

Gillick and others, "Learning to groove with inverse sequence transformations" (ICML 2019): ten drummers on an
electronic kit, most of them to a metronome. Names such as `1_funk-groove1_138_beat_4-4.mid` give style, tempo, kind and
metre.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stemfield.separation.music.composition import Hit
from stemfield.separation.music.effects import Random
from stemfield.separation.music.midi import MidiError, hits, read_midi

_NAME = re.compile(r"_(\d+)_beat_(\d+)-(\d+)$")
MAX_STRETCH = 1.18
"""Maximum change of the tempo of a performance."""
_MIN_BARS = 2


@dataclass(frozen=True, slots=True)
class Performance:
    """A performance of a beat; fills are not used."""

    path: Path
    beats_per_minute: float
    beats: int
    """Beats per bar."""


class Performances:
    """Performances to choose from; files with other names are skipped."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.all = tuple(found for path in paths if (found := _performance(path)))

    def __len__(self) -> int:
        return len(self.all)

    def draw(self, random: Random, beats_per_minute: float, beats: int, seconds: float) -> list[Hit]:
        """Hits of a random performance near a tempo, moved to that tempo, repeated if it is too short.

        Args:
            random: source of the random choices.
            beats_per_minute: tempo of the song.
            beats: beats per bar of the song.
            seconds: duration of the song.

        Returns:
            Hits in order of time; none if no performance fits.
        """
        fitting = [one for one in self.all if one.beats == beats
                   and 1.0 / MAX_STRETCH < one.beats_per_minute / beats_per_minute < MAX_STRETCH]  # fmt: skip
        if not fitting:
            return []
        chosen = fitting[int(random.integers(len(fitting)))]
        stretch = chosen.beats_per_minute / beats_per_minute
        bar_s = beats * 60.0 / beats_per_minute
        played = [Hit(hit.start_s * stretch, hit.piece, hit.velocity, hit.variant) for hit in _hits(chosen.path)]
        bars = int(played[-1].start_s / bar_s + 0.02) if played else 0
        if bars < _MIN_BARS:
            return []
        first = int(random.integers(bars))
        found = []
        for bar in range(int(seconds / bar_s) + 1):
            begin_s = (first + bar) % bars * bar_s
            # a note just before the first beat of a bar is that beat, played early
            early_s = 0.02 * bar_s
            for hit in played:
                if begin_s - early_s <= hit.start_s < begin_s + bar_s - early_s:
                    start_s = max(hit.start_s - begin_s + bar * bar_s, 0.0)
                    found.append(Hit(start_s, hit.piece, max(hit.velocity, 0.05), hit.variant))
        return [hit for hit in found if hit.start_s < seconds]


def _performance(path: Path) -> Performance | None:
    named = _NAME.search(path.stem)
    return Performance(path, float(named[1]), int(named[2])) if named and named[3] == "4" else None


@functools.lru_cache(maxsize=256)
def _hits(path: Path) -> tuple[Hit, ...]:
    try:
        return tuple(hits(read_midi(path)))
    except MidiError:
        return ()
