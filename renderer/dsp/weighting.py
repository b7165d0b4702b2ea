"""The K weighting of ITU-R BS.1770: loudness by frequency."""

from __future__ import annotations

import math

import numpy as np

from stemfield.renderer.native.arrays import Doubles


def k_weighting(sample_rate_hz: float) -> Doubles:
    """The two sections of the K weighting, whose coefficients ITU-R BS.1770 gives for 48 kHz, at any rate.

    Returns:
        Shape (2, 6): b0, b1, b2, 1, a1, a2.
    """
    k = math.tan(math.pi * 1681.974450955533 / sample_rate_hz)
    q, high = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    middle, scale = high**0.4996667741545416, 1.0 + k / q + k * k
    shelf = [
        (high + middle * k / q + k * k) / scale,
        2.0 * (k * k - high) / scale,
        (high - middle * k / q + k * k) / scale,
        1.0,
        2.0 * (k * k - 1.0) / scale,
        (1.0 - k / q + k * k) / scale,
    ]
    k = math.tan(math.pi * 38.13547087602444 / sample_rate_hz)
    q = 0.5003270373238773
    scale = 1.0 + k / q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2.0 * (k * k - 1.0) / scale, (1.0 - k / q + k * k) / scale]])
