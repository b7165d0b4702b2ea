"""What the outputs gave, held against what was played, sample by sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import correlate

RATE_HZ = 48_000
EXACT = 1e-5
"""So near is the recording itself: the error of adding up float32."""
PERIODS_FRAMES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Blocks of servers: one that is played twice is so long."""
LEAST_FRAMES = 256
"""The recording with another delay, or that of before a fault, is believed where it lasts so long."""
PIECE_FRAMES = 24_000
LONGEST_DELAY_FRAMES = 48_000


@dataclass(frozen=True, slots=True)
class Analysis:
    """One record of all outputs."""

    frames: int
    not_finite: int
    """Samples that are no numbers."""
    loudest: float
    """Of any output."""
    repeated: int
    """Blocks that are the one before once more."""
    delays: tuple[int, ...]
    """By how many frames the recording was late: one, where nothing was left out or put in between."""
    gaps: tuple[tuple[int, int], ...]
    """Begin and length of what was silent where the recording is not, in frames."""
    stale: int
    """Frames of the recording that were on their way before a fault and came after it."""
    fading: int
    """Frames that are neither the recording nor silence."""
    error: float
    """The largest distance from the recording where that sounds."""

    @property
    def longest_gap(self) -> int:
        """In frames."""
        return max((length for _, length in self.gaps), default=0)

    @property
    def begins(self) -> int:
        """From which frame on there is sound without a gap; the end, where there is none."""
        return sum(self.gaps[-1]) if self.gaps else 0


def analyse(record: np.ndarray, tape: np.ndarray) -> Analysis:
    """Compares outputs with a tape that is nowhere silent, whose sides all of the outputs together give at full level.

    Args:
        record: float32 (outputs, n).
        tape: float32 (2, n) and more, frame by frame what was played meanwhile.
    """
    finite = np.isfinite(record)
    record = np.where(finite, record, 0.0)
    heard = record.astype(float).sum(0)
    played = tape[:, : len(heard)].astype(float).sum(0)
    error, found = np.full(len(heard), np.inf), []
    for delay in sorted(likely_delays(heard, played)):
        late = np.concatenate([np.zeros(delay), played])[: len(heard)]
        distance = np.abs(heard - late)
        if any(runs((distance <= EXACT) & (np.abs(late) > EXACT), LEAST_FRAMES)):
            found.append(delay)
            error = np.minimum(error, distance)
    is_recording = error <= EXACT
    is_silent = ~record.any(axis=0)
    gaps = tuple(runs(is_silent & (np.abs(played) > EXACT), least=8))
    silent = np.zeros(len(heard), bool)
    for begin, length in gaps:
        silent[begin : begin + length] = True
    is_stale = np.zeros(len(heard), bool)
    for begin, length in runs(~is_recording & ~silent, LEAST_FRAMES):
        piece = heard[begin : begin + length]
        at = int(np.argmax(likeness(tape.astype(float).sum(0), piece)))
        same = np.abs(piece - tape[:, at : at + length].astype(float).sum(0)) <= EXACT
        for start, count in runs(same, LEAST_FRAMES):  # single samples are alike by chance
            is_stale[begin + start : begin + start + count] = True
    return Analysis(
        len(heard),
        int((~finite).sum()),
        float(np.abs(record).max(initial=0.0)),
        repeats(record),
        tuple(found),
        gaps,
        int(is_stale.sum()),
        int((~is_recording & ~silent & ~is_stale).sum()),
        float(error[is_recording & ~silent].max(initial=0.0)),
    )


def likely_delays(heard: np.ndarray, played: np.ndarray) -> set[int]:
    """By how much what was heard may be late, piece by piece: where it is most alike."""
    found = set()
    for at in range(0, len(heard) - PIECE_FRAMES // 4, PIECE_FRAMES):
        piece = heard[at : at + PIECE_FRAMES]
        start = max(at - LONGEST_DELAY_FRAMES, 0)
        if piece.any():
            found.add(at - start - int(np.argmax(likeness(played[start : at + len(piece)], piece))))
    return {delay for delay in found if delay >= 0}


def likeness(played: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """How alike a piece is to each place of what was played: by its noise, for music is like itself at many places."""
    return np.abs(correlate(np.diff(played, 2), np.diff(piece, 2), "valid", "fft"))


def repeats(record: np.ndarray) -> int:
    """How many blocks that sound are the one before once more, of whatever period: a stuck buffer."""
    return max(_repeats(record, period) for period in PERIODS_FRAMES)


def _repeats(record: np.ndarray, period_frames: int) -> int:
    now, before = record[:, period_frames:], record[:, :-period_frames]
    same = (now == before).all(axis=0) & now.any(axis=0)
    return sum(length // period_frames for _, length in runs(same, period_frames))


def runs(true: np.ndarray, least: int = 1) -> Iterator[tuple[int, int]]:
    """Begin and length of each run of true values that is so long at least; single false ones do not end it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    begin = end = None
    for start, stop in edges.reshape(-1, 2):
        if end is not None and start - end <= 2:
            end = int(stop)
            continue
        if begin is not None and end - begin >= least:
            yield begin, end - begin
        begin, end = int(start), int(stop)
    if begin is not None and end - begin >= least:
        yield begin, end - begin


def first_sound(output: np.ndarray, after: int = 0, loud: float = 1e-4) -> int | None:
    """The first frame from there on that is louder; None where there is none."""
    found = np.flatnonzero(np.abs(output[after:]) > loud)
    return after + int(found[0]) if len(found) else None
