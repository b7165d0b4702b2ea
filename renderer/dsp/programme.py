"""Power and true peak of the mixture and of the room, a hundred times a second, from which loudness follows.

Each channel is K-weighted (ITU-R BS.1770), eight of them side by side; the powers of a programme's channels are added
with the weights of their places. `dsp.gating` makes loudness of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stemfield.renderer.dsp.bank import banks
from stemfield.renderer.dsp.biquad import cascades
from stemfield.renderer.dsp.gating import STEP_S
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.dsp.true_peak import TAPS, interpolation, true_peak
from stemfield.renderer.dsp.weighting import k_weighting
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, load, store_release
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats
from stemfield.renderer.simd.arithmetic import fused
from stemfield.renderer.simd.load_store import copy, store
from stemfield.renderer.simd.load_store import load as load_lanes
from stemfield.renderer.simd.transpose import turn_to_frames
from stemfield.renderer.simd.vectors import DOUBLES

KEPT: Final = 1 << 12
"""Number of steps that are kept, a power of two; 41 s."""
MIXTURE: Final = 2
"""Rows of the mixture, before those of the loudspeakers."""
OLDER: Final = 16
"""Samples kept from before, at least TAPS - 1."""
SECTIONS: Final = 2
ZERO = np.float32(0.0)


class ProgrammeTable(IntEnum):
    """Words of the stage."""

    ROWS = 0
    """Rows that are measured: the mixture's two, and the loudspeakers."""
    FRAMES = auto()
    """Frames of a step."""
    AT = auto()
    """Frames of the present step that are over."""
    BETWEEN = auto()
    """Number of samples that are interpolated between two."""
    TAPS = auto()
    WEIGHTS = auto()
    """Address of float64 (rows, in whole banks)."""
    FILTERS = auto()
    STATES = auto()
    LINES = auto()
    """Address of float32 (rows, in whole banks; OLDER + ROW_FRAMES): the newest samples."""
    WORK = auto()
    SUMS = auto()
    """Address of float64 (rows, in whole banks): sums of squares of the present step."""
    PEAKS = auto()
    """Address of float32 (2,): highest true peaks of the present step."""
    STEPS = auto()
    """Number of steps since the start."""
    PAST_POWERS = auto()
    """Address of float64 (KEPT, 2), circular: of the mixture and the room."""
    PAST_PEAKS = auto()
    """Address of float32 (KEPT, 2), circular."""


class Steps(NamedTuple):
    """Some steps, the oldest first; the columns are the mixture and the room."""

    end: int
    """Number of steps since the start of the engine, up to the last of these."""
    powers: NDArray[np.float64]
    """Weighted mean powers, shape (steps, 2)."""
    peaks: NDArray[np.float32]
    """True peaks, linear, shape (steps, 2)."""


def state(weights: Sequence[float], sample_rate_hz: int) -> State:
    """The stage's state, with the weight of each loudspeaker's power; without any, only the mixture is measured."""
    rows = MIXTURE + len(weights)
    lanes = DOUBLES * banks(rows)
    taps = interpolation(sample_rate_hz)
    sections = np.delete(k_weighting(sample_rate_hz), 3, axis=1)
    own = np.zeros(lanes)
    own[:rows] = (*(1.0,) * MIXTURE, *weights)
    return State(
        ProgrammeTable,
        {
            ProgrammeTable.ROWS: rows,
            ProgrammeTable.FRAMES: max(round(STEP_S * sample_rate_hz), 1),
            ProgrammeTable.BETWEEN: len(taps),
            ProgrammeTable.TAPS: taps,
            ProgrammeTable.WEIGHTS: own,
            ProgrammeTable.FILTERS: np.repeat(sections[:, :, None], DOUBLES, axis=2),
            ProgrammeTable.STATES: np.zeros((banks(rows), SECTIONS, 2, DOUBLES)),
            ProgrammeTable.LINES: np.zeros((lanes, OLDER + ROW_FRAMES), np.float32),
            ProgrammeTable.WORK: np.zeros((OLDER + CHUNK_FRAMES, DOUBLES)),
            ProgrammeTable.SUMS: np.zeros(lanes),
            ProgrammeTable.PEAKS: np.zeros(2, np.float32),
            ProgrammeTable.PAST_POWERS: np.zeros((KEPT, 2)),
            ProgrammeTable.PAST_PEAKS: np.zeros((KEPT, 2), np.float32),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Measures the mixture as it comes in and the loudspeakers as they go out."""
    at = 0
    while at < count:
        frames = min(count - at, own[ProgrammeTable.FRAMES] - own[ProgrammeTable.AT])
        _measure_peaks(engine, own, at, frames)
        _measure_powers(own, frames)
        own[ProgrammeTable.AT] += frames
        if own[ProgrammeTable.AT] == own[ProgrammeTable.FRAMES]:
            _end_step(own)
        at += frames


@njit(**INNER)
def _measure_peaks(engine: Words, own: Words, at: int, count: int) -> None:
    """Takes the next samples into the lines, and their true peaks."""
    rows = own[ProgrammeTable.ROWS]
    mixture = floats(engine, Shared.MIXTURE_BUS, MIXTURE, ROW_FRAMES)
    feeds = floats(engine, Shared.SPEAKER_BUS, max(rows - MIXTURE, 1), ROW_FRAMES)
    lines = floats(own, ProgrammeTable.LINES, rows, OLDER + ROW_FRAMES)
    taps = floats(own, ProgrammeTable.TAPS, own[ProgrammeTable.BETWEEN], TAPS)
    peaks = floats(own, ProgrammeTable.PEAKS, 2)
    for row in range(rows):
        room = row >= MIXTURE
        source = feeds[row - MIXTURE] if room else mixture[row]
        line = lines[row]
        copy(source[at:], line[OLDER:], count)
        peak = true_peak(line, OLDER, count, taps)
        programme = 1 if room else 0
        peaks[programme] = max(peaks[programme], peak)


@njit(**INNER)
def _measure_powers(own: Words, count: int) -> None:
    """Adds up the squares of the K-weighted samples, and keeps the last samples for the next time."""
    rows = own[ProgrammeTable.ROWS]
    number = -(-rows // DOUBLES)
    lines = floats(own, ProgrammeTable.LINES, number * DOUBLES, OLDER + ROW_FRAMES)
    filters = doubles(own, ProgrammeTable.FILTERS, SECTIONS, 5, DOUBLES)
    states = doubles(own, ProgrammeTable.STATES, number, SECTIONS, 2, DOUBLES)
    work = doubles(own, ProgrammeTable.WORK, OLDER + CHUNK_FRAMES, DOUBLES)
    sums = doubles(own, ProgrammeTable.SUMS, number, DOUBLES)
    for bank in range(number):
        for i in range(OLDER, OLDER + count, DOUBLES):
            turn_to_frames(lines[bank * DOUBLES :], i, work)
        cascades(work[OLDER:], filters, states[bank], SECTIONS, count)
        power = load_lanes(sums[bank], 0)
        for i in range(OLDER, OLDER + count):
            x = load_lanes(work[i], 0)
            power = fused(x, x, power)
        store(sums[bank], 0, power)
    for row in range(rows):
        copy(lines[row][count:], lines[row], OLDER)


@njit(**INNER)
def _end_step(own: Words) -> None:
    """Publishes the present step, and begins the next."""
    rows = own[ProgrammeTable.ROWS]
    weights, sums = doubles(own, ProgrammeTable.WEIGHTS, rows), doubles(own, ProgrammeTable.SUMS, rows)
    peaks = floats(own, ProgrammeTable.PEAKS, 2)
    slot = own[ProgrammeTable.STEPS] & (KEPT - 1)
    powers = doubles(own, ProgrammeTable.PAST_POWERS, KEPT, 2)[slot]
    past_peaks = floats(own, ProgrammeTable.PAST_PEAKS, KEPT, 2)[slot]
    for programme in range(2):
        powers[programme] = 0.0
        past_peaks[programme] = peaks[programme]
        peaks[programme] = ZERO
    for row in range(rows):
        powers[1 if row >= MIXTURE else 0] += weights[row] * sums[row] / np.float64(own[ProgrammeTable.FRAMES])
        sums[row] = 0.0
    own[ProgrammeTable.AT] = 0
    store_release(own.ctypes.data + 8 * ProgrammeTable.STEPS, own[ProgrammeTable.STEPS] + 1)


def steps_after(own: State, after: int) -> Steps:
    """The steps after a number of them, or the last 40 s if there are more; may be called from any thread."""
    end = int(load(own.word_address(ProgrammeTable.STEPS)))
    # The oldest may be overwritten at any moment.
    slots = np.arange(max(after, end - KEPT + 2, 0), end) % KEPT
    return Steps(end, own[ProgrammeTable.PAST_POWERS][slots], own[ProgrammeTable.PAST_PEAKS][slots])
