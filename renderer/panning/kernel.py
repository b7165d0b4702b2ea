"""The panner's inner loop: from directions to gains, by the regions that cover them. Compiled.

Every region gives, for a direction, its gains and a score: how far inside the region the direction lies. A region
covers a direction when its score is not below zero, but for rounding. The first that covers a direction plays it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.panning.compiled import compiled
from stemfield.renderer.panning.regions import MARGIN

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_EPSILON = 1e-11


@compiled
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
    direction = np.empty(3)
    gains = np.empty(4)
    for p in range(len(positions)):
        if not _normalised(positions[p], direction):
            return p
        region = _region(direction, inverses, corners, polynomials, caps, gains)
        vertices = triangles[region] if region < len(triangles) else quads[region - len(triangles)]
        _mix(vertices, gains, columns, downmix, result[p])
    return -1


@compiled
def _mix(vertices: Indices, gains: Floats, columns: Indices, downmix: Floats, row: Floats) -> None:
    """Adds gains on vertices to the loudspeakers of a row of zeros, and makes its power 1."""
    power = 0.0
    plain = True
    for k in range(len(vertices)):
        gains[k] = max(gains[k], 0.0)
        plain = plain and columns[vertices[k]] >= 0
    if plain:
        for k in range(len(vertices)):
            row[columns[vertices[k]]] += gains[k]
        for k in range(len(vertices)):
            power += gains[k] * row[columns[vertices[k]]]
        for k in range(len(vertices)):
            row[columns[vertices[k]]] = 0.0
        scale = 1.0 / np.sqrt(power)
        for k in range(len(vertices)):
            row[columns[vertices[k]]] += gains[k] * scale
        return
    for k in range(len(vertices)):
        for s in range(len(row)):
            row[s] += gains[k] * downmix[vertices[k], s]
    for s in range(len(row)):
        power += row[s] * row[s]
    scale = 1.0 / np.sqrt(power)
    for s in range(len(row)):
        row[s] *= scale


@compiled
def _normalised(position: Floats, direction: Floats) -> bool:
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
    direction[0], direction[1], direction[2] = x * scale, y * scale, z * scale
    return True


@compiled
def _region(
    direction: Floats, inverses: Floats, corners: Floats, polynomials: Floats, caps: Floats, gains: Floats
) -> int:
    """The first region that covers a direction, with its gains; triangles count before quads.

    Where rounding leaves a direction between two regions, the nearest takes it.
    """
    x, y, z = direction[0], direction[1], direction[2]
    nearest, best = 0, -np.inf
    for region in range(len(caps)):
        outside = caps[region, 3] - x * caps[region, 0] - y * caps[region, 1] - z * caps[region, 2]
        if outside > 0.0:
            if -outside - MARGIN > best:
                nearest, best = region, -outside - MARGIN
            continue
        score = _score(region, direction, inverses, corners, polynomials, gains)
        if score >= -_EPSILON:
            return region
        if score > best:
            nearest, best = region, score
    _score(nearest, direction, inverses, corners, polynomials, gains)
    return nearest


@compiled
def _score(
    region: int, direction: Floats, inverses: Floats, corners: Floats, polynomials: Floats, gains: Floats
) -> float:
    """Writes the gains of a direction in a region, of any norm; returns how far inside it lies."""
    if region >= len(inverses):
        quad = region - len(inverses)
        return _quad(direction, corners[quad], polynomials[quad], gains)
    return _triplet(direction, inverses[region], gains)


@compiled
def _triplet(direction: Floats, inverse: Floats, gains: Floats) -> float:
    lowest, power = np.inf, 0.0
    for k in range(3):
        gain = _product(direction, inverse[k])
        gains[k] = gain
        lowest = min(lowest, gain)
        power += gain * gain
    # Only a score near the edge need be exact.
    return float(lowest if abs(lowest) > MARGIN else lowest / np.sqrt(power))


@compiled
def _quad(direction: Floats, corners: Floats, polynomials: Floats, gains: Floats) -> float:
    u, inside_u = _root_within_one(direction, polynomials[0])
    if inside_u == -np.inf:
        return -np.inf
    v, inside_v = _root_within_one(direction, polynomials[1])
    if inside_v == -np.inf:
        return -np.inf
    gains[0], gains[1], gains[2], gains[3] = (1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v
    ahead = 0.0
    for k in range(4):
        for x in range(3):
            ahead += gains[k] * corners[k, x] * direction[x]
    # The equations hold for the opposite direction too.
    return min(inside_u, inside_v) if ahead > 0 else -np.inf


@compiled
def _root_within_one(direction: Floats, polynomial: Floats) -> tuple[float, float]:
    """The real root that lies best in 0..1, and its distance from the ends: inside above 0, none -infinity."""
    a = _product(direction, polynomial[0])
    b = _product(direction, polynomial[1])
    c = _product(direction, polynomial[2])
    discriminant = b * b - 4 * a * c
    if discriminant < 0:
        # A direction in which the patch is seen edge-on has a double root, which rounding may make complex.
        if discriminant <= -1e-14:
            return 0.0, -np.inf
        discriminant = 0.0
    stable = -0.5 * (b + np.copysign(np.sqrt(discriminant), b))
    best, inside = 0.0, -np.inf
    for root in (c / stable, stable / a):
        score = min(root, 1 - root)
        if np.isfinite(root) and score > inside:
            best, inside = root, score
    return best, inside


@compiled
def _product(a: Floats, b: Floats) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
