"""Night listening: a compressor of the whole room, which turns loud passages down and soft ones up.

One gain for all loudspeakers follows their summed power, before the master gain, so the image stays and the volume does
not matter. Above `PIVOT_DB` the level rises by a third, below it is raised, noise and pauses are not. The gain is
computed every `STEP` frames of the timeline and smoothed in between, so the result does not depend on the size of
blocks. Off, the feeds are not touched.
"""

from __future__ import annotations

import math
from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.dsp.shared import ROW_FRAMES, TARGETS, Shared
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import doubles, floats

PIVOT_DB: Final = -24.0
"""Summed level of the loudspeakers that stays as it is, before the master gain."""
SLOPE: Final = 2.0 / 3.0
"""Share of the distance from the pivot that is taken away: a ratio of 3."""
HIGHEST_DB: Final = 9.0
LOWEST_DB: Final = -18.0
NOISE_DB: Final = -50.0
"""Below this, sound is raised less and less."""
ATTACK_S: Final = 0.01
RELEASE_S: Final = 0.6
SMOOTH_S: Final = 0.005
SWITCH_S: Final = 0.5
"""Time in which the compressor comes and goes."""
STEP: Final = 32
_FLOOR: Final = 1e-12


class NightTable(IntEnum):
    """Words of the stage."""

    TARGETS = 0
    """Address of float64 (TARGETS,): 1 for on, 0 for off."""
    MEMORY = auto()
    """Address of float64 (5,): share of the compressor in force, mean power, its envelope, gain, and its goal."""
    SPEEDS = auto()
    """Address of float64 (4,): step of the share a frame; shares of a frame in power, falling envelope, and gain."""


def state(sample_rate_hz: float) -> State:
    """The stage's state."""
    times = ATTACK_S, RELEASE_S, SMOOTH_S
    speeds = [1.0 / (SWITCH_S * sample_rate_hz), *(1.0 - math.exp(-1.0 / (each * sample_rate_hz)) for each in times)]
    return State(
        NightTable,
        {
            NightTable.TARGETS: np.zeros(TARGETS),
            NightTable.MEMORY: np.array([0.0, _FLOOR, _FLOOR, 1.0, 1.0]),
            NightTable.SPEEDS: np.array(speeds),
        },
    )


@njit(**NATIVE)
def gain_db(level_db: float) -> float:
    """The static curve: gain for a level of all loudspeakers together."""
    raised = min(max(SLOPE * (PIVOT_DB - level_db), LOWEST_DB), HIGHEST_DB)
    return max(raised + min(level_db - NOISE_DB, 0.0), 0.0) if raised > 0.0 else raised


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Compresses all loudspeakers and the monitor together, if that is wanted."""
    memory, speeds = doubles(own, NightTable.MEMORY, 5), doubles(own, NightTable.SPEEDS, 4)
    wanted = doubles(own, NightTable.TARGETS, TARGETS)[engine[Shared.FRONT]]
    share, power, envelope, gain, goal = memory[0], memory[1], memory[2], memory[3], memory[4]
    if wanted == 0.0 and share == 0.0:
        return
    speakers, outputs = engine[Shared.SPEAKERS], engine[Shared.OUTPUTS]
    out = floats(engine, Shared.SPEAKER_BUS, outputs, ROW_FRAMES)
    for i in range(count):
        share = min(share + speeds[0], wanted) if share < wanted else max(share - speeds[0], wanted)
        sound = 0.0
        for s in range(speakers):
            sound += np.float64(out[s, i]) * np.float64(out[s, i])
        power += (sound - power) * speeds[1]
        envelope = max(power, envelope + (power - envelope) * speeds[2])
        if (engine[Shared.POSITION] + i) % STEP == 0:
            goal = 10.0 ** (0.05 * share * gain_db(10.0 * math.log10(max(envelope, _FLOOR))))
        gain += (goal - gain) * speeds[3]
        for s in range(outputs):
            out[s, i] *= np.float32(gain)
    if wanted == 0.0 and share == 0.0:
        power, envelope, gain, goal = _FLOOR, _FLOOR, 1.0, 1.0
    memory[0], memory[1], memory[2], memory[3], memory[4] = share, power, envelope, gain, goal
