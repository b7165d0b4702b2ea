"""The inputs: the mixture and its timeline, the stems and the residual, and the direct inputs."""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from stemfield.renderer.dsp.bounds import LOUDEST, copy_sound
from stemfield.renderer.dsp.delay import from_ring, into_ring
from stemfield.renderer.dsp.leakage import KINDS
from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.engine.memory import PLAYER_FRAMES, Word
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER, as_pointer, load_acquire, store_release
from stemfield.renderer.native.views import doubles, floats, words

ZERO = np.float32(0.0)


@njit(**INNER)
def take_mixture(table: Words, inputs: Words, at: int, count: int) -> None:
    """Mixes the driver's mixture and the player's music, and puts the sum on the timeline."""
    position = table[Shared.POSITION]
    size = table[Word.TIMELINE]
    ring = carray(as_pointer(table[Word.MIXTURE_RING]), (2, size), np.float32)
    player = carray(as_pointer(table[Word.PLAYER_RING]), (2, PLAYER_FRAMES), np.float32)
    peaks = carray(as_pointer(table[Shared.PEAKS]), (2,), np.float32)
    powers = carray(as_pointer(table[Shared.POWERS]), (2,), np.float64)
    bus = floats(table, Shared.MIXTURE_BUS, 2, ROW_FRAMES)
    bad_mixture, bad_player = words(table, Word.BAD_MIXTURE, 2), words(table, Word.BAD_PLAYER, 2)
    start = table[Word.PLAYER_AT]
    played = min(count, load_acquire(_word(table, Word.PLAYER_END)) - start)
    for side in range(2):
        work = bus[side]
        if table[Word.INPUTS] > 0:
            address = inputs[min(side, table[Word.INPUTS] - 1)] + 4 * at
            bad = copy_sound(carray(as_pointer(address), (count,), np.float32), work, count)
            if side < table[Word.INPUTS]:
                bad_mixture[side] += bad
        else:
            for i in range(count):
                work[i] = ZERO
        for i in range(played):
            music = player[side, (start + i) & (PLAYER_FRAMES - 1)]
            if abs(music) <= LOUDEST:
                work[i] += music
            else:  # NaN too
                bad_player[side] += 1
        measure(work, count, peaks, powers, side)
    _into_timeline(table, bus, ring, count)
    if played > 0:
        store_release(_word(table, Word.PLAYER_AT), start + played)
    if played < count and table[Word.PLAYING] != 0:
        table[Word.PLAYER_GAPS] += 1
    store_release(table[Word.MIXTURE_END], position + count)


@njit(**INNER)
def _into_timeline(table: Words, bus: Floats, ring: Floats, count: int) -> None:
    """Puts the mixture on the timeline, with the input gain, which moves to its goal by one step per frame."""
    position = table[Shared.POSITION]
    moving, goal = doubles(table, Word.INPUT_GAIN, 2), doubles(table, Word.INPUT_GOAL, 1)[0]
    gain, step = moving[0], moving[1]
    if gain == 1.0 and goal == 1.0:
        for side in range(2):
            into_ring(ring[side], position, bus[side], count)
        return
    work = floats(table, Shared.WORK_FLOATS, 2, CHUNK_FRAMES)
    for i in range(count):
        gain = min(gain * step, goal) if gain < goal else max(gain / step, goal)
        for side in range(2):
            work[side, i] = np.float32(bus[side, i] * gain)
    for side in range(2):
        into_ring(ring[side], position, work[side], count)
    moving[0] = gain


@njit(**INNER)
def _fade_curve(table: Words, count: int) -> bool:
    """Fills the stems' share of each frame, 0..1; returns whether any is above 0.

    The share falls while the timeline still holds as many stem frames as the fade needs, so that the death of a worker
    is heard as a cross-fade to the mixture, not a cut.
    """
    fade = table[Word.FADE]
    curve = carray(as_pointer(table[Word.FADE_CURVE]), (CHUNK_FRAMES,), np.float32)
    first = table[Shared.POSITION] - table[Word.LATENCY]
    end = load_acquire(table[Word.STEMS_END])
    start = load_acquire(table[Word.STEMS_START])
    held = end - first if start <= first else 0
    level = table[Word.FADE_AT]
    before = level
    ahead = held >= count + fade
    if table[Word.BYPASS] != 0 or not ahead:
        if not ahead and table[Word.BYPASS] == 0:
            table[Word.MISSING_FRAMES] += count
        if level > 0 and held < min(level, count):
            table[Word.CUTS] += 1
            level = 0
            before = 0
        for i in range(count):
            level = max(level - 1, 0)
            curve[i] = np.float32(level) / np.float32(fade)
    else:
        for i in range(count):
            level = min(level + 1, fade)
            curve[i] = np.float32(level) / np.float32(fade)
    table[Word.FADE_AT] = level
    return before > 0 or level > 0


@njit(**INNER)
def take_stems(table: Words, count: int) -> None:
    """Fills the source bus with the stems and the residual: the delayed mixture minus the stems."""
    size = table[Word.TIMELINE]
    stems = table[Word.STEMS]
    mixture = carray(as_pointer(table[Word.MIXTURE_RING]), (2, size), np.float32)
    ring = carray(as_pointer(table[Word.STEM_RING]), (2 * stems + KINDS, size), np.float32)
    leakage = carray(as_pointer(table[Shared.LEAKAGE]), (KINDS, ROW_FRAMES), np.float32)
    bus = carray(as_pointer(table[Shared.SOURCE_BUS]), (table[Shared.SOURCES], ROW_FRAMES), np.float32)
    curve = carray(as_pointer(table[Word.FADE_CURVE]), (CHUNK_FRAMES,), np.float32)
    bad_stems = words(table, Word.BAD_STEMS, 2 * stems)
    first = table[Shared.POSITION] - table[Word.LATENCY]
    for side in range(2):
        from_ring(mixture[side], first, bus[2 * stems + side], count)
    for kind in range(KINDS):  # what the stems of these frames have in common lies behind them
        from_ring(ring[2 * stems + kind], first, leakage[kind], count)
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
        bad_stems[row] += copy_sound(ring[row, at:], stem, head)
        bad_stems[row] += copy_sound(ring[row], stem[head:], count - head)
        for i in range(count):
            stem[i] *= curve[i]
        for i in range(count):
            residual[i] -= stem[i]


@njit(**INNER)
def take_direct(table: Words, inputs: Words, at: int, count: int) -> None:
    """Fills the source bus with the direct inputs; some are delayed like the stems."""
    bus = carray(as_pointer(table[Shared.SOURCE_BUS]), (table[Shared.SOURCES], ROW_FRAMES), np.float32)
    bad = words(table, Word.BAD_DIRECT, table[Word.DIRECT])
    rings = words(table, Word.DIRECT_RINGS, table[Word.DIRECT])
    row = 2 * (table[Word.STEMS] + 1)
    position, size = table[Shared.POSITION], table[Word.TIMELINE]
    for i in range(table[Word.DIRECT]):
        address = inputs[table[Word.INPUTS] + i] + 4 * at
        bad[i] += copy_sound(carray(as_pointer(address), (count,), np.float32), bus[row + i], count)
        if rings[i] != 0:
            ring = carray(as_pointer(rings[i]), (size,), np.float32)
            into_ring(ring, position, bus[row + i], count)
            from_ring(ring, position - table[Word.LATENCY], bus[row + i], count)


@njit(**INNER)
def _word(table: Words, word: int) -> int:
    return table.ctypes.data + 8 * word
