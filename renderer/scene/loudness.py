"""What keeps a recording as loud in a room as it was: laws for what shares a loudspeaker, and what it adds up to.

Sounds that come from different loudspeakers add up by their powers, on one loudspeaker by their amplitudes. A recording
is as loud as the powers of its two channels together, so a room is louder where equal channels meet in a loudspeaker,
softer where opposite ones cancel, and softer where instruments are apart that shared one before. None of it depends on
the sound: gains follow from the places alone.

Loudness is that of ITU-R BS.1770: the powers of all loudspeakers, those at the sides with more weight, LFE channels
with none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]

KEPT: Final = 0.1
"""The correlation of two separated instruments, in each of which a separator leaves a little of the other: 0 for a lone
voice. Chosen on the demo song and three recordings with the default model."""
_AT_THE_SIDES: Final = 10.0**0.15
_DECIMALS: Final = 3


def channel_weights(layout: Layout) -> list[float]:
    """By how much the power of each loudspeaker counts: at the sides for more, of LFE channels not at all."""
    return [
        0.0
        if speaker.lfe
        else _AT_THE_SIDES
        if abs(speaker.elevation_deg) < 30.0 and 60.0 <= abs(speaker.azimuth_deg) <= 120.0
        else 1.0
        for speaker in layout.speakers
    ]


def taken_apart(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Lets the two sides of an object add up by power on each loudspeaker that both use.

    Where both play a loudspeaker with gains l and r, its power has a part 2 l r <L, R>, which depends on whether the
    sides are alike. So that it does not, their difference is also sent to the loudspeaker's decorrelator, with the gain
    of the root of l r: what the sides have in common is heard directly, from where it was, and what would have
    cancelled is heard as diffuse sound from the same loudspeakers. All is scaled to the power that both have alone.

    Args:
        left: gains of the left sides, none negative, shape (objects, loudspeakers).
        right: of the right sides.

    Returns:
        What the direct gains of both are multiplied by, shape (objects,), and the diffuse gains of the left sides,
        shape (objects, loudspeakers), whose negatives are those of the right sides. Sides that share no loudspeaker
        have 1 and zeros.

    >>> scale, diffuse = taken_apart(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))
    >>> scale.round(3).tolist(), diffuse.round(3).tolist()
    ([0.707], [[0.707, 0.0]])
    """
    own, together = (left**2 + right**2).sum(axis=-1), ((left + right) ** 2).sum(axis=-1)
    scale: Floats = np.sqrt(np.divide(own, together, out=np.ones_like(own), where=together > 0.0))
    return scale, scale[:, None] * np.sqrt(left * right)


def all_around(plays: Floats, azimuth_deg: Floats) -> tuple[Floats, Floats]:
    """Diffuse gains of two sides: what they have in common is the same everywhere, their difference left against right.

    Args:
        plays: 1 for each loudspeaker that is used, or 0, shape (loudspeakers,).
        azimuth_deg: of the loudspeakers.

    Returns:
        Gains of the left and the right side, at right angles and each of power 1; of 1/2 where no loudspeaker is at a
        side.
    """
    common = plays / np.sqrt(plays.sum())
    difference = plays * np.sign(np.sin(np.radians(azimuth_deg)).round(6))
    difference -= (difference @ common) * common
    length = np.linalg.norm(difference)
    difference = difference / length if length > 1e-6 else 0.0 * difference
    return np.sqrt(0.5) * (common + difference), np.sqrt(0.5) * (common - difference)


def instruments_gain(direct: Floats, diffuse: Floats, weights: Floats) -> float:
    """By how much instruments have to be raised to be as loud together as the recording that they came from.

    At one place what the separation left of them in each other adds up by amplitude, as it did in the recording, and
    the gain is 1. Apart it adds up by power only.

    Args:
        direct: gains of their left and right sides in turn, shape (2 instruments, loudspeakers).
        diffuse: to the decorrelators.
        weights: of the loudspeakers' powers.

    Returns:
        1 to the root of 1 + (instruments - 1) KEPT.
    """
    places = (direct[0::2] + direct[1::2]) * np.sqrt(weights)
    powers = ((direct**2 + diffuse**2) @ weights).reshape(-1, 2).sum(axis=1)
    apart = (1.0 - KEPT) * powers.sum()
    together = apart + KEPT * np.sqrt(powers).sum() ** 2
    here = apart + KEPT * (places.sum(axis=0) ** 2).sum()
    return round(float(np.sqrt(together / here)), _DECIMALS) if here > 0.0 else 1.0
