"""Standard MIDI files: notes with times in seconds.

The Complete MIDI 1.0 Detailed Specification, "Standard MIDI Files 1.0": formats 0 and 1, tempo changes, running status.
Controllers other than volume, expression and sustain are ignored, and so is pitch bend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemfield.separation.music.composition import Hit, Note

DRUM_CHANNEL = 9
"""General MIDI's channel 10."""
_VOLUME, _EXPRESSION, _SUSTAIN = 7, 11, 64
_MOST_EVENTS = 1_000_000
PIECES = {
    35: ("kick", 0), 36: ("kick", 0), 37: ("rim", 0), 38: ("snare", 0), 39: ("clap", 0), 40: ("snare", 0),
    22: ("hat", 0), 42: ("hat", 0), 44: ("hat", 0), 26: ("hat_open", 0), 46: ("hat_open", 0),
    51: ("ride", 0), 53: ("ride", 0), 59: ("ride", 0), 49: ("crash", 0), 52: ("crash", 1), 55: ("crash", 2),
    57: ("crash", 3), 48: ("tom", 0), 50: ("tom", 0), 45: ("tom", 1), 47: ("tom", 1), 43: ("tom", 2), 58: ("tom", 2),
    41: ("tom", 3),
}  # fmt: skip
"""Piece of the kit, and which of its kind, of General MIDI's percussion keys, and of Roland's for a hi-hat's edge (22,
26) and a tom's rim (58). All others are `perc`."""


class MidiError(ValueError):
    """A file is not a MIDI file that can be read."""


@dataclass(frozen=True, slots=True)
class MidiNote:
    """A note of a channel."""

    channel: int
    """0..15; 9 is percussion."""
    program: int
    """0..127."""
    note: Note


def read_midi(path: Path) -> tuple[MidiNote, ...]:
    """Notes of a file in the order of their start.

    Raises:
        MidiError: it is not a MIDI file, or it ends too early.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if data[:4] != b"MThd" or len(data) < 14:
        raise MidiError(f"{path}: expected a MIDI file, which begins with MThd, got {data[:4]!r}")
    division = int.from_bytes(data[12:14], "big")
    if division == 0 or division & 0x8000:
        raise MidiError(f"{path}: expected time in parts of a beat, got the division {division:#06x}")
    try:
        events = sorted(_events(data), key=lambda event: event[:2])
    except IndexError as error:
        raise MidiError(f"{path}: expected whole tracks, but it ends within an event") from error
    return tuple(sorted(_notes(events, division), key=lambda one: (one.note.start_s, one.channel, one.note.pitch)))


def hits(notes: Sequence[MidiNote]) -> list[Hit]:
    """Hits of the percussion channel."""
    played = (one.note for one in notes if one.channel == DRUM_CHANNEL)
    return [Hit(note.start_s, *_piece(note)) for note in played]


def _piece(note: Note) -> tuple[str, float, int]:
    piece, variant = PIECES.get(note.pitch, ("perc", note.pitch % 4))
    return piece, note.velocity, variant


def _events(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Events of all tracks: tick, order in the tick, status, and two values; a tempo is 0x51 in µs per beat."""
    at, count = 8 + int.from_bytes(data[4:8], "big"), 0
    while at + 8 <= len(data) and count < _MOST_EVENTS:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        at += 8
        if kind != b"MTrk":
            at += length
            continue
        end, tick, status = min(at + length, len(data)), 0, 0
        while at < end and count < _MOST_EVENTS:
            count += 1
            delta, at = _variable_length(data, at)
            tick += delta
            if data[at] >= 0x80:
                status = data[at]
                at += 1
            if status == 0xFF:
                kind_of_meta = data[at]
                size, at = _variable_length(data, at + 1)
                if kind_of_meta == 0x51 and size == 3:
                    yield tick, 0, 0x51, int.from_bytes(data[at : at + 3], "big"), 0
                at += size
            elif status in (0xF0, 0xF7):
                size, at = _variable_length(data, at)
                at += size
            elif status >= 0x80:
                two = status >> 4 not in (0xC, 0xD)
                first, second = data[at], data[at + 1] if two else 0
                at += 1 + two
                # at the same tick programs and controllers come first, then ends of notes, then starts
                starts = status >> 4 == 9 and second > 0
                yield tick, 3 if starts else 2 if status >> 4 in (8, 9) else 1, status, first, second
            else:
                at += 1  # data without a status
        at = end


def _notes(events: Sequence[tuple[int, int, int, int, int]], division: int) -> Iterator[MidiNote]:
    now_s, last_tick, beat_s = 0.0, 0, 0.5
    programs, levels, pedals = [0] * 16, [(100, 127)] * 16, [False] * 16
    sounding: dict[tuple[int, int], tuple[float, float, int]] = {}
    held: dict[tuple[int, int], None] = {}

    def ended(key: tuple[int, int]) -> Iterator[MidiNote]:
        held.pop(key, None)
        if key in sounding:
            start_s, velocity, program = sounding.pop(key)
            yield MidiNote(key[0], program, Note(start_s, now_s - start_s, key[1], velocity))

    for tick, _, status, first, second in events:
        now_s += (tick - last_tick) * beat_s / division
        last_tick = tick
        channel, key = status & 15, (status & 15, first)
        if status == 0x51:
            beat_s = first / 1e6
        elif status >> 4 == 0xC:
            programs[channel] = first
        elif status >> 4 == 0xB and first in (_VOLUME, _EXPRESSION):
            volume, expression = levels[channel]
            levels[channel] = (second, expression) if first == _VOLUME else (volume, second)
        elif status >> 4 == 0xB and first == _SUSTAIN:
            pedals[channel] = second >= 64
            for other in [other for other in held if other[0] == channel and not pedals[channel]]:
                yield from ended(other)
        elif status >> 4 == 9 and second > 0:
            yield from ended(key)
            volume, expression = levels[channel]
            velocity = second / 127.0 * min(volume / 100.0, 1.0) * expression / 127.0
            sounding[key] = now_s, velocity, programs[channel]
        elif status >> 4 in (8, 9) and key in sounding:
            if pedals[channel]:
                held[key] = None
            else:
                yield from ended(key)
    for key in [*sounding]:
        yield from ended(key)


def _variable_length(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits per byte, and the position after it."""
    number = 0
    for _ in range(4):
        byte = data[at]
        at += 1
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return number, at
