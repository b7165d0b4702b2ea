"""Sample-by-sample comparison of the recorded outputs with what was played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import correlate

RATE_HZ = 48_000
EXACT = 1e-5
"""Maximum error of an exact recording: that of float32 sums."""
PERIODS_FRAMES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Period lengths to look for repeated blocks."""
LEAST_FRAMES = 256
"""Minimum length of a match with another delay, or with sound from before a fault."""
PIECE_FRAMES = 24_000
LONGEST_DELAY_FRAMES = 48_000


@dataclass(frozen=True, slots=True)
class Analysis:
    """Properties of a recording of all outputs."""

    frames: int
    not_finite: int
    """Number of samples that are not finite."""
    loudest: float
    """Peak over all outputs."""
    repeated: int
    """Number of blocks that repeat the previous one."""
    delays: tuple[int, ...]
    """Delays of the recording, in frames: a single one if nothing was skipped or inserted."""
    gaps: tuple[tuple[int, int], ...]
    """Start and length of each silence where the recording is not silent, in frames."""
    stale: int
    """Number of frames from before a fault that were played after it."""
    fading: int
    """Number of frames that are neither the recording nor silence."""
    error: float
    """Maximum deviation from the recording where it plays."""

    @property
    def longest_gap(self) -> int:
        """Length of the longest gap, in frames."""
        return max((length for _, length in self.gaps), default=0)

    @property
    def begins(self) -> int:
        """First frame after the last gap."""
        return sum(self.gaps[-1]) if self.gaps else 0


def analyse(record: np.ndarray, tape: np.ndarray) -> Analysis:
    """Compare outputs, whose sum is both sides of the tape at full level, with a tape that is never silent.

    Args:
        record: float32 (outputs, n).
        tape: float32 (2, >= n), what was played at each frame.
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
        at = int(np.argmax(correlation(tape.astype(float).sum(0), piece)))
        same = np.abs(piece - tape[:, at : at + length].astype(float).sum(0)) <= EXACT
        for start, count in runs(same, LEAST_FRAMES):  # single samples match by chance
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
    """Candidate delays: for each piece, that with the highest correlation."""
    found = set()
    for at in range(0, len(heard) - PIECE_FRAMES // 4, PIECE_FRAMES):
        piece = heard[at : at + PIECE_FRAMES]
        start = max(at - LONGEST_DELAY_FRAMES, 0)
        if piece.any():
            found.add(at - start - int(np.argmax(correlation(played[start : at + len(piece)], piece))))
    return {delay for delay in found if delay >= 0}


def correlation(played: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Correlation of a piece with each position of what was played: of the noise, because music repeats itself."""
    return np.abs(correlate(np.diff(played, 2), np.diff(piece, 2), "valid", "fft"))


def repeats(record: np.ndarray) -> int:
    """Number of non-silent blocks that repeat the previous one, at any period: a stuck buffer."""
    return max(_repeats(record, period) for period in PERIODS_FRAMES)


def _repeats(record: np.ndarray, period_frames: int) -> int:
    now, before = record[:, period_frames:], record[:, :-period_frames]
    same = (now == before).all(axis=0) & now.any(axis=0)
    return sum(length // period_frames for _, length in runs(same, period_frames))


def runs(true: np.ndarray, least: int = 1) -> Iterator[tuple[int, int]]:
    """Start and length of each run of at least `least` true values; up to two false ones do not end it."""
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
    """First frame after `after` above `loud`, or None."""
    found = np.flatnonzero(np.abs(output[after:]) > loud)
    return after + int(found[0]) if len(found) else None
