"""Running level normalisation: scales a mixture to the level that a model was trained at.

Networks depend on level: in music 20 dB below the training level a network may find no vocals at all. So the mixture is
scaled before the model, and the stems are scaled back. The level is the mean power of the latest 1.5 seconds: long
enough not to follow the beat, short enough to follow a fade-out. It is causal and scales with the signal, so a
recording gives the same stems at any level.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 1.5
"""Averaging time. 3 s is as good on recordings, but loses twice as much in fades of 40 dB in 5 s and quiet passages."""
_BIN_S = 0.1
ONSET = 0.25
"""Lower limit of the level relative to the latest 0.1 to 0.2 s: at an onset the gain is at most 6 dB too high."""
FLOOR_DB = -90.0
"""Lower limit of the level in dB re full scale, about the noise of 16 bits."""
_FLOOR: Final[float] = 10.0 ** (FLOOR_DB / 10.0)


def power(sound: NDArray[np.float32]) -> float:
    """Mean square of audio, shape (channels, frames), without its DC offset; at least that of `FLOOR_DB`."""
    return max(float(np.var(sound, axis=1, dtype=np.float64).mean()), _FLOOR)


class RunningGain:
    """Gain that normalises a stream of hops to a target level.

    Args:
        target_db: target RMS level in dB re full scale.
        hop_s: duration of a hop in seconds.
    """

    def __init__(self, target_db: float, hop_s: float) -> None:
        self._target = 10.0 ** (target_db / 10.0)
        self._hops_a_bin = max(round(_BIN_S / hop_s), 1)
        self._bins = np.zeros((math.ceil(WINDOW_S / (self._hops_a_bin * hop_s)), 3, 2))
        self.reset()

    def reset(self) -> None:
        """Clear the level history."""
        self._bins.fill(0.0)
        self._hops = 0

    def next(self, block: NDArray[np.float32]) -> np.float32:
        """Linear gain for the next hop.

        Args:
            block: the hop, shape (2, frames), finite.
        """
        at, begun = divmod(self._hops, self._hops_a_bin)
        now = self._bins[at % len(self._bins)]
        if not begun:
            now.fill(0.0)
        self._hops += 1
        wide = block.astype(np.float64)
        now[0] += wide.shape[1]
        now[1] += wide.sum(axis=1)
        now[2] += (wide * wide).sum(axis=1)
        recent = now + self._bins[(at - 1) % len(self._bins)] if len(self._bins) > 1 else now
        level = max(_variance(self._bins.sum(axis=0)), ONSET * _variance(recent), _FLOOR)
        return np.float32(math.sqrt(self._target / level))


def _variance(moments: NDArray[np.float64]) -> float:
    """Variance, averaged over the channels, from frame counts, sums and sums of squares, each shape (2,)."""
    frames, sums, squares = moments
    return float((squares / frames - (sums / frames) ** 2).mean())
