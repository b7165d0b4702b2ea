"""The binaural monitor hears the room as the panner meant it, before what real loudspeakers need."""

from __future__ import annotations

from numba import njit

from stemfield.renderer.dsp.binaural import MONITOR_WORDS, hear
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.loudspeakers import find_loudspeakers
from stemfield.renderer.engine.mixing import scale_rows
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.views import floats2, floats4, words
from stemfield.renderer.simd import copy


@njit(**INNER)
def tap_monitor(table: Words, count: int) -> None:
    """Keeps the feeds as they are now, with the mutes and trims that the listener has set."""
    if table[c.MONITOR_TAPS] == 0:
        return
    speakers = table[m.SPEAKERS]
    out = floats2(table, m.SPEAKER_BUS, speakers, m.ROW_FRAMES)
    kept = floats2(table, c.MONITOR_BUS, speakers, m.ROW_FRAMES)
    for s in range(speakers):
        copy(out[s], kept[s], count)
    scale_rows(table, kept, table[c.MONITOR_ROW], count)
    find_loudspeakers(table, kept, c.MONITOR_IDENTIFY, count)


@njit(**INNER)
def feed_ears(table: Words, count: int) -> None:
    """Fills the two outputs behind the loudspeakers'."""
    taps = table[c.MONITOR_TAPS]
    if taps == 0:
        return
    speakers, front = table[m.SPEAKERS], table[c.MONITOR_FRONT]
    hear(
        floats2(table, c.MONITOR_BUS, speakers, m.ROW_FRAMES),
        floats2(table, m.SPEAKER_BUS, table[c.OUTPUTS], m.ROW_FRAMES)[speakers:],
        count,
        floats2(table, c.MONITOR_HISTORIES, speakers, taps - 1 + m.CHUNK_FRAMES),
        floats4(table, c.MONITOR_FILTERS, 2, speakers, 2, taps),
        floats4(table, c.MONITOR_TARGETS, 3, speakers, 2, taps)[front],
        words(table, c.MONITOR_VERSIONS, 3)[front],
        words(table, c.MONITOR_WORDS, MONITOR_WORDS),
        table[c.MONITOR_FADE],
        floats2(table, c.WORK_FLOATS, 2, m.CHUNK_FRAMES),
    )
