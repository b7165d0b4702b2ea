"""Gains of wide and high sources: every direction of their extent sounds, at the power of a point source.

After the polar extent panner of ITU-R BS.2127 section 6.2: the powers of point sources on a fixed grid of directions,
which are computed once per room, are summed with weights.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from stemfield.layouts.coordinates import polar
from stemfield.renderer.native.operations import EXACT
from stemfield.renderer.panning.grid import GRID
from stemfield.renderer.panning.panner import Panner

Floats = NDArray[np.float64]

_FADE_DEG = 10.0
_POINT_DEG = 20.0
_POLE_DEG = 15.0
_ROUNDING = 1e-9


def extent_gains(panner: Panner, positions: ArrayLike, width_deg: ArrayLike, height_deg: ArrayLike) -> Floats:
    """Gains of sources with an extent.

    The extent is what lies within half the smaller angle of an arc as long as the larger one is more: a disc when both
    are equal, the horizon all around for 360 by 0, everything for 360 by 180. Its edge fades over 10 degrees. Up to 20
    degrees it is mixed with the point source, so that 0 by 0 is the point source itself. Near the poles, where left
    and up swap places, width and height approach their mean.

    Args:
        panner: panner of the layout.
        positions: metres or any other unit, shape (P, 3); only the direction counts.
        width_deg: horizontal angle, 0..360; shape (P,) or one for all.
        height_deg: vertical angle, 0..360; shape (P,) or one for all.

    Returns:
        Linear gains of the power of point sources, shape (P, loudspeakers), in layout order.

    Raises:
        ValueError: positions of another shape or not finite, angles out of range.
    """
    gains = panner.gains(positions)
    sizes_deg = np.empty((len(gains), 2))
    sizes_deg[:, 0], sizes_deg[:, 1] = width_deg, height_deg
    if not ((sizes_deg >= 0.0) & (sizes_deg <= 360.0)).all():
        raise ValueError(f"width_deg and height_deg must be 0..360, not {sizes_deg.min():g}..{sizes_deg.max():g}")
    wide = np.flatnonzero(sizes_deg.max(axis=1))
    if len(wide):
        gains[wide] = _spread(panner, np.asarray(positions, np.float64)[wide], sizes_deg[wide], gains[wide])
    return gains


def _spread(panner: Panner, positions: Floats, sizes_deg: Floats, points: Floats) -> Floats:
    azimuth_deg, elevation_deg, _ = polar(positions).T
    uneven = np.clip((90.0 - np.abs(elevation_deg)) / _POLE_DEG, 0.0, 1.0)[:, None]
    sizes_deg = uneven * sizes_deg + (1.0 - uneven) * sizes_deg.mean(axis=1, keepdims=True)
    frames = _frames(np.radians(azimuth_deg), np.radians(elevation_deg))
    upright = sizes_deg[:, 1] > sizes_deg[:, 0]
    frames[upright] = frames[upright][:, [0, 2, 1]]
    shorter, longer = np.sort(np.radians(sizes_deg), axis=1).T / 2.0
    inner = np.minimum(shorter, np.pi)
    outer = np.minimum(inner + np.radians(_FADE_DEG), np.pi)
    shapes = np.stack([np.cos(longer - shorter), np.cos(inner) - _ROUNDING, np.cos(outer)], axis=1)
    powers = np.zeros_like(points)
    _add_powers(frames, shapes, GRID.directions, panner.grid_powers, powers)
    # A pair's point sources lose power behind; their extents do so by as much.
    power = (points**2).sum(axis=1, keepdims=True)
    powers *= power / powers.sum(axis=1, keepdims=True)
    share = np.clip(sizes_deg.max(axis=1, keepdims=True) / _POINT_DEG, 0.0, 1.0) ** 2
    gains: Floats = np.sqrt((1.0 - share) * points**2 + share * powers)
    return gains


def _frames(azimuth: Floats, elevation: Floats) -> Floats:
    """(P, 3, 3): rows ahead, left and up as seen looking at directions in radians."""
    ca, sa, ce, se, none = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation), 0.0 * azimuth
    rows = [[ce * ca, ce * sa, se], [-sa, ca, none], [-se * ca, -se * sa, ce]]
    return np.ascontiguousarray(np.moveaxis(np.array(rows), 2, 0))


@njit(**EXACT)
def _add_powers(frames: Floats, shapes: Floats, directions: Floats, grid_powers: Floats, powers: Floats) -> None:
    """Adds to powers (P, S) those of the grid (G, S), weighted by how far within each extent a direction lies.

    An extent is an arc to both sides of its middle, and all within a distance of it; shapes are the cosines of half
    the arc's length, of that distance, and of the distance where the fade ends.
    """
    for p in range(len(frames)):
        frame = frames[p]
        arc, inner, outer = shapes[p, 0], shapes[p, 1], shapes[p, 2]
        sin_arc = np.sqrt(max(0.0, 1.0 - arc * arc))
        for g in range(len(directions)):
            ahead = directions[g, 0] * frame[0, 0] + directions[g, 1] * frame[0, 1] + directions[g, 2] * frame[0, 2]
            side = directions[g, 0] * frame[1, 0] + directions[g, 1] * frame[1, 1] + directions[g, 2] * frame[1, 2]
            level = np.sqrt(ahead * ahead + side * side)
            near = level if ahead >= level * arc else ahead * arc + abs(side) * sin_arc
            if near >= inner or near > outer:
                weight = 1.0 if near >= inner else (near - outer) / (inner - outer)
                weight *= weight
                for s in range(powers.shape[1]):
                    powers[p, s] += weight * grid_powers[g, s]
