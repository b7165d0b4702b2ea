"""The fade of all outputs: from silence after a start, to silence before an end."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Final

import numpy as np
from numba import njit

from stemfield.renderer.dsp.limiter import apply_gains
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Words
from stemfield.renderer.native.operations import INNER, load_acquire
from stemfield.renderer.native.state import State
from stemfield.renderer.native.views import floats

RISE_S: Final = 0.5
"""Duration of the fade-in."""
FALL_S: Final = 0.05
"""Duration of the fade-out."""


class FadeTable(IntEnum):
    """Words of the stage."""

    FRAMES = 0
    FALL_STEP = auto()
    AT = auto()
    """Frames of the fade-in that are over; 0 is silence."""
    HOLD = auto()
    """Frames of silence before the fade-in; control's until it sets SOUNDING."""
    SOUNDING = auto()
    """Whether outputs are to sound; written by control."""


def state(sample_rate_hz: float) -> State:
    """The stage's state: outputs sound."""
    frames = round(RISE_S * sample_rate_hz)
    values = {FadeTable.FRAMES: frames, FadeTable.FALL_STEP: round(RISE_S / FALL_S)}
    return State(FadeTable, values | {FadeTable.AT: frames, FadeTable.SOUNDING: 1})


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Multiplies all outputs by the fade's gain, where that is not 1."""
    sounding = load_acquire(own.ctypes.data + 8 * FadeTable.SOUNDING) != 0
    full, at, held = own[FadeTable.FRAMES], own[FadeTable.AT], own[FadeTable.HOLD]
    if sounding and at == full:
        return
    outputs = engine[Shared.OUTPUTS]
    out = floats(engine, Shared.SPEAKER_BUS, outputs, ROW_FRAMES)
    gains = floats(engine, Shared.WORK_FLOATS, 2, CHUNK_FRAMES)[0]
    for i in range(count):
        if not sounding:
            at = max(at - own[FadeTable.FALL_STEP], 0)
        elif held > 0:
            held -= 1
        else:
            at = min(at + 1, full)
        gains[i] = np.float32(at) / np.float32(full)
    for s in range(outputs):
        apply_gains(out[s], count, gains)
    own[FadeTable.AT] = at
    if sounding:
        own[FadeTable.HOLD] = held
