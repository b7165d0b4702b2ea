"""What goes out: limited, metered, handed to the driver."""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from stemfield.renderer import chain_memory as c
from stemfield.renderer import memory as m
from stemfield.renderer.dsp.delay import hold
from stemfield.renderer.dsp.kinds import Words
from stemfield.renderer.dsp.limiter import GAIN_WORDS, apply_gains, excess, gain_curve
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.native import NATIVE, as_pointer
from stemfield.renderer.views import doubles, floats, floats2, words, words2


@njit(**NATIVE)
def limit(table: Words, count: int) -> None:
    """Keeps every output below its ceiling; the outputs of a group share a gain."""
    groups = table[c.LIMITED_GROUPS]
    if groups == 0:
        return
    outputs, window, queue = table[c.OUTPUTS], table[c.LIMITER_WINDOW], table[c.LIMITER_QUEUE]
    late = window - 1
    out = floats2(table, m.SPEAKER_BUS, outputs, m.CHUNK_FRAMES)
    lines = floats2(table, c.LIMITER_LINES, outputs, late + m.CHUNK_FRAMES)
    ceilings = floats(table, c.CEILINGS, outputs)
    group_of = words(table, c.LIMITER_GROUPS, outputs)
    states = words2(table, c.LIMITER_WORDS, groups, GAIN_WORDS)
    queues = words2(table, c.LIMITER_QUEUES, 2 * groups, queue)
    past = words2(table, c.LIMITER_PAST, groups, queue)
    work = floats2(table, c.WORK_FLOATS, 2, m.CHUNK_FRAMES)
    worst, gains = work[0], work[1]
    for group in range(groups):
        for i in range(count):
            worst[i] = np.float32(0.0)
        for s in range(outputs):
            if group_of[s] == group:
                excess(out[s], count, ceilings[s], worst)
        queue_of = queues[2 * group : 2 * group + 2]
        step = table[c.LIMITER_STEP]
        limiting = gain_curve(worst, count, gains, states[group], queue_of, past[group], window, step)
        for s in range(outputs):
            if group_of[s] == group:
                hold(out[s], count, lines[s], late)
                if limiting:
                    apply_gains(out[s], count, gains)


@njit(**NATIVE)
def give(table: Words, outputs: Words, at: int, count: int) -> None:
    """Hands the feeds to the driver, and publishes the meters when their period is over."""
    feeds, first = table[c.OUTPUTS], 2 + table[m.SOURCES]
    meters = first + feeds
    out = floats2(table, m.SPEAKER_BUS, feeds, m.CHUNK_FRAMES)
    peaks = floats(table, m.METER_SUM, meters)
    powers = doubles(table, m.METER_POWERS, meters)
    for s in range(feeds):
        feed = carray(as_pointer(outputs[s] + 4 * at), (count,), np.float32)
        for i in range(count):
            feed[i] = out[s, i]
        measure(out[s], count, peaks, powers, first + s)
    table[m.METER_AT] += count
    if table[m.METER_AT] >= table[m.METER_FRAMES]:
        shown_peaks = floats(table, m.METER_PEAK, meters)
        shown_powers = floats(table, m.METER_MEAN_SQUARES, meters)
        for k in range(meters):
            shown_peaks[k] = peaks[k]
            shown_powers[k] = np.float32(powers[k] / np.float64(table[m.METER_AT]))
            peaks[k] = np.float32(0.0)
            powers[k] = 0.0
        table[m.METER_AT] = 0
