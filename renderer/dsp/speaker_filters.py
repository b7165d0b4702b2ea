"""The loudspeakers' filters: the high-pass of bass management, their own crossovers and equalisers, in banks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.dsp.bank import filter_rows, identity
from stemfield.renderer.dsp.bass_management import Bass
from stemfield.renderer.dsp.biquad import butterworth4, sections
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Doubles, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats, words
from stemfield.renderer.simd.vectors import DOUBLES

NO_SECTIONS: Final = np.zeros((0, 5))


class FilterTable(IntEnum):
    """Words of the stage."""

    MOST = 0
    """Sections of the longest cascade."""
    COUNTS = auto()
    """Address of int64 (banks,): sections of the longest cascade of each bank."""
    SECTIONS = auto()
    STATES = auto()


def design(layout: Layout, bass: Bass | None, sample_rate_hz: int) -> tuple[Doubles, ...]:
    """Each loudspeaker's sections, shape (any, 5)."""
    managed = (False,) * len(layout.speakers) if bass is None else bass.managed
    pairs = zip(layout.speakers, managed, strict=True)
    return tuple(_sections(speaker, bass, leaves_bass, sample_rate_hz) for speaker, leaves_bass in pairs)


def _sections(speaker: Speaker, bass: Bass | None, leaves_bass: bool, sample_rate_hz: int) -> Doubles:
    """High-pass of the bass management or the allpass in its place, then the loudspeaker's own filters."""
    found = [NO_SECTIONS]
    if bass is not None and not speaker.lfe:
        found.append(bass.crossover.high if leaves_bass else bass.crossover.allpass)
    if speaker.highpass_hz is not None:
        found.append(butterworth4("highpass", speaker.highpass_hz, sample_rate_hz))
    if speaker.lowpass_hz is not None:
        found.append(butterworth4("lowpass", speaker.lowpass_hz, sample_rate_hz))
    return np.concatenate([*found, sections(speaker.eq, sample_rate_hz)])


def state(filters: Sequence[Doubles]) -> State:
    """The stage's state for the sections of each loudspeaker."""
    counts = [len(own) for own in filters]
    coefficients = identity(len(filters), max(counts, default=0))
    for s, own in enumerate(filters):
        coefficients[s // DOUBLES, : len(own), :, s % DOUBLES] = own
    longest = [max(counts[s : s + DOUBLES]) for s in range(0, len(counts), DOUBLES)]
    return State(
        FilterTable,
        {
            FilterTable.MOST: max(counts, default=0),
            FilterTable.COUNTS: np.array(longest, np.int64),
            FilterTable.SECTIONS: coefficients,
            FilterTable.STATES: np.zeros((*coefficients.shape[:2], 2, DOUBLES)),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Filters the feeds, a bank at a time."""
    most, banks = own[FilterTable.MOST], -(-engine[Shared.SPEAKERS] // DOUBLES)
    out = floats(engine, Shared.SPEAKER_BUS, banks * DOUBLES, ROW_FRAMES)
    coefficients = doubles(own, FilterTable.SECTIONS, banks, most, 5, DOUBLES)
    states = doubles(own, FilterTable.STATES, banks, most, 2, DOUBLES)
    counts = words(own, FilterTable.COUNTS, banks)
    frames = doubles(engine, Shared.WORK_FRAMES, CHUNK_FRAMES, DOUBLES)
    for bank in range(banks):
        if counts[bank] > 0:
            filter_rows(out[bank * DOUBLES :], count, coefficients[bank], states[bank], counts[bank], frames)
