"""The panner's compiled inner loop: from directions to gains, by the regions that cover them.

Every region gives, for a direction, its gains and a score: how far inside the region the direction lies. A region
covers a direction if its score is not below zero, but for rounding. The first region that covers a direction plays it.

A vector of directions goes through the regions at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stemfield.renderer.native.operations import EXACT
from stemfield.renderer.panning.regions import MARGIN
from stemfield.renderer.simd.arithmetic import (
    chosen,
    exceeding,
    largest_of,
    magnitude,
    root,
    signed_as,
    smallest_of,
    spread,
)
from stemfield.renderer.simd.load_store import load, store
from stemfield.renderer.simd.vectors import DOUBLES

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_EPSILON = 1e-11
_SIDE_ON = 1e-14
"""Tolerance for the double root of a direction in which a patch is seen edge-on, which rounding makes complex."""

_X, _Y, _Z, _GAINS, _REGION, _ROWS = 0, 1, 2, 3, 7, 8
"""Rows of the workspace: directions and their results."""


@njit(**EXACT)
def pan(
    positions: Floats,
    triangles: Indices,
    inverses: Floats,
    quads: Indices,
    corners: Floats,
    polynomials: Floats,
    caps: Floats,
    columns: Indices,
    downmix: Floats,
    result: Floats,
) -> int:
    """Writes energy normalised gains of positions (P, 3) on S loudspeakers to `result` (P, S), which holds zeros.

    Downmix (V, S) says how vertices are heard; columns (V,) names the loudspeaker of those that are one, -1 the others.

    Returns:
        The first position that is not finite, or -1.
    """
    work = np.zeros((_ROWS, DOUBLES))
    for first in range(0, len(positions), DOUBLES):
        count = min(DOUBLES, len(positions) - first)
        for k in range(count):
            if not _normalised(positions[first + k], work, k):
                return first + k
        _find_regions(work, inverses, corners, polynomials, caps)
        for k in range(count):
            region = int(work[_REGION, k])
            vertices = triangles[region] if region < len(triangles) else quads[region - len(triangles)]
            _mix(vertices, work, k, columns, downmix, result[first + k])
    return -1


@njit(**EXACT)
def _normalised(position: Floats, work: Floats, k: int) -> bool:
    """Writes the unit vector of a position, front for the origin; False for a position that is not finite."""
    x, y, z = position[0], position[1], position[2]
    square = x * x + y * y + z * z
    if not 1e-200 < square < 1e200:
        largest = max(abs(x), abs(y), abs(z))
        if not np.isfinite(x * 0.0 + y * 0.0 + z * 0.0):
            return False
        if largest == 0.0:
            x, largest = 1.0, 1.0
        x, y, z = x / largest, y / largest, z / largest
        square = x * x + y * y + z * z
    scale = 1.0 / np.sqrt(square)
    work[_X, k], work[_Y, k], work[_Z, k] = x * scale, y * scale, z * scale
    return True


@njit(**EXACT)
def _mix(vertices: Indices, work: Floats, k: int, columns: Indices, downmix: Floats, row: Floats) -> None:
    """Adds the gains of a direction on vertices to the loudspeakers of a row of zeros, and makes their power 1."""
    alone = True
    for v in range(len(vertices)):
        column = columns[vertices[v]]
        alone = alone and column >= 0 and row[max(column, 0)] == 0.0
        if column >= 0:
            row[column] = work[_GAINS + v, k]
    if alone:
        return
    row[:] = 0.0
    power = 0.0
    for v in range(len(vertices)):
        for s in range(len(row)):
            row[s] += work[_GAINS + v, k] * downmix[vertices[v], s]
    for s in range(len(row)):
        power += row[s] * row[s]
    scale = 1.0 / np.sqrt(power)
    for s in range(len(row)):
        row[s] *= scale


@njit(**EXACT)
def _find_regions(work: Floats, inverses: Floats, corners: Floats, polynomials: Floats, caps: Floats) -> None:
    """Writes the first region that covers each of `DOUBLES` directions, and its gains, of power 1.

    Triangles count before quads. Where rounding leaves a direction between regions, the nearest takes it.
    """
    nothing, edge, margin = spread(0.0), spread(-_EPSILON), spread(MARGIN)
    x, y, z = load(work[_X], 0), load(work[_Y], 0), load(work[_Z], 0)
    best, found = spread(-np.inf), nothing
    a, b, c, d = nothing, nothing, nothing, nothing
    covered = 0
    for region in range(len(inverses)):
        inverse = inverses[region]
        p, q, r = _product(x, y, z, inverse[0]), _product(x, y, z, inverse[1]), _product(x, y, z, inverse[2])
        score = smallest_of(smallest_of(p, q), r)
        if exceeding(margin, magnitude(score)) & ~covered != 0:  # only a score near the edge need be exact
            score = chosen(exceeding(margin, magnitude(score)), score / root(p * p + q * q + r * r), score)
        better = exceeding(score, best) & ~covered
        if better != 0:
            best, found = chosen(better, score, best), chosen(better, spread(float(region)), found)
            a, b, c = chosen(better, p, a), chosen(better, q, b), chosen(better, r, c)
            covered = exceeding(best, edge)
    for quad in range(len(corners)):
        cap = caps[len(inverses) + quad]
        if exceeding(_product(x, y, z, cap), spread(cap[3])) & ~covered == 0:
            continue
        u, inside_u = _root_within_one(x, y, z, polynomials[quad, 0])
        v, inside_v = _root_within_one(x, y, z, polynomials[quad, 1])
        one = spread(1.0)
        p, q, r, s = (one - u) * (one - v), u * (one - v), u * v, (one - u) * v
        corner = corners[quad]
        near = p * _product(x, y, z, corner[0]) + q * _product(x, y, z, corner[1])
        ahead = near + r * _product(x, y, z, corner[2]) + s * _product(x, y, z, corner[3])
        # The equations hold for the opposite direction too.
        score = chosen(exceeding(ahead, nothing), smallest_of(inside_u, inside_v), spread(-np.inf))
        better = exceeding(score, best) & ~covered
        best, found = chosen(better, score, best), chosen(better, spread(float(len(inverses) + quad)), found)
        a, b, c, d = chosen(better, p, a), chosen(better, q, b), chosen(better, r, c), chosen(better, s, d)
        covered = exceeding(best, edge)
    a, b, c, d = largest_of(a, nothing), largest_of(b, nothing), largest_of(c, nothing), largest_of(d, nothing)
    norm = root(a * a + b * b + c * c + d * d)
    for k, gain in enumerate((a, b, c, d)):
        store(work[_GAINS + k], 0, gain / norm)
    store(work[_REGION], 0, found)


@njit(**EXACT)
def _root_within_one(x: Any, y: Any, z: Any, polynomial: Floats) -> tuple[Any, Any]:
    """The real root that lies best in 0..1, and its distance from the ends: inside above 0, none -infinity."""
    nothing, one, none = spread(0.0), spread(1.0), spread(-np.inf)
    a, b, c = _product(x, y, z, polynomial[0]), _product(x, y, z, polynomial[1]), _product(x, y, z, polynomial[2])
    discriminant = b * b - spread(4.0) * a * c
    real = exceeding(discriminant, spread(-_SIDE_ON))
    stable = spread(-0.5) * (b + signed_as(root(largest_of(discriminant, nothing)), b))
    # A root that is no number is inside of nothing, and one that is infinite is infinitely far outside.
    first, second = c / stable, stable / a
    inside_first, inside_second = smallest_of(first, one - first), smallest_of(second, one - second)
    fits = exceeding(inside_first, none) & real
    best, inside = chosen(fits, first, nothing), chosen(fits, inside_first, none)
    fits = exceeding(inside_second, inside) & real
    return chosen(fits, second, best), chosen(fits, inside_second, inside)


@njit(**EXACT)
def _product(x: Any, y: Any, z: Any, vector: Floats) -> Any:
    return x * spread(vector[0]) + y * spread(vector[1]) + z * spread(vector[2])
