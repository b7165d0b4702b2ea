"""The one signal path, compiled: a block of inputs becomes a block of loudspeaker feeds.

JACK's callback, the clock and the file renderer call the same `process`. It takes addresses only, allocates nothing,
takes no lock and cannot raise. A result depends on positions in time, never on how time was cut into blocks.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numpy.typing import NDArray

from stemfield.renderer import memory as m
from stemfield.renderer.native import NATIVE, as_pointer, exchange, load_acquire, store_release, swap_float_mode

Words = NDArray[np.int64]
Floats = NDArray[np.float32]

DIRTY = 4
"""Bit of the triple buffer's middle word: the slot it names is newer than the processor's."""
LOUDEST = np.float32(1e4)
"""Samples beyond this (80 dB over full scale), infinities and NaN count as faults and are replaced by silence."""
MONOTONIC = 1
ZERO = np.float32(0.0)
ONE = np.float32(1.0)

_METERING = NATIVE | {"fastmath": {"nnan", "nsz", "reassoc"}}

clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.voidptr))


@njit(**NATIVE)
def process(table_address: int, inputs_address: int, outputs_address: int, frames: int) -> None:
    """Renders one block.

    Args:
        table_address: of `Memory.table`.
        inputs_address: of int64 addresses of float32[frames] buffers: the mixture's channels, then the direct inputs.
        outputs_address: of int64 addresses of float32[frames] buffers, one a loudspeaker, in layout order.
        frames: block length, 1 and more.
    """
    table = carray(as_pointer(table_address), (m.TABLE_WORDS,), np.int64)
    inputs = carray(as_pointer(inputs_address), (table[m.INPUTS] + table[m.DIRECT],), np.int64)
    outputs = carray(as_pointer(outputs_address), (table[m.SPEAKERS],), np.int64)
    mode = swap_float_mode(-1)
    began = _now_ns(table)
    at = 0
    while at < frames:
        count = min(m.CHUNK_FRAMES, frames - at)
        _take_mixture(table, inputs, at, count)
        _take_stems(table, count)
        _take_direct(table, inputs, at, count)
        _take_targets(table)
        _render(table, count)
        _give(table, outputs, at, count)
        table[m.POSITION] += count
        at += count
    times = carray(as_pointer(table[m.CALL_TIMES]), (m.TIMES,), np.int64)
    times[table[m.CALLS] & (m.TIMES - 1)] = _now_ns(table) - began
    store_release(table_address + 8 * m.CALLS, table[m.CALLS] + 1)
    swap_float_mode(mode)


@njit(**NATIVE)
def _now_ns(table: Words) -> int:
    clock_gettime(MONOTONIC, as_pointer(table[m.CLOCK]))
    clock = carray(as_pointer(table[m.CLOCK]), (2,), np.int64)
    return clock[0] * 1_000_000_000 + clock[1]


@njit(**_METERING)
def _peak(samples: Floats, count: int, before: np.float32) -> np.float32:
    highest = before
    for i in range(count):
        highest = max(highest, abs(samples[i]))
    return highest


@njit(**NATIVE)
def _copy_sound(source: Floats, target: Floats, count: int) -> int:
    """Copies samples, silences those that are no sound, and returns how many those were."""
    bad = 0
    for i in range(count):
        sound = abs(source[i]) <= LOUDEST  # false for NaN
        target[i] = source[i] if sound else ZERO
        bad += 0 if sound else 1
    return bad


@njit(**NATIVE)
def _take_mixture(table: Words, inputs: Words, at: int, count: int) -> None:
    """Adds up the mixture from the driver and from the player, and puts it on the timeline."""
    position = table[m.POSITION]
    size = table[m.TIMELINE]
    ring = carray(as_pointer(table[m.MIXTURE_RING]), (2, size), np.float32)
    player = carray(as_pointer(table[m.PLAYER_RING]), (2, m.PLAYER_FRAMES), np.float32)
    meters = carray(as_pointer(table[m.METER_SUM]), (2,), np.float32)
    work = carray(as_pointer(table[m.FADE_CURVE]), (m.CHUNK_FRAMES,), np.float32)
    start = table[m.PLAYER_AT]
    played = min(count, load_acquire(_word(table, m.PLAYER_END)) - start)
    for side in range(2):
        if table[m.INPUTS] > 0:
            address = inputs[min(side, table[m.INPUTS] - 1)] + 4 * at
            table[m.BAD_INPUT] += _copy_sound(carray(as_pointer(address), (count,), np.float32), work, count)
        else:
            for i in range(count):
                work[i] = ZERO
        for i in range(played):
            work[i] += player[side, (start + i) & (m.PLAYER_FRAMES - 1)]
        for i in range(count):
            ring[side, (position + i) & (size - 1)] = work[i]
        meters[side] = _peak(work, count, meters[side])
    if played > 0:
        store_release(_word(table, m.PLAYER_AT), start + played)
    if played < count and table[m.PLAYING] != 0:
        table[m.PLAYER_GAPS] += 1
    store_release(table[m.MIXTURE_END], position + count)


@njit(**NATIVE)
def _fade_curve(table: Words, count: int) -> bool:
    """Fills the stems' share of each frame, 0..1; returns whether any of it is more than 0.

    The share falls while the timeline still holds as many stem frames as the fade needs, so that a worker that dies
    leaves a cross-fade to the mixture, not a cut.
    """
    fade = table[m.FADE]
    curve = carray(as_pointer(table[m.FADE_CURVE]), (m.CHUNK_FRAMES,), np.float32)
    first = table[m.POSITION] - table[m.LATENCY]
    end = load_acquire(table[m.STEMS_END])
    start = load_acquire(table[m.STEMS_START])
    held = end - first if start <= first else 0
    level = table[m.FADE_AT]
    before = level
    ahead = held >= count + fade
    if table[m.BYPASS] != 0 or not ahead:
        if not ahead and table[m.BYPASS] == 0:
            table[m.MISSING_FRAMES] += count
        if level > 0 and held < min(level, count):
            table[m.CUTS] += 1
            level = 0
            before = 0
        for i in range(count):
            level = max(level - 1, 0)
            curve[i] = np.float32(level) / np.float32(fade)
    else:
        for i in range(count):
            level = min(level + 1, fade)
            curve[i] = np.float32(level) / np.float32(fade)
    table[m.FADE_AT] = level
    return before > 0 or level > 0


@njit(**NATIVE)
def _take_stems(table: Words, count: int) -> None:
    """Fills the source bus with the stems and with the residual: the delayed mixture less the stems."""
    size = table[m.TIMELINE]
    stems = table[m.STEMS]
    mixture = carray(as_pointer(table[m.MIXTURE_RING]), (2, size), np.float32)
    ring = carray(as_pointer(table[m.STEM_RING]), (2 * stems, size), np.float32)
    bus = carray(as_pointer(table[m.SOURCE_BUS]), (table[m.SOURCES], m.CHUNK_FRAMES), np.float32)
    curve = carray(as_pointer(table[m.FADE_CURVE]), (m.CHUNK_FRAMES,), np.float32)
    first = table[m.POSITION] - table[m.LATENCY]
    for side in range(2):
        residual = bus[2 * stems + side]
        for i in range(count):
            residual[i] = mixture[side, (first + i) & (size - 1)]
    if not _fade_curve(table, count):
        for row in range(2 * stems):
            for i in range(count):
                bus[row, i] = ZERO
        return
    for row in range(2 * stems):
        stem = bus[row]
        residual = bus[2 * stems + (row & 1)]
        at = first & (size - 1)
        head = min(count, size - at)
        table[m.BAD_STEMS] += _copy_sound(ring[row, at:], stem, head)
        table[m.BAD_STEMS] += _copy_sound(ring[row], stem[head:], count - head)
        for i in range(count):
            stem[i] *= curve[i]
        for i in range(count):
            residual[i] -= stem[i]


@njit(**NATIVE)
def _take_direct(table: Words, inputs: Words, at: int, count: int) -> None:
    bus = carray(as_pointer(table[m.SOURCE_BUS]), (table[m.SOURCES], m.CHUNK_FRAMES), np.float32)
    row = 2 * (table[m.STEMS] + 1)
    for i in range(table[m.DIRECT]):
        address = inputs[table[m.INPUTS] + i] + 4 * at
        table[m.BAD_INPUT] += _copy_sound(carray(as_pointer(address), (count,), np.float32), bus[row + i], count)


@njit(**NATIVE)
def _take_targets(table: Words) -> None:
    """Takes the newest gains that control has published, if any, and starts the ramps of the rows that changed."""
    if load_acquire(table[m.MIDDLE]) & DIRTY == 0:
        return
    front = exchange(table[m.MIDDLE], table[m.FRONT]) & 3
    table[m.FRONT] = front
    rows = table[m.SOURCES] + 1
    speakers = table[m.SPEAKERS]
    gains = carray(as_pointer(table[m.TARGET_GAINS]), (3, rows, speakers), np.float32)
    ramps = carray(as_pointer(table[m.TARGET_RAMPS]), (3, rows), np.int64)
    start = carray(as_pointer(table[m.START_GAINS]), (rows, speakers), np.float32)
    goal = carray(as_pointer(table[m.GOAL_GAINS]), (rows, speakers), np.float32)
    done = carray(as_pointer(table[m.RAMP_DONE]), (rows,), np.int64)
    total = carray(as_pointer(table[m.RAMP_TOTAL]), (rows,), np.int64)
    for row in range(rows):
        changed = False
        for s in range(speakers):
            changed |= gains[front, row, s] != goal[row, s]
        if not changed:
            continue
        for s in range(speakers):
            slope = (goal[row, s] - start[row, s]) / np.float32(total[row])
            ramping = done[row] < total[row]
            start[row, s] = start[row, s] + slope * np.float32(done[row]) if ramping else goal[row, s]
            goal[row, s] = gains[front, row, s]
        done[row] = 0
        total[row] = max(ramps[front, row], 1)


@njit(**NATIVE)
def _render(table: Words, count: int) -> None:
    """Mixes the sources into the loudspeakers; gains that are and stay zero cost nothing."""
    sources = table[m.SOURCES]
    speakers = table[m.SPEAKERS]
    bus = carray(as_pointer(table[m.SOURCE_BUS]), (sources, m.CHUNK_FRAMES), np.float32)
    out = carray(as_pointer(table[m.SPEAKER_BUS]), (speakers, m.CHUNK_FRAMES), np.float32)
    start = carray(as_pointer(table[m.START_GAINS]), (sources + 1, speakers), np.float32)
    goal = carray(as_pointer(table[m.GOAL_GAINS]), (sources + 1, speakers), np.float32)
    done = carray(as_pointer(table[m.RAMP_DONE]), (sources + 1,), np.int64)
    total = carray(as_pointer(table[m.RAMP_TOTAL]), (sources + 1,), np.int64)
    meters = carray(as_pointer(table[m.METER_SUM]), (2 + sources + speakers,), np.float32)
    for s in range(speakers):
        for i in range(count):
            out[s, i] = ZERO
    for row in range(sources):
        source = bus[row]
        loudest = _peak(source, count, ZERO)
        meters[2 + row] = max(meters[2 + row], loudest)
        ramping = min(count, max(total[row] - done[row], 0))
        if loudest > ZERO:
            for s in range(speakers):
                _mix(source, out[s], start[row, s], goal[row, s], done[row], total[row], ramping, count)
        done[row] += ramping
    own = sources
    ramping = min(count, max(total[own] - done[own], 0))
    for s in range(speakers):
        _scale(out[s], start[own, s], goal[own, s], done[own], total[own], ramping, count)
    done[own] += ramping


@njit(**NATIVE)
def _mix(
    source: Floats, out: Floats, start: np.float32, goal: np.float32, done: int, total: int, ramping: int, count: int
) -> None:
    if ramping > 0 and (start != ZERO or goal != ZERO):
        slope = (goal - start) / np.float32(total)
        for i in range(ramping):
            out[i] += source[i] * (start + slope * np.float32(done + i + 1))
    if goal != ZERO:
        for i in range(ramping, count):
            out[i] += source[i] * goal


@njit(**NATIVE)
def _scale(out: Floats, start: np.float32, goal: np.float32, done: int, total: int, ramping: int, count: int) -> None:
    if ramping > 0:
        slope = (goal - start) / np.float32(total)
        for i in range(ramping):
            out[i] *= start + slope * np.float32(done + i + 1)
    if goal != ONE:
        for i in range(ramping, count):
            out[i] *= goal


@njit(**NATIVE)
def _give(table: Words, outputs: Words, at: int, count: int) -> None:
    """Hands the feeds to the driver, and publishes the meters when their period is over."""
    speakers = table[m.SPEAKERS]
    sources = table[m.SOURCES]
    out = carray(as_pointer(table[m.SPEAKER_BUS]), (speakers, m.CHUNK_FRAMES), np.float32)
    meters = carray(as_pointer(table[m.METER_SUM]), (2 + sources + speakers,), np.float32)
    for s in range(speakers):
        feed = carray(as_pointer(outputs[s] + 4 * at), (count,), np.float32)
        for i in range(count):
            feed[i] = out[s, i]
        meters[2 + sources + s] = _peak(out[s], count, meters[2 + sources + s])
    table[m.METER_AT] += count
    if table[m.METER_AT] >= table[m.METER_FRAMES]:
        table[m.METER_AT] = 0
        peaks = carray(as_pointer(table[m.METER_PEAK]), (2 + sources + speakers,), np.float32)
        for i in range(2 + sources + speakers):
            peaks[i] = meters[i]
            meters[i] = ZERO


@njit(**NATIVE)
def _word(table: Words, word: int) -> int:
    return table.ctypes.data + 8 * word


def compile_ahead() -> None:
    """Compiles the processor, or loads it from the cache: not in the first block."""
    process.compile((types.int64,) * 4)
