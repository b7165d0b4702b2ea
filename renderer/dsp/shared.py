"""What all stages of the audio path share: the size of a chunk, and the engine's words that a stage may use.

A stage is a module with a design (NumPy), a table of words (`IntEnum`), a function that allocates its state, and a
compiled `run(engine, own, count)` that works on the next `count` frames. `engine` is the table of these words and `own`
the stage's table. `engine/stages.py` lists the stages in their order.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

from stemfield.renderer.dsp.leakage import KINDS

CHUNK_FRAMES: Final = 256
"""Longer blocks are processed in chunks of this length, so that the working arrays stay in the cache. A multiple of
`simd.FLOATS`: loops in whole registers go beyond the end of a chunk, but not of a row."""
ROW_FRAMES: Final = CHUNK_FRAMES + 16
"""From row to row of a bus: with a power of two, all rows would compete for a few cache lines."""
STEPS: Final = 8
"""Maximum number of targets in a plan."""
TARGETS: Final = 3 * STEPS
"""Rows of the arrays of targets: a triple buffer of plans."""
OWN_ROWS: Final = 2
"""Rows of the gains after those of the sources: the loudspeakers' own, and those of the monitor's loudspeakers."""
OWN_COLUMNS: Final = 1 + KINDS
"""Columns of the gains after those of the loudspeakers: the gain of the bass in dual-band panning, and how much of what
instruments have in common is heard together."""


class Shared(IntEnum):
    """Words of the engine's table that stages use."""

    SOURCES = 0
    SPEAKERS = auto()
    OUTPUTS = auto()
    """Loudspeaker feeds, and two for the ears if there is a binaural monitor."""
    ROWS = auto()
    """Rows of the gains: sources + OWN_ROWS."""
    COLUMNS = auto()
    """Columns of the gains: direct (SPEAKERS), diffuse (SPEAKERS), and OWN_COLUMNS."""
    POSITION = auto()
    """Position of the next frame on the timeline."""
    FRONT = auto()
    """Row of the arrays of targets that is in force."""
    QUIET_FRAMES = auto()
    """Frames since the diffuse bus was last not silent."""
    START_GAINS = auto()
    """Address of float32 (ROWS, COLUMNS): gains at the start of the ramps."""
    GOAL_GAINS = auto()
    """Address of float32 (ROWS, COLUMNS): gains at their end."""
    RAMP_DONE = auto()
    """Address of int64 (ROWS,): frames of the ramps that are over."""
    RAMP_TOTAL = auto()
    """Address of int64 (ROWS,)."""
    MIXTURE_BUS = auto()
    """Address of float32 (2, ROW_FRAMES): the mixture as it comes in."""
    SOURCE_BUS = auto()
    """Address of float32 (sources, in whole banks; ROW_FRAMES)."""
    SPEAKER_BUS = auto()
    """Address of float32 (loudspeakers, in whole banks, at least OUTPUTS; ROW_FRAMES)."""
    DIFFUSE_BUS = auto()
    """Address of float32 (SPEAKERS, ROW_FRAMES)."""
    LEAKAGE = auto()
    """Address of float32 (KINDS, ROW_FRAMES): what the stems of these frames have in common (`dsp.leakage`)."""
    PEAKS = auto()
    """Address of float32 (2 + SOURCES + OUTPUTS,): peaks of the meter period that has begun."""
    POWERS = auto()
    """Address of float64 (2 + SOURCES + OUTPUTS,): sums of squares of that period."""
    LOWEST_GAINS = auto()
    """Address of float32 (limiter groups,): lowest gains of that period."""
    WORK = auto()
    """Address of float64 (2, CHUNK_FRAMES), for any stage."""
    WORK_FLOATS = auto()
    """Address of float32 (2, CHUNK_FRAMES), for any stage."""
    WORK_FRAMES = auto()
    """Address of float64 (CHUNK_FRAMES, simd.DOUBLES), for any stage."""
