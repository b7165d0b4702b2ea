"""Bass management: subwoofers play the bass of the loudspeakers that they serve."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from numba import njit

from stemfield.layouts.chain import bass_weights
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp.biquad import cascade
from stemfield.renderer.dsp.crossover import Crossover, linkwitz_riley
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Floats, Words
from stemfield.renderer.native.operations import INNER
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats, words


class BassTable(IntEnum):
    """Words of the stage."""

    ON = 0
    WEIGHTS = auto()
    LOW = auto()
    ALLPASS = auto()
    STATES = auto()
    LFE_GAIN = auto()
    LFE = auto()
    """Address of int64 (loudspeakers,): whether each is a subwoofer."""


@dataclass(frozen=True, slots=True, eq=False)
class Bass:
    """Settings of bass management."""

    weights: Floats
    """Row: the subwoofer. Column: whose bass it plays. Shape (loudspeakers, loudspeakers)."""
    crossover: Crossover
    lfe_gain: float
    """Linear gain of what is sent to an LFE itself."""

    @property
    def managed(self) -> tuple[bool, ...]:
        """Which loudspeakers leave their bass to a subwoofer."""
        return tuple(bool(column.any()) for column in self.weights.T)


def design(layout: Layout, sample_rate_hz: int) -> Bass | None:
    """The bass management that a layout asks for."""
    if layout.bass_management is None:
        return None
    crossover = linkwitz_riley(layout.bass_management.crossover_hz, sample_rate_hz)
    weights = bass_weights(layout).astype(np.float32)
    return Bass(weights, crossover, 10 ** (layout.bass_management.lfe_gain_db / 20))


def state(bass: Bass | None, lfe: tuple[bool, ...]) -> State:
    """The stage's state; `bass` is None for no bass management, `lfe` says which loudspeakers are subwoofers."""
    if bass is None:
        return State(BassTable, {})
    return State(
        BassTable,
        {
            BassTable.ON: 1,
            BassTable.WEIGHTS: bass.weights,
            BassTable.LOW: bass.crossover.low,
            BassTable.ALLPASS: bass.crossover.allpass,
            BassTable.STATES: np.zeros((len(lfe), 3, 2)),
            BassTable.LFE_GAIN: np.array([bass.lfe_gain]),
            BassTable.LFE: np.array(lfe, np.int64),
        },
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Adds the bass of the loudspeakers it serves to each subwoofer, after the allpass of the crossover.

    What the others keep goes through the same allpass, in their own filters.
    """
    if own[BassTable.ON] == 0:
        return
    speakers = engine[Shared.SPEAKERS]
    out = floats(engine, Shared.SPEAKER_BUS, speakers, ROW_FRAMES)
    weights = floats(own, BassTable.WEIGHTS, speakers, speakers)
    low, allpass = doubles(own, BassTable.LOW, 2, 5), doubles(own, BassTable.ALLPASS, 1, 5)
    states = doubles(own, BassTable.STATES, speakers, 3, 2)
    work = doubles(engine, Shared.WORK, 2, CHUNK_FRAMES)
    lfe_gain = doubles(own, BassTable.LFE_GAIN, 1)[0]
    lfe = words(own, BassTable.LFE, speakers)
    for s in range(speakers):
        if lfe[s] == 0:
            continue
        kept, bass = work[0], work[1]
        for i in range(count):
            kept[i] = lfe_gain * np.float64(out[s, i])
            bass[i] = 0.0
        for k in range(speakers):
            weight = np.float64(weights[s, k])
            if weight != 0.0:
                for i in range(count):
                    bass[i] += weight * np.float64(out[k, i])
        cascade(bass, low, states[s], low.shape[0], count)
        cascade(kept, allpass, states[s, low.shape[0] :], allpass.shape[0], count)
        for i in range(count):
            out[s, i] = np.float32(kept[i] + bass[i])
