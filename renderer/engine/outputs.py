"""The outputs: metered and copied to the driver's buffers."""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from stemfield.renderer.dsp.meters import measure
from stemfield.renderer.dsp.shared import ROW_FRAMES, Shared
from stemfield.renderer.engine.memory import METER_KEPT, Word
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, as_pointer, store_release
from stemfield.renderer.native.views import doubles, floats
from stemfield.renderer.simd.load_store import copy


@njit(**INNER)
def write_outputs(table: Words, outputs: Words, at: int, count: int) -> None:
    """Copies the feeds to the driver's buffers, and publishes the meters at the end of each period."""
    feeds, first = table[Shared.OUTPUTS], 2 + table[Shared.SOURCES]
    meters = first + feeds
    out = floats(table, Shared.SPEAKER_BUS, feeds, ROW_FRAMES)
    peaks = floats(table, Shared.PEAKS, meters)
    powers = doubles(table, Shared.POWERS, meters)
    for s in range(feeds):
        feed = carray(as_pointer(outputs[s] + 4 * at), (count,), np.float32)
        copy(out[s], feed, count)
        measure(out[s], count, peaks, powers, first + s)
    table[Word.METER_AT] += count
    if table[Word.METER_AT] >= table[Word.METER_FRAMES]:
        _publish_meters(table, peaks, powers)


@njit(**INNER)
def _publish_meters(table: Words, peaks: Floats, powers: Doubles) -> None:
    """Adds the period to the ring of past periods, and begins the next."""
    meters, groups = peaks.shape[0], table[Word.LIMITER_GROUPS]
    slot = table[Word.METER_PERIODS] & (METER_KEPT - 1)
    past_peaks = floats(table, Word.METER_PEAKS, METER_KEPT, meters)[slot]
    past_powers = floats(table, Word.METER_MEAN_SQUARES, METER_KEPT, meters)[slot]
    for k in range(meters):
        past_peaks[k] = peaks[k]
        past_powers[k] = np.float32(powers[k] / np.float64(table[Word.METER_AT]))
        peaks[k] = np.float32(0.0)
        powers[k] = 0.0
    lowest = floats(table, Shared.LOWEST_GAINS, groups)
    past_limits = floats(table, Word.METER_LIMITS, METER_KEPT, groups)[slot]
    for k in range(groups):
        past_limits[k] = lowest[k]
        lowest[k] = np.float32(1.0)
    table[Word.METER_AT] = 0
    store_release(table.ctypes.data + 8 * Word.METER_PERIODS, table[Word.METER_PERIODS] + 1)
