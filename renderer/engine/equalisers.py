"""The equalisers of the sources, in banks; where one of a bank is changing, each is worked off by itself."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.bank import filter_rows
from stemfield.renderer.dsp.bounds import LOUDEST_SOURCE, bound
from stemfield.renderer.dsp.equaliser import COUNTS, EQUALISER_WORDS, MAX_SECTIONS, equalise, rests
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.plan import TARGETS
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.views import doubles2, doubles4, doubles5, floats2, words, words2
from stemfield.renderer.simd import DOUBLES


@njit(**INNER)
def equalise_sources(table: Words, count: int) -> None:
    """Costs nothing where no equaliser is and none is wanted; what comes out of one is bounded anew."""
    sources, fade = table[m.SOURCES], table[c.EQUALISER_FADE]
    bus, bad = floats2(table, m.SOURCE_BUS, sources, m.ROW_FRAMES), words(table, m.BAD_SOURCES, sources)
    states = words2(table, c.EQUALISERS, sources, EQUALISER_WORDS)
    versions = words2(table, c.TARGET_VERSIONS, TARGETS, sources)[table[m.FRONT]]
    for first in range(0, sources, DOUBLES):
        resting, sections = True, np.int64(0)
        behind = min(first + DOUBLES, sources)
        for row in range(first, behind):
            resting &= rests(states[row], versions[row], fade)
            sections = max(sections, states[row, COUNTS])
        if not resting:
            _one_by_one(table, first, count)
        elif sections > 0:
            _together(table, first, sections, count)
        else:
            continue
        for row in range(first, behind):
            bad[row] += bound(bus[row], count, LOUDEST_SOURCE)


@njit(**INNER)
def _together(table: Words, first: int, sections: int, count: int) -> None:
    bank = first // DOUBLES
    filter_rows(
        floats2(table, m.SOURCE_BUS, first + DOUBLES, m.ROW_FRAMES)[first:],
        count,
        doubles5(table, c.EQUALISER_SECTIONS, bank + 1, 2, MAX_SECTIONS, 5, DOUBLES)[bank, 0],
        doubles5(table, c.EQUALISER_STATES, bank + 1, 2, MAX_SECTIONS, 2, DOUBLES)[bank, 0],
        sections,
        doubles2(table, c.FRAMES, m.CHUNK_FRAMES, DOUBLES),
    )


@njit(**INNER)
def _one_by_one(table: Words, first: int, count: int) -> None:
    sources, front, bank = table[m.SOURCES], table[m.FRONT], first // DOUBLES
    for row in range(first, min(first + DOUBLES, sources)):
        equalise(
            floats2(table, m.SOURCE_BUS, sources, m.ROW_FRAMES)[row],
            count,
            words2(table, c.EQUALISERS, sources, EQUALISER_WORDS)[row],
            doubles5(table, c.EQUALISER_SECTIONS, bank + 1, 2, MAX_SECTIONS, 5, DOUBLES)[bank, :, :, :, row - first],
            doubles5(table, c.EQUALISER_STATES, bank + 1, 2, MAX_SECTIONS, 2, DOUBLES)[bank, :, :, :, row - first],
            doubles4(table, c.TARGET_SECTIONS, TARGETS, sources, MAX_SECTIONS, 5)[front, row],
            words2(table, c.TARGET_COUNTS, TARGETS, sources)[front, row],
            words2(table, c.TARGET_VERSIONS, TARGETS, sources)[front, row],
            table[c.EQUALISER_FADE],
            doubles2(table, c.WORK, 2, m.CHUNK_FRAMES),
        )
