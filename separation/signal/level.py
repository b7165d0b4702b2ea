"""The running level of a mixture, by which a model hears every recording as loud as those it was trained on.

A network tells instruments apart by level too: music 20 dB below what it was trained on has no singer for it. So the
mixture is scaled before the model and its stems are scaled back. The level is the mean power of the latest 1.5 seconds:
long enough for the beat not to move it, short enough to follow a fade-out. It depends on the past alone and scales with
the signal, so a recording gives the same stems at any volume.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WINDOW_S = 1.5
"""On recordings 3 s separates as well; fades of 40 dB in 5 s and quiet passages lose twice as much."""
_BIN_S = 0.1
_ONSET = 0.25
"""Share of the latest 0.1 to 0.2 s that the level is at least: after an onset the model hears 6 dB too much at most."""
FLOOR_DB = -90.0
"""The level is never taken for less, dB re full scale: the noise of 16 bits is not music."""
_FLOOR: Final[float] = 10.0 ** (FLOOR_DB / 10.0)


def power(sound: NDArray[np.float32]) -> float:
    """Mean square of sound, shape (channels, frames), without its constant part; at least that of `FLOOR_DB`."""
    return max(float(np.var(sound, axis=1, dtype=np.float64).mean()), _FLOOR)


class RunningGain:
    """What brings a stream of hops to the level of a model's training.

    Args:
        target_db: RMS level to bring the sound to, dB re full scale.
        hop_s: duration of a hop in seconds.
    """

    def __init__(self, target_db: float, hop_s: float) -> None:
        self._target = 10.0 ** (target_db / 10.0)
        self._hops_a_bin = max(round(_BIN_S / hop_s), 1)
        self._bins = np.zeros((math.ceil(_WINDOW_S / (self._hops_a_bin * hop_s)), 3, 2))
        self.reset()

    def reset(self) -> None:
        """Forgets what was heard."""
        self._bins.fill(0.0)
        self._hops = 0

    def next(self, block: NDArray[np.float32]) -> np.float32:
        """The gain, linear, for a hop.

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
        level = max(_variance(self._bins.sum(axis=0)), _ONSET * _variance(recent), _FLOOR)
        return np.float32(math.sqrt(self._target / level))


def _variance(moments: NDArray[np.float64]) -> float:
    """Mean over the channels, from frames, sums and sums of squares, each shape (2,)."""
    frames, sums, squares = moments
    return float((squares / frames - (sums / frames) ** 2).mean())
