"""Laws that keep a recording as loud in a room as it was.

Sounds that come from different loudspeakers add up by their powers, on one loudspeaker by their amplitudes. A recording
is as loud as the powers of its two channels together, so a room is louder where equal channels meet in a loudspeaker,
softer where opposite ones cancel, and softer where instruments are apart that shared one before. The gains for the
first two follow from the places alone. What instruments have in common differs from song to song: `dsp.leakage`
measures it, and the places determine how much of it is lost.

Loudness is that of ITU-R BS.1770: the powers of all loudspeakers, those at the sides with more weight, LFE channels
with none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_IN_COMMON: Final = np.array(
    [
        [0, 1, 1, 3],
        [0, 0, 3, 3],
        [0, 0, 0, 3],
        [1, 6, 2, 0],
    ],
    np.float64,
)
"""How much pairs of vocals, bass, drums and other have in common, relative to other pairs: above the diagonal of what
is alike in both sides, below it of what is opposite. Rounded averages of the demo song and three recordings, with the
default model."""
_DECIMALS: Final = 4


def taken_apart(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Gains with which the two sides of an object add up by power on each loudspeaker that both use.

    Where both play a loudspeaker with gains l and r, its power contains the cross term 2 l r <L, R>, which depends on
    whether the sides are alike. To avoid that, their difference is also sent to the loudspeaker's decorrelator, with
    the root of l r as gain: what the sides have in common is heard directly, and what would have cancelled is heard as
    diffuse sound from the same loudspeakers. Everything is scaled to the power that both have alone.

    Args:
        left: gains of the left sides, none negative, shape (objects, loudspeakers).
        right: gains of the right sides.

    Returns:
        The factor of the direct gains of both, shape (objects,), and the diffuse gains of the left sides, shape
        (objects, loudspeakers); those of the right sides are their negatives. Sides that share no loudspeaker have 1
        and zeros.

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
        azimuth_deg: azimuths of the loudspeakers.

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


def heard_together(direct: Floats, diffuse: Floats, weights: Floats) -> tuple[float, float]:
    """Share of what instruments have in common that adds up by amplitude, as it did in the recording.

    With these shares a processor raises instruments to be as loud together as the recording that they came from:
    by the root of (1 + a + b) / (1 + a alike + b opposite), where a and b say how much what they have in common adds to
    the sum of their powers (`dsp.leakage.LeakageMeter`).

    Args:
        direct: gains of the left and right sides in turn of at most four instruments, shape (2 instruments,
            loudspeakers).
        diffuse: gains to the decorrelators.
        weights: weights of the loudspeakers' powers.

    Returns:
        Two shares, 0..1: of what is alike in both sides, and of what is opposite. 1 if all are at one place, or there
        is only one.
    """
    gains = np.stack([direct, diffuse], axis=1).reshape(len(direct), -1) * np.sqrt(np.tile(weights, 2))
    found = []
    for places, pairs in ((gains[0::2] + gains[1::2], _IN_COMMON), (gains[0::2] - gains[1::2], _IN_COMMON.T)):
        lengths, wanted = np.linalg.norm(places, axis=1), np.triu(pairs, 1)[: len(places), : len(places)]
        most = float((wanted * np.outer(lengths, lengths)).sum())
        share = float((wanted * (places @ places.T)).sum()) / most if most > 0.0 else 1.0
        found.append(round(min(max(share, 0.0), 1.0), _DECIMALS))
    return found[0], found[1]
