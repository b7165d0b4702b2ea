"""Conversions between the units of controllers and those of the scene, for single values.

The convention is that of `stemfield.layouts.coordinates`, whose functions take arrays; these are ten times faster for
the few numbers of a message.

>>> [round(v, 6) for v in aed_of((0.0, -3.0, 0.0))]
[-90.0, 0.0, 3.0]
>>> [round(v, 6) + 0.0 for v in position_of(90.0, 0.0, 2.0)]
[0.0, 2.0, 0.0]
>>> db_of(level_of(-6.0)), level_of(-120.0), db_of(0.0)
(-6.0, 0.0, -120.0)
"""

from __future__ import annotations

import math

from stemfield.renderer.scene.scene import MAX_LEVEL, SILENCE_DB

Position = tuple[float, float, float]

NEAREST_M = 0.01
FARTHEST_M = 1000.0
"""Maximum along each axis."""


def aed_of(position: Position) -> tuple[float, float, float]:
    """Azimuth and elevation in degrees and distance in metres of a position in metres.

    At the poles the azimuth is the one that the position was made with: `position_of(40, 90, 1)` is off the axis by
    the rounding of cos(90 degrees), so that an object that passes the zenith keeps its azimuth.
    """
    x, y, z = position
    level = math.hypot(x, y)
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, level)), math.hypot(level, z)


def position_of(azimuth_deg: float, elevation_deg: float, distance_m: float) -> Position:
    """Position in metres: x front, y left, z up."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    level = distance_m * math.cos(elevation)
    return level * math.cos(azimuth), level * math.sin(azimuth), distance_m * math.sin(elevation)


def reachable(position: Position) -> Position:
    """The position, scaled towards the origin if an axis exceeds 1000 m, as turning and scaling may cause.

    >>> reachable((2000.0, -500.0, 0.0)), reachable((1.0, 2.0, 3.0))
    ((1000.0, -250.0, 0.0), (1.0, 2.0, 3.0))
    """
    most = max(map(abs, position))
    if most <= FARTHEST_M:
        return position
    x, y, z = (min(max(part * FARTHEST_M / most, -FARTHEST_M), FARTHEST_M) for part in position)
    return x, y, z


def db_of(level: float) -> float:
    """A linear gain in dB, not below -120."""
    return max(20.0 * math.log10(level), SILENCE_DB) if level > 0.0 else SILENCE_DB


def level_of(gain_db: float) -> float:
    """A gain in dB as a linear gain of 0..10; -120 and below is silence."""
    return min(10.0 ** (gain_db / 20.0), MAX_LEVEL) if gain_db > SILENCE_DB else 0.0
