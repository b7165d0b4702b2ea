"""The memory of one engine: every array that the compiled block processor touches, and the table of their addresses.

The processor gets one pointer, to the table. Everything is allocated and touched here, once; the processor allocates
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.bank import banks
from stemfield.renderer.dsp.chain import Chain
from stemfield.renderer.dsp.leakage import KINDS
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, OWN_COLUMNS, OWN_ROWS, ROW_FRAMES, STEPS, TARGETS, Shared
from stemfield.renderer.engine.plan import NEVER
from stemfield.renderer.native.state import State
from stemfield.renderer.simd.vectors import DOUBLES
from stemfield.renderer.timeline import WORD_MIXTURE_END, WORD_OWNER, WORD_STEMS_END, WORD_STEMS_START, Timeline

PLAYER_FRAMES: Final = 1 << 18
TIMES: Final = 1 << 16
"""Number of past calls whose durations are kept."""
STARTS: Final = 64
"""Number of past calls whose start times are kept, a power of two."""
INPUT_DB_PER_S: Final = 6.0
"""Maximum speed of the input gain."""
METER_PERIOD_S: Final = 1 / 30
METER_KEPT: Final = 64
"""Number of meter periods that are kept, a power of two."""
_CONTROL: Final = 128
"""First word of those that control writes while the processor runs."""
_LINE_WORDS: Final = 8


class Word(IntEnum):
    """Words of the engine's table, after those of `Shared`."""

    INPUTS = len(Shared)
    DIRECT = auto()
    DIRECT_RINGS = auto()
    """Address of int64 (DIRECT,): for each direct input that is as late as the stems the address of float32
    (TIMELINE,), circular; 0 for the others."""
    STEMS = auto()
    LATENCY = auto()
    FADE = auto()
    """Length of the cross-fade between stems and mixture, frames."""
    FADE_AT = auto()
    FADE_CURVE = auto()
    TIMELINE = auto()
    MIXTURE_RING = auto()
    STEM_RING = auto()
    MIXTURE_END = auto()
    STEMS_END = auto()
    STEMS_START = auto()
    OWNER = auto()
    INPUT_GAIN = auto()
    """Address of float64 (2,): present gain of the mixture, and the factor by which it may change per frame."""
    INPUT_GOAL = auto()
    """Address of float64 (1,), written by control."""
    PLAYER_RING = auto()
    MIDDLE = auto()
    """Address of the middle word of the triple buffer of plans."""
    PLAN = auto()
    STEP = auto()
    TARGET_GAINS = auto()
    """Address of float32 (TARGETS, ROWS, COLUMNS)."""
    TARGET_RAMPS = auto()
    """Address of int64 (TARGETS, ROWS), frames."""
    TARGET_BEGINS = auto()
    """Address of int64 (3, STEPS): positions, ascending; the first targets of a plan begin at once."""
    STAGES = auto()
    """Address of int64 (stages,): the addresses of their tables."""
    METER_FRAMES = auto()
    METER_AT = auto()
    METER_PERIODS = auto()
    METER_PEAKS = auto()
    """Address of float32 (METER_KEPT, 2 + SOURCES + OUTPUTS), circular: peaks of the last meter periods."""
    METER_MEAN_SQUARES = auto()
    METER_LIMITS = auto()
    """Address of float32 (METER_KEPT, limiter groups), circular: the lowest gain of each limiter."""
    LIMITER_GROUPS = auto()
    BAD_MIXTURE = auto()
    """Address of int64 (2,): samples that were no sound, as of the next ones."""
    BAD_DIRECT = auto()
    BAD_PLAYER = auto()
    BAD_STEMS = auto()
    CALLS = auto()
    CALL_TIMES = auto()
    """Address of int64 (TIMES,), circular: nanoseconds."""
    CALL_STARTS = auto()
    """Address of int64 (STARTS, 2), circular: position and monotonic nanoseconds of the start of each call."""
    CLOCK = auto()
    MISSING_FRAMES = auto()
    CUTS = auto()
    PLAYER_GAPS = auto()
    KEPT_UP = auto()
    PLAYER_END = _CONTROL
    PLAYER_AT = _CONTROL + _LINE_WORDS
    """Written by the processor, on a cache line of its own."""
    BYPASS = _CONTROL + 2 * _LINE_WORDS
    PLAYING = auto()


TABLE_WORDS: Final = max(Word) + 1


class Memory(State):
    """The arrays of one engine.

    Args:
        inputs: mixture channels that the driver gives: 0, 1 or 2.
        direct: for each direct object input, whether it is as late as the stems.
        timeline: shared with the separation worker.
        latency_frames: delay of the loudspeakers behind the mixture.
        fade_frames: length of the cross-fade between stems and mixture.
        chain: the loudspeaker chain.
        stages: states of the stages, in their order.
    """

    def __init__(
        self,
        inputs: int,
        direct: Sequence[bool],
        timeline: Timeline,
        latency_frames: int,
        fade_frames: int,
        chain: Chain,
        stages: Sequence[State],
    ) -> None:
        self.timeline = timeline  # keeps the mapping alive
        self._stages = {stage.words: stage for stage in stages}
        sources, speakers = sources_of(timeline.stems, len(direct)), chain.speakers
        rows, columns, meters = sources + OWN_ROWS, 2 * speakers + OWN_COLUMNS, 2 + sources + chain.outputs
        groups = 0 if chain.output_limiter is None else chain.output_limiter.count
        self._rings = rings = [_zeros(timeline.frames if late else 0) for late in direct]
        gains = _zeros(rows, columns)
        gains[:, -KINDS:] = 1.0  # instruments are not raised before there is a plan
        begins = np.full((3, STEPS), NEVER, np.int64)
        begins[:, 0] = 0
        values: dict[int, int | NDArray[Any]] = {
            Shared.SOURCES: sources,
            Shared.SPEAKERS: speakers,
            Shared.OUTPUTS: chain.outputs,
            Shared.ROWS: rows,
            Shared.COLUMNS: columns,
            Shared.QUIET_FRAMES: NEVER >> 1,
            Shared.START_GAINS: gains,
            Shared.GOAL_GAINS: gains,
            Shared.RAMP_DONE: np.ones(rows, np.int64),
            Shared.RAMP_TOTAL: np.ones(rows, np.int64),
            Shared.MIXTURE_BUS: _zeros(2, ROW_FRAMES),
            Shared.SOURCE_BUS: _zeros(DOUBLES * banks(sources), ROW_FRAMES),
            Shared.SPEAKER_BUS: _zeros(max(DOUBLES * banks(speakers), chain.outputs), ROW_FRAMES),
            Shared.DIFFUSE_BUS: _zeros(speakers, ROW_FRAMES),
            Shared.LEAKAGE: _zeros(KINDS, ROW_FRAMES),
            Shared.PEAKS: _zeros(meters),
            Shared.POWERS: np.zeros(meters),
            Shared.LOWEST_GAINS: np.ones(groups, np.float32),
            Shared.WORK: np.zeros((2, CHUNK_FRAMES)),
            Shared.WORK_FLOATS: _zeros(2, CHUNK_FRAMES),
            Shared.WORK_FRAMES: np.zeros((CHUNK_FRAMES, DOUBLES)),
            Word.INPUTS: inputs,
            Word.DIRECT: len(direct),
            Word.DIRECT_RINGS: np.array([ring.ctypes.data if ring.size else 0 for ring in rings], np.int64),
            Word.STEMS: timeline.stems,
            Word.LATENCY: latency_frames,
            Word.FADE: fade_frames,
            Word.FADE_CURVE: _zeros(CHUNK_FRAMES),
            Word.TIMELINE: timeline.frames,
            Word.MIXTURE_RING: timeline.mixture_address,
            Word.STEM_RING: timeline.stems_address,
            Word.MIXTURE_END: timeline.word_address(WORD_MIXTURE_END),
            Word.STEMS_END: timeline.word_address(WORD_STEMS_END),
            Word.STEMS_START: timeline.word_address(WORD_STEMS_START),
            Word.OWNER: timeline.word_address(WORD_OWNER),
            Word.INPUT_GAIN: np.array([1.0, 10 ** (INPUT_DB_PER_S / 20 / chain.sample_rate_hz)]),
            Word.INPUT_GOAL: np.ones(1),
            Word.PLAYER_RING: _zeros(2, PLAYER_FRAMES),
            Word.MIDDLE: np.ones(1, np.int64),
            Word.TARGET_GAINS: _zeros(TARGETS, rows, columns),
            Word.TARGET_RAMPS: np.ones((TARGETS, rows), np.int64),
            Word.TARGET_BEGINS: begins,
            Word.STAGES: np.array([stage.address for stage in stages], np.int64),
            Word.METER_FRAMES: round(METER_PERIOD_S * chain.sample_rate_hz),
            Word.METER_PEAKS: _zeros(METER_KEPT, meters),
            Word.METER_MEAN_SQUARES: _zeros(METER_KEPT, meters),
            Word.METER_LIMITS: np.ones((METER_KEPT, groups), np.float32),
            Word.LIMITER_GROUPS: groups,
            Word.BAD_MIXTURE: np.zeros(2, np.int64),
            Word.BAD_DIRECT: np.zeros(len(direct), np.int64),
            Word.BAD_PLAYER: np.zeros(2, np.int64),
            Word.BAD_STEMS: np.zeros(2 * timeline.stems, np.int64),
            Word.CALL_TIMES: np.zeros(TIMES, np.int64),
            Word.CALL_STARTS: np.zeros((STARTS, 2), np.int64),
            Word.CLOCK: np.zeros(2, np.int64),
        }
        super().__init__(Word, values, stages)

    def stage(self, words: type[IntEnum]) -> State:
        """The state of the stage with these words."""
        return self._stages[words]


def sources_of(stems: int, direct: int) -> int:
    """Number of sources: two for each stem and for the residual, and the direct inputs."""
    return 2 * (stems + 1) + direct


def _zeros(*shape: int) -> NDArray[np.float32]:
    return np.zeros(shape, np.float32)
