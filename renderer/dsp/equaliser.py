"""The equalisers of the sources, which may change while they sound: old and new filters are cross-faded.

Changing the coefficients of a running filter abruptly makes it ring. So a new equaliser starts beside the old one and
takes over within `FADE_S`; a fade that has begun is completed first.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.dsp.bank import banks, filter_rows, identity
from stemfield.renderer.dsp.biquad import IDENTITY, cascade
from stemfield.renderer.dsp.bounds import LOUDEST_SOURCE, bound
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, TARGETS, Shared
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats, words
from stemfield.renderer.simd.vectors import DOUBLES

MAX_SECTIONS: Final = 16
"""Maximum number of bands of one equaliser."""
FADE_S: Final = 0.02


class EqualiserTable(IntEnum):
    """Words of the stage."""

    FADE = 0
    EQUALISERS = auto()
    SECTIONS = auto()
    STATES = auto()
    TARGET_SECTIONS = auto()
    TARGET_COUNTS = auto()
    TARGET_VERSIONS = auto()
    BAD = auto()
    """Address of int64 (sources,): samples that were out of bounds."""


class Equaliser(IntEnum):
    """Words of one equaliser: the version requested last, frames faded, and the number of sections of both slots.

    Slot 0 is in force; slot 1 takes over while a fade is under way, and its contents move to slot 0 at the end.
    """

    VERSION = 0
    FADED = auto()
    COUNT = auto()
    NEXT_COUNT = auto()


EQUALISER_WORDS: Final = len(Equaliser)


def state(sources: int, sample_rate_hz: float) -> State:
    """The stage's state: no equaliser."""
    fade = round(FADE_S * sample_rate_hz)
    equalisers = np.zeros((sources, EQUALISER_WORDS), np.int64)
    equalisers[:, Equaliser.FADED] = fade
    return State(
        EqualiserTable,
        {
            EqualiserTable.FADE: fade,
            EqualiserTable.EQUALISERS: equalisers,
            EqualiserTable.SECTIONS: np.stack([identity(sources, MAX_SECTIONS)] * 2, axis=1),
            EqualiserTable.STATES: np.zeros((banks(sources), 2, MAX_SECTIONS, 2, DOUBLES)),
            EqualiserTable.TARGET_SECTIONS: np.zeros((TARGETS, sources, MAX_SECTIONS, 5)),
            EqualiserTable.TARGET_COUNTS: np.zeros((TARGETS, sources), np.int64),
            EqualiserTable.TARGET_VERSIONS: np.zeros((TARGETS, sources), np.int64),
            EqualiserTable.BAD: np.zeros(sources, np.int64),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Equalises the sources in banks, those of a bank with a changing equaliser one by one, and bounds the result.

    Sources without an equaliser cost nothing.
    """
    sources, fade, front = engine[Shared.SOURCES], own[EqualiserTable.FADE], engine[Shared.FRONT]
    bus, bad = floats(engine, Shared.SOURCE_BUS, sources, ROW_FRAMES), words(own, EqualiserTable.BAD, sources)
    equalisers = words(own, EqualiserTable.EQUALISERS, sources, EQUALISER_WORDS)
    versions = words(own, EqualiserTable.TARGET_VERSIONS, TARGETS, sources)[front]
    for first in range(0, sources, DOUBLES):
        resting, sections = True, np.int64(0)
        behind = min(first + DOUBLES, sources)
        for row in range(first, behind):
            equaliser = equalisers[row]
            resting &= equaliser[Equaliser.VERSION] == versions[row] and equaliser[Equaliser.FADED] >= fade
            sections = max(sections, equaliser[Equaliser.COUNT])
        if not resting:
            for row in range(first, behind):
                equalise(bus[row], count, own, row, front, sources, doubles(engine, Shared.WORK, 2, CHUNK_FRAMES))
        elif sections > 0:
            _together(engine, own, first, sections, count)
        else:
            continue
        for row in range(first, behind):
            bad[row] += bound(bus[row], count, LOUDEST_SOURCE)


@njit(**INNER)
def _together(engine: Words, own: Words, first: int, sections: int, count: int) -> None:
    bank = first // DOUBLES
    filter_rows(
        floats(engine, Shared.SOURCE_BUS, first + DOUBLES, ROW_FRAMES)[first:],
        count,
        doubles(own, EqualiserTable.SECTIONS, bank + 1, 2, MAX_SECTIONS, 5, DOUBLES)[bank, 0],
        doubles(own, EqualiserTable.STATES, bank + 1, 2, MAX_SECTIONS, 2, DOUBLES)[bank, 0],
        sections,
        doubles(engine, Shared.WORK_FRAMES, CHUNK_FRAMES, DOUBLES),
    )


@njit(**NATIVE)
def equalise(samples: Floats, length: int, own: Words, row: int, front: int, sources: int, work: Doubles) -> None:
    """Filters samples[:length] in place.

    Args:
        samples: one source.
        length: frames.
        own: table of the stage.
        row: index of the source.
        front: row of the arrays of targets that is in force.
        sources: number of sources.
        work: shape (2, length or more).
    """
    bank, lane, fade = row // DOUBLES, row % DOUBLES, own[EqualiserTable.FADE]
    equaliser = words(own, EqualiserTable.EQUALISERS, sources, EQUALISER_WORDS)[row]
    coefficients = doubles(own, EqualiserTable.SECTIONS, bank + 1, 2, MAX_SECTIONS, 5, DOUBLES)[bank, :, :, :, lane]
    states = doubles(own, EqualiserTable.STATES, bank + 1, 2, MAX_SECTIONS, 2, DOUBLES)[bank, :, :, :, lane]
    wanted = doubles(own, EqualiserTable.TARGET_SECTIONS, TARGETS, sources, MAX_SECTIONS, 5)[front, row]
    wanted_count = words(own, EqualiserTable.TARGET_COUNTS, TARGETS, sources)[front, row]
    version = words(own, EqualiserTable.TARGET_VERSIONS, TARGETS, sources)[front, row]
    at = 0
    while at < length:
        if equaliser[Equaliser.FADED] >= fade and equaliser[Equaliser.VERSION] != version:
            _fill(coefficients[1], states[1], wanted, wanted_count)
            equaliser[Equaliser.NEXT_COUNT] = wanted_count
            equaliser[Equaliser.VERSION] = version
            equaliser[Equaliser.FADED] = 0
        faded = equaliser[Equaliser.FADED]
        fading = faded < fade
        if not fading and equaliser[Equaliser.COUNT] == 0:
            return
        count = min(length - at, fade - faded) if fading else length - at
        old, new = work[0], work[1]
        for i in range(count):
            old[i] = samples[at + i]
            new[i] = samples[at + i]
        cascade(old, coefficients[0], states[0], equaliser[Equaliser.COUNT], count)
        if fading:
            cascade(new, coefficients[1], states[1], equaliser[Equaliser.NEXT_COUNT], count)
            for i in range(count):
                share = np.float64(faded + i + 1) / np.float64(fade)
                old[i] += (new[i] - old[i]) * share
            equaliser[Equaliser.FADED] = faded + count
            if faded + count == fade:
                _fill(coefficients[0], states[0], coefficients[1], equaliser[Equaliser.NEXT_COUNT])
                for k in range(equaliser[Equaliser.NEXT_COUNT]):
                    states[0, k, 0], states[0, k, 1] = states[1, k, 0], states[1, k, 1]
                equaliser[Equaliser.COUNT] = equaliser[Equaliser.NEXT_COUNT]
        for i in range(count):
            samples[at + i] = np.float32(old[i])
        at += count


@njit(**INNER)
def _fill(coefficients: Doubles, states: Doubles, wanted: Doubles, count: int) -> None:
    """Puts a filter at rest into a slot, and fills it with sections that change nothing, for the banks."""
    for k in range(MAX_SECTIONS):
        for n in range(5):
            coefficients[k, n] = wanted[k, n] if k < count else IDENTITY[n]
        states[k, 0], states[k, 1] = 0.0, 0.0
