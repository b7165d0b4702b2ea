"""Conversion of Cartesian positions in a cube to directions and distances, after ITU-R BS.2127 section 10.

The corners of the cube are the places of a front and a surround pair, at 30 and 110 degrees, and an upper edge is at 30
degrees of elevation; between them positions follow the panning law of two loudspeakers.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RING = ((0.0, (0.0, 1.0)), (-30.0, (1.0, 1.0)), (-110.0, (1.0, -1.0)), (-250.0, (-1.0, -1.0)), (-330.0, (-1.0, 1.0)))
"""Azimuths, clockwise from the front, and their X and Y in the cube."""
_EDGE_DEG, _EDGE_CUBE_DEG = 30.0, 45.0
_NONE = 1e-10


def sphere_of(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Azimuth and elevation in degrees and distance of a position in the cube.

    >>> [round(part, 6) + 0.0 for part in sphere_of(-1.0, 1.0, 0.0)]
    [30.0, 0.0, 1.0]
    >>> [round(part, 6) + 0.0 for part in sphere_of(1.0, -1.0, 1.0)]
    [-110.0, 30.0, 1.0]
    """
    if abs(x) < _NONE and abs(y) < _NONE:
        return 0.0, 90.0 * float(np.sign(z)) if abs(z) >= _NONE else 0.0, abs(z) if abs(z) >= _NONE else 0.0
    azimuth_deg, level = _on_the_ring(x, y)
    tilt_deg = float(np.degrees(np.arctan(z / level)))
    if abs(tilt_deg) <= _EDGE_CUBE_DEG:
        return azimuth_deg, tilt_deg * _EDGE_DEG / _EDGE_CUBE_DEG, level
    beyond = (abs(tilt_deg) - _EDGE_CUBE_DEG) / (90.0 - _EDGE_CUBE_DEG)
    return azimuth_deg, float(np.sign(z)) * (_EDGE_DEG + (90.0 - _EDGE_DEG) * beyond), abs(z)


def angles_of(azimuth_deg: float, elevation_deg: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Width and height in degrees and depth of an extent in the cube (X, Y, Z: 0..1 each), seen in a direction."""
    seen = np.sqrt(_frame(azimuth_deg, elevation_deg) ** 2 @ np.square([x, y, z]))
    side, ahead, up = np.clip(seen, 0.0, 1.0).tolist()
    width_deg, height_deg = _angle_deg(side, ahead), _angle_deg(up, ahead)
    spanned = max((1.0 - float(np.cos(np.radians(angle_deg / 2.0)))) / 2.0 for angle_deg in (width_deg, height_deg))
    return width_deg, height_deg, max(0.0, ahead - spanned)


def _on_the_ring(x: float, y: float) -> tuple[float, float]:
    """Azimuth of a position, and its distance: 1 on the walls."""
    corners = pairwise((*_RING, (-360.0, _RING[0][1])))
    shares = [(*_shares(left, right, x, y), left_deg, right_deg) for (left_deg, left), (right_deg, right) in corners]
    near_left, near_right, left_deg, right_deg = max(shares, key=lambda share: min(share[:2]))
    level = near_left + near_right
    share = near_right / level * np.pi / 2.0
    to_right = np.sin(share) / (np.sin(share) + np.cos(share))
    middle_deg, half_deg = (left_deg + right_deg) / 2.0, (left_deg - right_deg) / 2.0
    turn_deg = np.degrees(np.arctan((2.0 * to_right - 1.0) * np.tan(np.radians(half_deg))))
    return (float(middle_deg - turn_deg) + 180.0) % 360.0 - 180.0, float(level)


def _shares(left: tuple[float, float], right: tuple[float, float], x: float, y: float) -> tuple[float, float]:
    """Weights of two corners for a position, both positive if it lies between them."""
    determinant = left[0] * right[1] - right[0] * left[1]
    return (x * right[1] - right[0] * y) / determinant, (left[0] * y - x * left[1]) / determinant


def _angle_deg(across: float, ahead: float) -> float:
    """Visual angle of a body with a width and a depth."""
    seen_deg = 2.0 * np.degrees(np.arcsin(across))
    around_deg = 2.0 * np.degrees(np.arccos(1.0 - 2.0 * ahead))
    return float(seen_deg + across * max(around_deg - seen_deg, 0.0))


def _frame(azimuth_deg: float, elevation_deg: float) -> Floats:
    """Rows right, ahead and up for a view direction, in X, Y and Z."""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    ca, sa, ce, se = np.cos(a), np.sin(a), np.cos(e), np.sin(e)
    return np.array([[ca, sa, 0.0], [-sa * ce, ca * ce, se], [sa * se, -ca * se, ce]])
