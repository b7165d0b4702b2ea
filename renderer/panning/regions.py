"""Regions of a panner: what the gains are between three or four neighbouring loudspeakers.

Regions of one kind are stacked, so that all of them are evaluated for all directions at once. Each gives, for every
direction, its gains and a score: how far inside the region the direction lies. A region covers a direction when its
score is not below zero, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Triplets:
    """Triangles, panned by vector base amplitude panning.

    The gains g of a direction d solve g @ positions = d, so the velocity vector points at the source exactly
    (Pulkki, "Virtual sound source positioning using vector base amplitude panning", JAES 45(6), 1997).
    """

    vertices: Indices
    """(T, 3): which loudspeakers."""
    inverses: Floats
    """(T, 3, 3): of the matrices whose rows are the positions."""

    @classmethod
    def between(cls, vertices: Indices, positions: Floats) -> Triplets:
        """Triangles of the vertices (T, 3), among positions (V, 3)."""
        return cls(vertices, np.asarray(np.linalg.inv(positions[vertices]), np.float64))

    def gains(self, directions: Floats) -> tuple[Floats, Floats]:
        """Gains of norm 1, shape (P, T, 3), and scores, shape (P, T), of unit directions (P, 3)."""
        gains = np.tensordot(directions, self.inverses, axes=(1, 1))
        gains /= np.linalg.norm(gains, axis=-1, keepdims=True)
        return gains, gains.min(axis=-1)


@dataclass(frozen=True, slots=True)
class Quads:
    """Four loudspeakers kept whole, as in ITU-R BS.2127 section 6.1.

    The direction is met by a point of the bilinear patch between the corners a, b, c, d (in order round the patch):
    a (1-u)(1-v) + b u (1-v) + c u v + d (1-u) v, whose weights are the gains. For a fixed u, the points of all v lie
    on one line; the plane through that line and the listener holds the direction. That is a quadratic equation in u
    alone, and another one in v alone. No diagonal is preferred, so that a symmetric room pans symmetrically.
    """

    vertices: Indices
    """(Q, 4): which loudspeakers, in order round the patch."""
    corners: Floats
    """(Q, 4, 3): their positions."""
    polynomials: Floats
    """(2, Q, 3, 3): for u and v, the vectors whose product with a direction are the coefficients, highest first."""

    @classmethod
    def between(cls, vertices: Indices, positions: Floats) -> Quads:
        """Patches of the vertices (Q, 4), among positions (V, 3)."""
        a, b, c, d = np.moveaxis(positions[vertices], 1, 0)
        return cls(vertices, positions[vertices], np.stack([_polynomial(a, b, c, d), _polynomial(b, c, d, a)]))

    def gains(self, directions: Floats) -> tuple[Floats, Floats]:
        """Gains of norm 1, shape (P, Q, 4), and scores, shape (P, Q), of unit directions (P, 3)."""
        coefficients = np.moveaxis(np.tensordot(directions, self.polynomials, axes=(1, 3)), -1, 0)
        roots, inside = _roots_within_one(coefficients)
        u, v = np.moveaxis(roots, 1, 0)
        gains = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], axis=-1)
        # The equations hold for the opposite direction too.
        ahead = np.einsum("pqk,qkx,px->pq", gains, self.corners, directions) > 0
        gains /= np.linalg.norm(gains, axis=-1, keepdims=True)
        return gains, np.where(ahead, inside.min(axis=1), -np.inf)


def _polynomial(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """(Q, 3, 3): coefficients of u such that p, a + u (b-a) and d + u (c-d) are in one plane with the listener."""
    ab, dc = b - a, c - d
    return np.stack([np.cross(ab, dc), np.cross(a, dc) + np.cross(ab, d), np.cross(a, d)], axis=-2)


def _roots_within_one(coefficients: Floats) -> tuple[Floats, Floats]:
    """Of each a x^2 + b x + c, the real root that lies best in 0..1, and its distance from the ends (inside > 0)."""
    a, b, c = coefficients
    discriminant = b * b - 4 * a * c
    # A direction in which the patch is seen edge-on has a double root, which rounding may make complex.
    discriminant[(discriminant < 0) & (discriminant > -1e-14)] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        stable = -0.5 * (b + np.copysign(np.sqrt(discriminant), b))
        roots = np.stack([c / stable, stable / a])
        inside = np.minimum(roots, 1 - roots)
    inside[~np.isfinite(inside)] = -np.inf
    best = inside.argmax(axis=0)[None]
    root = np.take_along_axis(roots, best, axis=0)[0]
    inside = np.take_along_axis(inside, best, axis=0)[0]
    return np.where(np.isfinite(inside), root, 0.0), inside
