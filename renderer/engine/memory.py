"""The memory of one engine: every array the compiled block processor touches, and the table of their addresses.

The processor gets one pointer, to `table`: int64 words that hold the shape, the counters and the addresses of the
other arrays. Everything is allocated and touched here, once; the processor allocates nothing.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.bank import banks
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.leakage import KINDS
from stemfield.renderer.engine.chain_memory import LIMITED_GROUPS, OWN_COLUMNS, ChainMemory
from stemfield.renderer.engine.plan import NEVER, STEPS, TARGETS
from stemfield.renderer.ring import WORD_MIXTURE_END, WORD_OWNER, WORD_STEMS_END, WORD_STEMS_START, Exchange
from stemfield.renderer.simd import DOUBLES

CHUNK_FRAMES: Final = 256
"""Longer blocks are processed in pieces of this length, so that the working arrays stay in the cache. A multiple of
`simd.FLOATS`: loops in whole registers go beyond the end of a block, but not of a row."""
ROW_FRAMES: Final = CHUNK_FRAMES + 16
"""From row to row of a bus: were it a power of two, all rows would share a few lines of the cache."""
PLAYER_FRAMES: Final = 1 << 18
LINE: Final = 64
"""Bytes that the cache moves at once."""
TIMES: Final = 1 << 16
"""How many durations of past calls are kept."""
STARTS: Final = 64
"""How many moments at which calls began are kept, a power of two."""
METER_PERIOD_S: Final = 1 / 30
METER_KEPT: Final = 64
"""Meter periods that are kept, a power of two."""

# Shape
INPUTS, DIRECT, STEMS, SOURCES, SPEAKERS = 0, 1, 2, 3, 4
LATENCY, FADE, TIMELINE, METER_FRAMES = 5, 6, 7, 8
RISE_FRAMES, FALL_STEP = 9, 10
# Addresses
MIXTURE_RING, STEM_RING, MIXTURE_END, STEMS_END, STEMS_START = 16, 17, 18, 19, 20
PLAYER_RING, MIDDLE, TARGET_GAINS, TARGET_RAMPS = 21, 22, 23, 24
START_GAINS, GOAL_GAINS, RAMP_DONE, RAMP_TOTAL = 25, 26, 27, 28
SOURCE_BUS, SPEAKER_BUS, FADE_CURVE, METER_SUM, METER_PEAKS, CALL_TIMES, CLOCK = 29, 30, 31, 32, 33, 34, 35
METER_POWERS, METER_MEAN_SQUARES, METER_LIMITED, METER_LIMITS = 36, 37, 38, 39
TARGET_BEGINS, CALL_STARTS = 40, 41
OWNER = 15
BAD_MIXTURE, BAD_DIRECT, BAD_PLAYER, BAD_STEMS, BAD_SOURCES, BAD_FEEDS = 42, 43, 44, 45, 46, 47
# State of the processor, and its counters
POSITION, CALLS, FRONT, FADE_AT, METER_AT = 48, 49, 50, 51, 52
RISE_HOLD, RISE_AT, MISSING_FRAMES, CUTS, PLAYER_GAPS = 53, 54, 55, 56, 57
METER_PERIODS, PLAN, STEP, TAPE_END, KEPT_UP, LEAKAGE = 58, 59, 60, 61, 62, 63
# Written by control while the processor runs, each on its own
PLAYER_END, PLAYER_AT, BYPASS, PLAYING, SOUNDING = 64, 72, 80, 81, 82
TAPE = 83
"""The address of the tape; 0 while it stands."""
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
        meter_frames: how often meters are published.
        chain: of the loudspeakers.
        rise_frames: how long outputs take to rise out of silence.
        fall_step: how many times faster they sink into it.

    Attributes:
        bad: int64 counts of samples that were no sound, by word: of the mixture (2), the direct inputs, the player (2),
            the stems (2 * stems), the sources after their equalisers, and the outputs.
        table: int64 words, see the constants of this module.
        target_gains: float32 (TARGETS, sources + OWN_ROWS, 2 speakers + OWN_COLUMNS), the triple buffer of plans, each
            of STEPS targets. Columns: direct, diffuse, that of the bass, and those of what is heard together; the rows
            that follow the sources' use the direct ones only.
        target_ramps: int64 (TARGETS, sources + OWN_ROWS), frames.
        target_begins: int64 (3, STEPS), positions, ascending; the first targets of a plan begin at once.
        chain: the arrays of the loudspeaker chain by word.
        player: float32 (2, PLAYER_FRAMES), circular.
        meter_peaks: float32 (METER_KEPT, 2 + sources + outputs), circular: peaks of the last meter periods.
        meter_mean_squares: float32 (METER_KEPT, 2 + sources + outputs), of the same periods.
        meter_limits: float32 (METER_KEPT, limited groups), of the same periods: the lowest gain of each limiter.
        meter_sum: float32 (2 + sources + outputs), and
        meter_limited: float32 (limited groups): peaks and lowest gains of the period that has begun.
        call_times: int64 (TIMES), nanoseconds.
        call_starts: int64 (STARTS, 2), circular: position and monotonic nanoseconds of the beginning of each call.
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
        rise_frames: int,
        fall_step: int,
    ) -> None:
        self.exchange = exchange  # keeps the mapping alive
        sources = 2 * (exchange.stems + 1) + direct
        rows, columns, meters = sources + OWN_ROWS, 2 * speakers + OWN_COLUMNS, 2 + sources + chain.outputs
        self.table = _filled(TABLE_WORDS, 0, np.int64)
        self.target_gains = _filled((TARGETS, rows, columns), 0, np.float32)
        self.target_ramps = _filled((TARGETS, rows), 1, np.int64)
        self.target_begins = _filled((3, STEPS), NEVER, np.int64)
        self.target_begins[:, 0] = 0
        self.call_starts = _filled((STARTS, 2), 0, np.int64)
        self.player = _filled((2, PLAYER_FRAMES), 0, np.float32)
        self.meter_peaks = _filled((METER_KEPT, meters), 0, np.float32)
        self.meter_mean_squares = _filled((METER_KEPT, meters), 0, np.float32)
        self.call_times = _filled(TIMES, 0, np.int64)
        self._middle = _filled(1, 1, np.int64)
        counted = {
            BAD_MIXTURE: 2,
            BAD_DIRECT: direct,
            BAD_PLAYER: 2,
            BAD_STEMS: 2 * exchange.stems,
            BAD_SOURCES: sources,
            BAD_FEEDS: chain.outputs,
        }
        self.bad = {word: _filled(count, 0, np.int64) for word, count in counted.items()}
        self._work: dict[int, NDArray[Any]] = {
            START_GAINS: _filled((rows, columns), 0, np.float32),
            GOAL_GAINS: _filled((rows, columns), 0, np.float32),
            RAMP_DONE: _filled(rows, 1, np.int64),
            RAMP_TOTAL: _filled(rows, 1, np.int64),
            SOURCE_BUS: _filled((DOUBLES * banks(sources), ROW_FRAMES), 0, np.float32),
            SPEAKER_BUS: _filled((max(DOUBLES * banks(speakers), chain.outputs), ROW_FRAMES), 0, np.float32),
            FADE_CURVE: _filled(CHUNK_FRAMES, 0, np.float32),
            LEAKAGE: _filled((KINDS, ROW_FRAMES), 0, np.float32),
            METER_SUM: _filled(meters, 0, np.float32),
            METER_POWERS: _filled(meters, 0, np.float64),
            CLOCK: _filled(2, 0, np.int64),
        }
        given: dict[int, NDArray[Any]] = {
            PLAYER_RING: self.player,
            MIDDLE: self._middle,
            TARGET_GAINS: self.target_gains,
            TARGET_RAMPS: self.target_ramps,
            TARGET_BEGINS: self.target_begins,
            CALL_STARTS: self.call_starts,
            METER_PEAKS: self.meter_peaks,
            METER_MEAN_SQUARES: self.meter_mean_squares,
            CALL_TIMES: self.call_times,
        }
        found = ChainMemory(chain, sources, CHUNK_FRAMES, ROW_FRAMES)
        groups = found.numbers[LIMITED_GROUPS]
        self.meter_limits = given[METER_LIMITS] = _filled((METER_KEPT, groups), 1, np.float32)
        self.meter_limited = self._work[METER_LIMITED] = _filled(groups, 1, np.float32)
        self.meter_sum = self._work[METER_SUM]
        self._corrections = found.corrections
        self.chain = {word: _laid_out(array) for word, array in found.arrays.items()}
        for word, array in (self._work | given | self.bad | self.chain).items():
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
            RISE_FRAMES: rise_frames,
            FALL_STEP: fall_step,
            RISE_AT: rise_frames,
            SOUNDING: 1,
            MIXTURE_RING: exchange.mixture_address,
            STEM_RING: exchange.stems_address,
            MIXTURE_END: exchange.word_address(WORD_MIXTURE_END),
            STEMS_END: exchange.word_address(WORD_STEMS_END),
            STEMS_START: exchange.word_address(WORD_STEMS_START),
            OWNER: exchange.word_address(WORD_OWNER),
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
    return _laid_out(np.full(shape, value, kind))


def _laid_out(array: NDArray[Any]) -> NDArray[Any]:
    """A copy that begins on a line of the cache, and whose pages are in memory, which those of `np.zeros` are not."""
    raw = np.zeros(array.nbytes + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    found = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found
