"""Panning to a stereo pair, as ITU-R BS.2127 section 6.1 does it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Speaker

Floats = NDArray[np.float64]

SURROUND = tuple(
    Speaker(f"M{azimuth:+04d}", azimuth, 0.0, 1.0, channel)
    for channel, azimuth in enumerate((30, -30, 0, 110, -110), start=1)
)
"""The five loudspeakers that a stereo pair stands for: left, right, centre, left and right surround."""

# Centre at 1/sqrt(3), not at -3 dB: with it the velocity vector between centre and side is kept.
_DOWNMIX = np.array([[1, 0], [0, 1], [3**-0.5, 3**-0.5], [0.5**0.5, 0], [0, 0.5**0.5]])


def stereo_pair(speakers: Sequence[Speaker]) -> tuple[int, int] | None:
    """Indices of left and right, if the room is one pair in front: nothing else is panned as stereo."""
    if len(speakers) != 2 or any(abs(s.nominal_elevation_deg) > 30 for s in speakers):
        return None
    left, right = sorted((0, 1), key=lambda i: -speakers[i].nominal_azimuth_deg)
    in_front = 0 < speakers[left].nominal_azimuth_deg < 90 and -90 < speakers[right].nominal_azimuth_deg < 0
    return (left, right) if in_front else None


def fold_to_stereo(gains: Floats) -> Floats:
    """Gains on `SURROUND`, shape (P, 5), as gains on left and right, shape (P, 2).

    Power is 1 in front and falls to 1/2 behind, so that a source which can only be heard in front is no louder there.
    """
    folded: Floats = gains @ _DOWNMIX
    folded /= np.linalg.norm(folded, axis=1, keepdims=True)
    front, back = gains[:, :3].max(axis=1), gains[:, 3:].max(axis=1)
    folded *= (0.5 ** (0.5 * back / (front + back)))[:, None]
    return folded
