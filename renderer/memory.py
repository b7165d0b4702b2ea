"""The memory of one engine: every array the compiled block processor touches, and the table of their addresses.

The processor gets one pointer, to `table`: int64 words that hold the shape, the counters and the addresses of the
other arrays. Everything is allocated and touched here, once; the processor allocates nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.chain_memory import ChainMemory
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.ring import WORD_MIXTURE_END, WORD_STEMS_END, WORD_STEMS_START, Exchange

CHUNK_FRAMES: Final = 256
"""Longer blocks are processed in pieces of this length, so that the working arrays stay in the cache."""
PLAYER_FRAMES: Final = 1 << 18
TIMES: Final = 1 << 16
"""How many durations of past calls are kept."""

# Shape
INPUTS, DIRECT, STEMS, SOURCES, SPEAKERS = 0, 1, 2, 3, 4
LATENCY, FADE, TIMELINE, METER_FRAMES = 5, 6, 7, 8
# Addresses
MIXTURE_RING, STEM_RING, MIXTURE_END, STEMS_END, STEMS_START = 16, 17, 18, 19, 20
PLAYER_RING, MIDDLE, TARGET_GAINS, TARGET_RAMPS = 21, 22, 23, 24
START_GAINS, GOAL_GAINS, RAMP_DONE, RAMP_TOTAL = 25, 26, 27, 28
SOURCE_BUS, SPEAKER_BUS, FADE_CURVE, METER_SUM, METER_PEAK, CALL_TIMES, CLOCK = 29, 30, 31, 32, 33, 34, 35
METER_POWERS, METER_MEAN_SQUARES = 36, 37
# State of the processor, and its counters
POSITION, CALLS, FRONT, FADE_AT, METER_AT = 48, 49, 50, 51, 52
BAD_INPUT, BAD_STEMS, MISSING_FRAMES, CUTS, PLAYER_GAPS = 53, 54, 55, 56, 57
# Written by control while the processor runs, each on its own
PLAYER_END, PLAYER_AT, BYPASS, PLAYING = 64, 72, 80, 81
# From 96 on: the loudspeaker chain's, see chain_memory
TABLE_WORDS: Final = 192
OWN_ROWS: Final = 2
"""Rows of the gains that follow the sources': the loudspeakers' own, and those of the monitor's loudspeakers."""


class Memory:
    """The arrays of one engine.

    Args:
        inputs: mixture channels that the driver gives: 0, 1 or 2.
        direct: direct object inputs.
        speakers: loudspeaker feeds.
        exchange: the timeline shared with the separation worker.
        latency_frames: how far the loudspeakers run behind the mixture.
        fade_frames: length of the cross-fade between stems and mixture.
        meter_frames: how often peaks are published.
        chain: of the loudspeakers.

    Attributes:
        table: int64 words, see the constants of this module.
        target_gains: float32 (3, sources + OWN_ROWS, 2 speakers + 1), the triple buffer. Columns: direct, diffuse, and
            that of the bass; the rows that follow the sources' use the direct ones only.
        target_ramps: int64 (3, sources + OWN_ROWS), frames.
        chain: the arrays of the loudspeaker chain by word.
        player: float32 (2, PLAYER_FRAMES), circular.
        meter_peak: float32 (2 + sources + outputs): peaks of the last meter period.
        meter_mean_squares: float32 (2 + sources + outputs), of the same period.
        call_times: int64 (TIMES), nanoseconds.
    """

    def __init__(
        self,
        inputs: int,
        direct: int,
        speakers: int,
        exchange: Exchange,
        latency_frames: int,
        fade_frames: int,
        meter_frames: int,
        chain: Chain,
    ) -> None:
        self.exchange = exchange  # keeps the mapping alive
        sources = 2 * (exchange.stems + 1) + direct
        rows, columns, meters = sources + OWN_ROWS, 2 * speakers + 1, 2 + sources + chain.outputs
        self.table = _filled(TABLE_WORDS, 0, np.int64)
        self.target_gains = _filled((3, rows, columns), 0, np.float32)
        self.target_ramps = _filled((3, rows), 1, np.int64)
        self.player = _filled((2, PLAYER_FRAMES), 0, np.float32)
        self.meter_peak = _filled(meters, 0, np.float32)
        self.meter_mean_squares = _filled(meters, 0, np.float32)
        self.call_times = _filled(TIMES, 0, np.int64)
        self._middle = _filled(1, 1, np.int64)
        self._work: dict[int, NDArray[Any]] = {
            START_GAINS: _filled((rows, columns), 0, np.float32),
            GOAL_GAINS: _filled((rows, columns), 0, np.float32),
            RAMP_DONE: _filled(rows, 1, np.int64),
            RAMP_TOTAL: _filled(rows, 1, np.int64),
            SOURCE_BUS: _filled((sources, CHUNK_FRAMES), 0, np.float32),
            SPEAKER_BUS: _filled((chain.outputs, CHUNK_FRAMES), 0, np.float32),
            FADE_CURVE: _filled(CHUNK_FRAMES, 0, np.float32),
            METER_SUM: _filled(meters, 0, np.float32),
            METER_POWERS: _filled(meters, 0, np.float64),
            CLOCK: _filled(2, 0, np.int64),
        }
        given: dict[int, NDArray[Any]] = {
            PLAYER_RING: self.player,
            MIDDLE: self._middle,
            TARGET_GAINS: self.target_gains,
            TARGET_RAMPS: self.target_ramps,
            METER_PEAK: self.meter_peak,
            METER_MEAN_SQUARES: self.meter_mean_squares,
            CALL_TIMES: self.call_times,
        }
        self._chain_memory = found = ChainMemory(chain, sources, CHUNK_FRAMES)
        self.chain = found.arrays
        for array in self.chain.values():
            array[...] = array.copy()  # see _filled
        for word, array in (self._work | given | self.chain).items():
            self.table[word] = array.ctypes.data
        shape = {
            INPUTS: inputs,
            DIRECT: direct,
            STEMS: exchange.stems,
            SOURCES: sources,
            SPEAKERS: speakers,
            LATENCY: latency_frames,
            FADE: fade_frames,
            TIMELINE: exchange.frames,
            METER_FRAMES: meter_frames,
            MIXTURE_RING: exchange.mixture_address,
            STEM_RING: exchange.stems_address,
            MIXTURE_END: exchange.word_address(WORD_MIXTURE_END),
            STEMS_END: exchange.word_address(WORD_STEMS_END),
            STEMS_START: exchange.word_address(WORD_STEMS_START),
            FRONT: 0,
        }
        for word, value in (shape | found.numbers).items():
            self.table[word] = value

    def word_address(self, word: int) -> int:
        """Address of a word of the table."""
        return int(self.table.ctypes.data) + 8 * word

    @property
    def table_address(self) -> int:
        """What the block processor is called with."""
        return int(self.table.ctypes.data)


def _filled(shape: int | tuple[int, ...], value: int, kind: type[np.float32 | np.float64 | np.int64]) -> NDArray[Any]:
    """An array whose pages are in memory already, which those of `np.zeros` are not."""
    return np.full(shape, value, kind)
