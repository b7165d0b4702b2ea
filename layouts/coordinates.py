"""The one coordinate convention: x front, y left, z up; azimuth anticlockwise from the front, elevation up.

>>> [round(float(v), 6) + 0.0 for v in cartesian(90.0, 0.0, 2.0)]  # 90 degrees is left
[0.0, 2.0, 0.0]
>>> [round(float(v), 6) + 0.0 for v in cartesian(0.0, 90.0, 1.0)]  # straight up
[0.0, 0.0, 1.0]
>>> [round(float(v), 6) + 0.0 for v in polar((0.0, -3.0, 0.0))]  # right, three metres
[-90.0, 0.0, 3.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def cartesian(azimuth_deg: ArrayLike, elevation_deg: ArrayLike, distance_m: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Positions of polar coordinates.

    Args:
        azimuth_deg: degrees, left positive; any shape.
        elevation_deg: degrees, up positive; broadcast with the others.
        distance_m: metres.

    Returns:
        Metres, shape (..., 3): x front, y left, z up.
    """
    azimuth, elevation, distance = np.broadcast_arrays(
        np.radians(np.asarray(azimuth_deg, np.float64)),
        np.radians(np.asarray(elevation_deg, np.float64)),
        np.asarray(distance_m, np.float64),
    )
    level = distance * np.cos(elevation)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), distance * np.sin(elevation)], axis=-1)


def polar(position: ArrayLike) -> NDArray[np.float64]:
    """Polar coordinates of positions.

    Args:
        position: metres, shape (..., 3).

    Returns:
        Shape (..., 3): azimuth in degrees (-180..180, left positive), elevation in degrees (-90..90), distance in
        metres. The origin has azimuth and elevation 0; the poles have azimuth 0.
    """
    x, y, z = np.moveaxis(np.asarray(position, np.float64), -1, 0)
    level = np.hypot(x, y)
    at_pole = level < 1e-12 * np.maximum(np.abs(z), 1e-300)
    azimuth = np.where(at_pole, 0.0, np.arctan2(y, x))
    elevation = np.arctan2(z, level)
    return np.stack([np.degrees(azimuth), np.degrees(elevation), np.hypot(level, z)], axis=-1)
