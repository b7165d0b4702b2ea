"""Plans: the gains that apply now, and those that will apply from which frame on.

The newest plan wins as a whole, so it repeats everything of earlier plans that is still to come.
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
    """Gains and everything else that the processor ramps to, from wherever it is.

    Attributes:
        source_gains: linear, shape (sources, speakers).
        ramp_frames: shape (sources,).
        speaker_gains: gains set by the listener, linear, shape (speakers,); they apply to the monitor too.
        speaker_ramp_frames: ramp of the loudspeakers' own gains.
        diffuse_gains: gains to the decorrelators, linear, shape (sources, speakers); default: none.
        bass_gains: gains below the crossover of dual-band panning, shape (sources,); default: 1.
        heard_together: shares of `loudness.heard_together`, shape (sources, 2); default: 1.
        trims: gains required by the room, linear, shape (speakers,); default: the chain's.
        delays_frames: delays, at most the chain's longest, shape (speakers,); default: the chain's.
        equalisers: sections of every source, shape (at most 16, 5) each; default: those given last.
        monitor_gain: gain of the binaural monitor alone, linear.
        night: 1 for night listening, 0 for none.
        begin_frame: position of the timeline at which the ramps begin; at once if that has passed.
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
    night: float = 0.0
    begin_frame: int = 0
