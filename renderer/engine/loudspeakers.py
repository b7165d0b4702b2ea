"""What each loudspeaker plays of what was panned to it: everything that its place and its kind ask for."""

from __future__ import annotations

import numpy as np
from numba import njit

from stemfield.renderer.dsp.bank import filter_rows
from stemfield.renderer.dsp.biquad import cascade
from stemfield.renderer.dsp.decorrelator import RINGING, STAGES, decorrelate
from stemfield.renderer.dsp.delay import DELAY_WORDS, delay, hold
from stemfield.renderer.dsp.fir import HEAD, convolve
from stemfield.renderer.dsp.identify import IDENTIFY_WORDS, SOUNDS, identify
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.engine.mixing import scale_rows
from stemfield.renderer.engine.plan import TARGETS
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, load_acquire
from stemfield.renderer.native.views import (
    doubles,
    doubles2,
    doubles3,
    doubles4,
    floats,
    floats2,
    floats3,
    words,
    words2,
    words3,
)
from stemfield.renderer.simd import DOUBLES, FLOATS, load, store


@njit(**INNER)
def join_buses(table: Words, count: int) -> None:
    """Adds the diffuse bus, decorrelated, to the direct one, which is delayed to come with it."""
    if table[c.ALIGN] == 0:
        return
    speakers, late, ring = table[m.SPEAKERS], table[c.ALIGN], table[c.DECORRELATOR_RING]
    out = floats2(table, m.SPEAKER_BUS, speakers, m.ROW_FRAMES)
    lines = floats2(table, c.ALIGN_LINES, speakers, late + m.CHUNK_FRAMES)
    for s in range(speakers):
        hold(out[s], count, lines[s], late)
    # Once nothing but zeros is left in the rings, a silent bus stays silent: then this may be left out.
    if table[c.QUIET_FRAMES] >= RINGING * late + m.CHUNK_FRAMES:
        return
    diffuse = floats2(table, c.DIFFUSE_BUS, speakers, m.ROW_FRAMES)
    delays = words2(table, c.DECORRELATOR_DELAYS, speakers, STAGES)
    gains = floats2(table, c.DECORRELATOR_GAINS, speakers, STAGES)
    for s in range(speakers):
        rings = floats3(table, c.DECORRELATOR_RINGS, speakers, STAGES, ring)[s]
        decorrelate(diffuse[s], count, rings, table[m.POSITION], delays[s], gains[s])
        for i in range(0, count, FLOATS):
            store(out[s], i, load(out[s], i) + load(diffuse[s], i))


@njit(**INNER)
def feed_loudspeakers(table: Words, count: int) -> None:
    """Bass management, filters, correction, delay, trim and mute, and the sounds by which each is found."""
    speakers = table[m.SPEAKERS]
    out = floats2(table, m.SPEAKER_BUS, speakers, m.ROW_FRAMES)
    if table[c.BASS] != 0:
        _manage_bass(table, out, count)
    _filter(table, count)
    corrections = words2(table, c.CORRECTIONS, speakers, c.CORRECTION_WORDS)
    for s in range(speakers):
        if corrections[s, c.PARTS] >= 0:
            _correct(table, s, out[s], corrections[s], count)
        if table[c.DELAY_RING] > 0:
            _delay(table, s, out[s], count)
    scale_rows(table, out, table[c.OWN_ROW], count)
    find_loudspeakers(table, out, c.IDENTIFY, count)


@njit(**INNER)
def _manage_bass(table: Words, out: Floats, count: int) -> None:
    """Adds to each subwoofer, after the allpass of the crossover, the bass of the loudspeakers it serves.

    All that the others keep has gone or will go through the same allpass, by their own filters.
    """
    speakers = table[m.SPEAKERS]
    weights = floats2(table, c.BASS_WEIGHTS, speakers, speakers)
    low, allpass = doubles2(table, c.BASS_LOW, 2, 5), doubles2(table, c.BASS_ALLPASS, 1, 5)
    states = doubles3(table, c.BASS_STATES, speakers, 3, 2)
    work = doubles2(table, c.WORK, 2, m.CHUNK_FRAMES)
    lfe_gain = doubles(table, c.BASS_LFE_GAIN, 1)[0]
    lfe = words(table, c.SPEAKER_LFE, speakers)
    for s in range(speakers):
        if lfe[s] == 0:
            continue
        own, bass = work[0], work[1]
        for i in range(count):
            own[i] = lfe_gain * np.float64(out[s, i])
            bass[i] = 0.0
        for k in range(speakers):
            weight = np.float64(weights[s, k])
            if weight != 0.0:
                for i in range(count):
                    bass[i] += weight * np.float64(out[k, i])
        cascade(bass, low, states[s], low.shape[0], count)
        cascade(own, allpass, states[s, low.shape[0] :], allpass.shape[0], count)
        for i in range(count):
            out[s, i] = np.float32(own[i] + bass[i])


@njit(**INNER)
def _filter(table: Words, count: int) -> None:
    most, banks = table[c.MAX_SPEAKER_SECTIONS], -(-table[m.SPEAKERS] // DOUBLES)
    out = floats2(table, m.SPEAKER_BUS, banks * DOUBLES, m.ROW_FRAMES)
    coefficients = doubles4(table, c.SPEAKER_SECTIONS, banks, most, 5, DOUBLES)
    states = doubles4(table, c.SPEAKER_STATES, banks, most, 2, DOUBLES)
    sections = words(table, c.SPEAKER_COUNTS, banks)
    frames = doubles2(table, c.FRAMES, m.CHUNK_FRAMES, DOUBLES)
    for bank in range(banks):
        if sections[bank] > 0:
            filter_rows(out[bank * DOUBLES :], count, coefficients[bank], states[bank], sections[bank], frames)


@njit(**INNER)
def _correct(table: Words, s: int, feed: Floats, own: Words, count: int) -> None:
    parts = own[c.PARTS]
    turn = s * HEAD // table[m.SPEAKERS]
    convolve(
        feed,
        count,
        floats(own, c.FIR_HISTORY, HEAD - 1 + m.CHUNK_FRAMES),
        floats(own, c.FIR_HEAD, HEAD),
        doubles2(own, c.FIR_TAIL, 3, HEAD),
        doubles3(own, c.FIR_SPECTRA, 2, parts, HEAD + 1),
        doubles2(own, c.FIR_REAL, parts, HEAD + 1),
        doubles2(own, c.FIR_IMAGINARY, parts, HEAD + 1),
        parts,
        table[m.POSITION] + turn,
        words(table, c.FFT_ORDER, 2 * HEAD),
        doubles(table, c.FFT_COSINES, HEAD),
        doubles(table, c.FFT_SINES, HEAD),
        doubles2(table, c.FFT_WORK, 2, 2 * HEAD),
    )


@njit(**INNER)
def _delay(table: Words, s: int, feed: Floats, count: int) -> None:
    speakers = table[m.SPEAKERS]
    ring = floats2(table, c.DELAY_RINGS, speakers, table[c.DELAY_RING])[s]
    wanted = words2(table, c.TARGET_DELAYS, TARGETS, speakers)[table[m.FRONT], s]
    state = words2(table, c.DELAYS, speakers, DELAY_WORDS)[s]
    delay(feed, count, ring, table[m.POSITION], state, wanted, table[c.DELAY_FADE])


@njit(**INNER)
def find_loudspeakers(table: Words, feeds: Floats, state_word: int, count: int) -> None:
    """Adds to the loudspeakers that are looked for the sound that was asked for.

    Args:
        table: of the engine.
        feeds: shape (loudspeakers, ROW_FRAMES).
        state_word: where what these feeds have played is noted.
        count: frames.
    """
    if load_acquire(table.ctypes.data + 8 * c.IDENTIFYING) == 0:
        return
    speakers = table[m.SPEAKERS]
    states = words2(table, state_word, speakers, IDENTIFY_WORDS)
    levels = floats(table, c.IDENTIFY_LEVELS, speakers)
    sounds = words3(table, c.IDENTIFY_SOUNDS, speakers, SOUNDS, 2)
    for s in range(speakers):
        request = load_acquire(table[c.IDENTIFY_REQUESTS] + 8 * s)
        identify(feeds[s], count, states[s], request, levels[s], sounds[s], table[c.IDENTIFY_FADE])
