"""What goes out: bounded, limited, faded at the beginning and the end, metered, handed to the driver."""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from stemfield.renderer.dsp.bounds import LOUDEST_FEED, bound
from stemfield.renderer.dsp.delay import hold
from stemfield.renderer.dsp.limiter import GAIN_WORDS, apply_gains, excess, gain_curve
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.engine import chain_memory as c
from stemfield.renderer.engine import memory as m
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, as_pointer, load_acquire, store_release
from stemfield.renderer.native.views import doubles, floats, floats2, words, words2
from stemfield.renderer.simd import copy


@njit(**INNER)
def limit(table: Words, count: int) -> None:
    """Keeps every output below its ceiling; the outputs of a group share a gain."""
    groups, outputs = table[c.LIMITED_GROUPS], table[c.OUTPUTS]
    out = floats2(table, m.SPEAKER_BUS, outputs, m.ROW_FRAMES)
    bad = words(table, m.BAD_FEEDS, outputs)
    for s in range(outputs):
        bad[s] += bound(out[s], count, LOUDEST_FEED)
    if groups == 0:
        return
    window, queue = table[c.LIMITER_WINDOW], table[c.LIMITER_QUEUE]
    late = window - 1
    lines = floats2(table, c.LIMITER_LINES, outputs, late + m.CHUNK_FRAMES)
    ceilings = floats(table, c.CEILINGS, outputs)
    group_of = words(table, c.LIMITER_GROUPS, outputs)
    states = words2(table, c.LIMITER_WORDS, groups, GAIN_WORDS)
    queues = words2(table, c.LIMITER_QUEUES, 2 * groups, queue)
    past = words2(table, c.LIMITER_PAST, groups, queue)
    work = floats2(table, c.WORK_FLOATS, 2, m.CHUNK_FRAMES)
    worst, gains = work[0], work[1]
    lowest = floats(table, m.METER_LIMITED, groups)
    for group in range(groups):
        for i in range(count):
            worst[i] = np.float32(0.0)
        for s in range(outputs):
            if group_of[s] == group:
                excess(out[s], count, ceilings[s], worst)
        queue_of = queues[2 * group : 2 * group + 2]
        step = table[c.LIMITER_STEP]
        limiting = gain_curve(worst, count, gains, states[group], queue_of, past[group], window, step)
        if limiting:
            for i in range(count):
                lowest[group] = min(lowest[group], gains[i])
        for s in range(outputs):
            if group_of[s] == group:
                hold(out[s], count, lines[s], late)
                if limiting:
                    apply_gains(out[s], count, gains)


@njit(**INNER)
def rise(table: Words, count: int) -> None:
    """Lets all outputs rise out of silence after a start, and sink into it before an end."""
    # Control sets how long to hold before it lets us sound: until then that word is its own.
    sounding = load_acquire(table.ctypes.data + 8 * m.SOUNDING) != 0
    full, at, held = table[m.RISE_FRAMES], table[m.RISE_AT], table[m.RISE_HOLD]
    if sounding and at == full:
        return
    outputs = table[c.OUTPUTS]
    out = floats2(table, m.SPEAKER_BUS, outputs, m.ROW_FRAMES)
    gains = floats2(table, c.WORK_FLOATS, 2, m.CHUNK_FRAMES)[0]
    for i in range(count):
        if not sounding:
            at = max(at - table[m.FALL_STEP], 0)
        elif held > 0:
            held -= 1
        else:
            at = min(at + 1, full)
        gains[i] = np.float32(at) / np.float32(full)
    for s in range(outputs):
        apply_gains(out[s], count, gains)
    table[m.RISE_AT] = at
    if sounding:
        table[m.RISE_HOLD] = held


@njit(**INNER)
def give(table: Words, outputs: Words, at: int, count: int) -> None:
    """Hands the feeds to the driver, and publishes the meters when their period is over."""
    feeds, first = table[c.OUTPUTS], 2 + table[m.SOURCES]
    meters = first + feeds
    out = floats2(table, m.SPEAKER_BUS, feeds, m.ROW_FRAMES)
    peaks = floats(table, m.METER_SUM, meters)
    powers = doubles(table, m.METER_POWERS, meters)
    for s in range(feeds):
        feed = carray(as_pointer(outputs[s] + 4 * at), (count,), np.float32)
        copy(out[s], feed, count)
        measure(out[s], count, peaks, powers, first + s)
    table[m.METER_AT] += count
    if table[m.METER_AT] >= table[m.METER_FRAMES]:
        _publish_meters(table, peaks, powers)


@njit(**INNER)
def _publish_meters(table: Words, peaks: Floats, powers: Doubles) -> None:
    """Puts what was gathered behind the periods before, and begins again."""
    meters, groups = peaks.shape[0], table[c.LIMITED_GROUPS]
    slot = table[m.METER_PERIODS] & (m.METER_KEPT - 1)
    shown_peaks = floats2(table, m.METER_PEAKS, m.METER_KEPT, meters)[slot]
    shown_powers = floats2(table, m.METER_MEAN_SQUARES, m.METER_KEPT, meters)[slot]
    for k in range(meters):
        shown_peaks[k] = peaks[k]
        shown_powers[k] = np.float32(powers[k] / np.float64(table[m.METER_AT]))
        peaks[k] = np.float32(0.0)
        powers[k] = 0.0
    lowest = floats(table, m.METER_LIMITED, groups)
    shown_limits = floats2(table, m.METER_LIMITS, m.METER_KEPT, groups)[slot]
    for k in range(groups):
        shown_limits[k] = lowest[k]
        lowest[k] = np.float32(1.0)
    table[m.METER_AT] = 0
    store_release(table.ctypes.data + 8 * m.METER_PERIODS, table[m.METER_PERIODS] + 1)
