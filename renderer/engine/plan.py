"""What control wants of the processor: what is in force now, and what will be from which frame on.

The newest plan wins as a whole, so it holds everything that control knows of: what was planned before and is still to
come is planned again, or else it does not happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.dsp.shared import STEPS

NEVER: Final = 1 << 62
MAX_TARGETS: Final = STEPS
"""Maximum number of targets in a plan; more are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Gains and all else that the processor goes over to, from wherever it is.

    Attributes:
        source_gains: linear, shape (sources, speakers).
        ramp_frames: shape (sources,).
        speaker_gains: what the listener has set, linear, shape (speakers,); the monitor is subject to it too.
        speaker_ramp_frames: ramp of the loudspeakers' own gains.
        diffuse_gains: to the decorrelators, linear, shape (sources, speakers); none when not given.
        bass_gains: of what lies below the crossover of dual-band panning, shape (sources,); 1 when not given.
        heard_together: shares of `loudness.heard_together`, shape (sources, 2); 1 when not given.
        trims: what the room asks for, linear, shape (speakers,); the chain's when not given.
        delays_frames: at most the chain's longest, shape (speakers,); the chain's when not given.
        equalisers: sections of every source, shape (at most 16, 5) each; those that were given last when not given.
        monitor_gain: of the binaural monitor alone, linear.
        begin_frame: position of the timeline at which the ramps begin; at once where that has passed.
    """

    source_gains: NDArray[np.float32]
    ramp_frames: NDArray[np.int64]
    speaker_gains: NDArray[np.float32]
    speaker_ramp_frames: int
    diffuse_gains: NDArray[np.float32] | None = None
    bass_gains: NDArray[np.float32] | None = None
    heard_together: NDArray[np.float32] | None = None
    trims: NDArray[np.float32] | None = None
    delays_frames: NDArray[np.int64] | None = None
    equalisers: Sequence[NDArray[np.float64]] | None = None
    monitor_gain: float = 1.0
    begin_frame: int = 0
