"""Regions of a panner: three or four neighbouring loudspeakers, and what need be known to pan between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MARGIN = 1e-6
"""Between a region and what is not worth looking at more closely."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Triangles and quads among the vertices of a triangulation.

    Triangles are panned by vector base amplitude panning: the gains g of a direction d solve g @ positions = d, so the
    velocity vector points at the source exactly (Pulkki, "Virtual sound source positioning using vector base
    amplitude panning", JAES 45(6), 1997).

    Quads are four loudspeakers kept whole, as in ITU-R BS.2127 section 6.1. The direction is met by a point of the
    bilinear patch between the corners a, b, c, d (in order round the patch):
    a (1-u)(1-v) + b u (1-v) + c u v + d (1-u) v, whose weights are the gains. For a fixed u, the points of all v lie
    on one line; the plane through that line and the listener holds the direction. That is a quadratic equation in u
    alone, and another one in v alone. No diagonal is preferred, so that a symmetric room pans symmetrically.
    """

    triangles: Indices
    """(T, 3): which vertices."""
    inverses: Floats
    """(T, 3, 3): of the matrices whose columns are the positions."""
    quads: Indices
    """(Q, 4): which vertices, in order round the patch."""
    corners: Floats
    """(Q, 4, 3): their positions."""
    polynomials: Floats
    """(Q, 2, 3, 3): for u and v, the vectors whose product with a direction are the coefficients, highest first."""
    caps: Floats
    """(T + Q, 4): middle of each region, and the least product with it of any direction in the region."""

    @classmethod
    def between(cls, triangles: Sequence[Sequence[int]], quads: Sequence[Sequence[int]], positions: Floats) -> Regions:
        """Regions of vertices at positions (V, 3)."""
        three = np.array(triangles, np.intp).reshape(-1, 3)
        four = np.array(quads, np.intp).reshape(-1, 4)
        a, b, c, d = np.moveaxis(positions[four], 1, 0)
        polynomials = np.stack([_polynomial(a, b, c, d), _polynomial(b, c, d, a)], axis=1)
        inverses = np.ascontiguousarray(np.linalg.inv(positions[three]).swapaxes(1, 2))
        caps = np.concatenate([_caps(positions[three]), _caps(positions[four])])
        return cls(three, inverses, four, positions[four], polynomials, caps)


def _caps(corners: Floats) -> Floats:
    """(R, 4): of regions with corners (R, K, 3). A cap of more than a hemisphere is the whole sphere."""
    directions = corners / np.linalg.norm(corners, axis=2, keepdims=True)
    middles = directions.sum(axis=1)
    middles /= np.maximum(np.linalg.norm(middles, axis=1, keepdims=True), 1e-11)
    least = np.einsum("rkx,rx->rk", directions, middles).min(axis=1, initial=2.0)
    return np.column_stack([middles, np.where(least > 0.0, least - MARGIN, -2.0)])


def _polynomial(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """(Q, 3, 3): coefficients of u such that p, a + u (b-a) and d + u (c-d) are in one plane with the listener."""
    ab, dc = b - a, c - d
    return np.stack([np.cross(ab, dc), np.cross(a, dc) + np.cross(ab, d), np.cross(a, d)], axis=-2)
