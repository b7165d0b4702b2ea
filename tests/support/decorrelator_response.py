"""The response of a decorrelator, computed slowly."""

from __future__ import annotations

import numpy as np

from stemfield.renderer.dsp.decorrelator import Decorrelator
from stemfield.renderer.native.arrays import Doubles


def impulse_response(decorrelator: Decorrelator, frames: int) -> Doubles:
    """Impulse response of one chain, shape (frames,)."""
    samples = np.zeros(frames)
    samples[0] = 1.0
    for delay, gain in zip(decorrelator.delays, decorrelator.gains.astype(np.float64), strict=True):
        held = samples.copy()
        for at in range(delay, frames, delay):
            end = min(at + delay, frames)
            held[at:end] += gain * held[at - delay : end - delay]
        samples = -gain * held
        samples[delay:] += held[:-delay]
    return samples
