"""From loudspeakers to regions that cover every direction, after ITU-R BS.2127 section 6.1 and for any room.

The directions of the loudspeakers, and of imaginary ones where the room has none, are the vertices of a convex hull
whose faces are the regions. An imaginary loudspeaker is heard through real ones, as its row of the downmix says:

* layer fill: a loudspeaker of the middle layer is repeated above and below where the upper or lower layer has none
  near its azimuth, so that a source there stays at its azimuth;
* poles: straight up and down, unless a loudspeaker stands near, shared at equal power by all around it;
* holes: wherever a face would be seen under more than about 170 degrees, in the same way;
* centres of faces with more than four corners, shared at equal amplitude, so that no diagonal is preferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Speaker

Floats = NDArray[np.float64]

_MIDDLE_DEG = 10.0
_LAYER_LIMIT_DEG = 70.0
_EMPTY_LAYER_DEG = 30.0
_LAYER_MARGIN_DEG = 40.0
_POLE_DEG = 45.0
_HOLE_DISTANCE = 0.1
_ONE_HOLE = 0.9
_ONE_PLACE = np.cos(np.radians(0.3))
_COPLANAR = 1e-5


@dataclass(frozen=True, slots=True)
class Triangulation:
    """Regions and what their vertices mean."""

    positions: Floats
    """(V, 3): unit directions of the loudspeakers, then of the imaginary ones; centres of faces are shorter."""
    downmix: Floats
    """(V, S): amplitude of every vertex on the S loudspeakers."""
    triangles: tuple[tuple[int, ...], ...]
    quads: tuple[tuple[int, ...], ...]
    """Vertices in order round the face."""


@dataclass(slots=True)
class _Vertices:
    """Nominal and actual directions, and the downmix, growing by imaginary loudspeakers."""

    nominal: Floats
    actual: Floats
    downmix: Floats

    def add(self, nominal: Floats, actual: Floats, downmix: Floats) -> None:
        self.nominal = np.vstack([self.nominal, nominal])
        self.actual = np.vstack([self.actual, actual])
        self.downmix = np.vstack([self.downmix, downmix])


def triangulate(speakers: Sequence[Speaker]) -> Triangulation:
    """Regions for at least two loudspeakers, none of them LFE, no two in one direction.

    Nominal directions decide which loudspeakers are neighbours, unless the actual ones would turn a region inside
    out; then the actual ones decide.

    Raises:
        ValueError: two loudspeakers in nearly the same direction.
    """
    actual = np.array([(s.azimuth_deg, s.elevation_deg) for s in speakers])
    nominal = np.array([(s.nominal_azimuth_deg, s.nominal_elevation_deg) for s in speakers])
    result = _triangulate(nominal, actual)
    if result is None:
        result = _triangulate(actual, actual)
    if result is None:
        raise ValueError("two loudspeakers stand in nearly the same direction")
    return result


def _triangulate(nominal: Floats, actual: Floats) -> Triangulation | None:
    """Regions of loudspeakers at (azimuth, elevation) in degrees, shapes (S, 2); None when one is inside out."""
    real = len(nominal)
    vertices = _Vertices(cartesian(*nominal.T), cartesian(*actual.T), np.eye(real))
    for side in (-1.0, 1.0):
        _fill_layer(vertices, nominal, actual, side)
    filled = len(vertices.nominal)
    imaginary = [pole for pole in (-1.0, 1.0) if not (pole * nominal[:, 1] >= _POLE_DEG).any()]
    _add_silent(vertices, np.array([[0.0, 0.0, pole] for pole in imaginary]).reshape(-1, 3))
    faces = _faces_without_holes(vertices)
    vertices.downmix = _shared(faces, vertices.downmix, filled)

    triangles, quads = _regions(faces, vertices, filled)
    if _inside_out(triangles, quads, vertices.actual):
        return None
    return Triangulation(vertices.actual, vertices.downmix, triangles, quads)


def _fill_layer(vertices: _Vertices, nominal: Floats, actual: Floats, side: float) -> None:
    """Repeat middle loudspeakers in the upper (side 1) or lower (-1) layer, where it has none near their azimuth."""
    azimuths, elevations = nominal.T
    heights = side * elevations
    layer = (heights > _MIDDLE_DEG) & (heights <= _LAYER_LIMIT_DEG)
    limit, nominal_deg, actual_deg = 0.0, side * _EMPTY_LAYER_DEG, side * _EMPTY_LAYER_DEG
    if layer.any():
        limit = np.abs(azimuths[layer]).max() + _LAYER_MARGIN_DEG
        nominal_deg, actual_deg = elevations[layer].mean(), actual[layer, 1].mean()
    lonely = (np.abs(azimuths) >= limit - 1e-5) & (side * nominal_deg - heights >= _MIDDLE_DEG)
    repeated = np.flatnonzero((np.abs(elevations) <= _MIDDLE_DEG) & lonely)
    for index in repeated[np.argsort(-heights[repeated], kind="stable")]:
        place = cartesian([azimuths[index]], nominal_deg)
        # Of loudspeakers one above the other, the one nearest to the layer is repeated.
        if (vertices.nominal @ place[0] < _ONE_PLACE).all():
            vertices.add(place, cartesian([actual[index, 0]], actual_deg), np.eye(len(nominal))[[index]])


def _add_silent(vertices: _Vertices, directions: Floats) -> None:
    vertices.add(directions, directions, np.zeros((len(directions), vertices.downmix.shape[1])))


def _faces_without_holes(vertices: _Vertices) -> list[tuple[int, ...]]:
    """Faces of the hull, with imaginary vertices added until no face is a hole. Equal holes are filled together."""
    while True:
        normal = _flat_normal(vertices.nominal)
        if normal is not None:
            _add_silent(vertices, np.stack([normal, -normal]))
            continue
        faces, normals, distances = _hull_faces(vertices.nominal)
        holes = normals[(distances < _HOLE_DISTANCE) & (distances < distances.min() + 1e-9)]
        if not len(holes):
            return faces
        # Two halves of one hole get one loudspeaker between them.
        merged = (holes @ holes.T > _ONE_HOLE) @ holes
        _add_silent(vertices, np.unique((merged / np.linalg.norm(merged, axis=1, keepdims=True)).round(12), axis=0))


def _flat_normal(points: Floats) -> Floats | None:
    """A normal of the plane or line that holds all points, or None when they span a volume."""
    _, spread, axes = np.linalg.svd(points - points.mean(axis=0))
    spread = np.append(spread, np.zeros(3 - len(spread)))
    normal: Floats = axes[2]
    return normal if spread[2] < 1e-6 else None


def _hull_faces(points: Floats) -> tuple[list[tuple[int, ...]], Floats, Floats]:
    """Faces of the convex hull, each with its corners in order seen from outside, outward normals and distances."""
    hull = ConvexHull(points)
    planes = hull.equations
    alike = np.linalg.norm(planes[:, None] - planes, axis=2) < _COPLANAR
    first = alike.argmax(axis=1)
    chosen = np.unique(first[first])
    faces = []
    for plane in chosen:
        corners = np.unique(hull.simplices[first[first] == plane])
        faces.append(_in_order(corners, points[corners], planes[plane, :3]))
    return faces, planes[chosen, :3], -planes[chosen, 3]


def _in_order(face: NDArray[np.intp], points: Floats, normal: Floats) -> tuple[int, ...]:
    """The corners of a face, at points (C, 3), in order seen from outside."""
    spokes = points - points.mean(axis=0)
    (x, y, z), (a, b, c) = normal.tolist(), spokes[0].tolist()
    across = np.array([y * c - z * b, z * a - x * c, x * b - y * a])
    angles = np.arctan2(spokes @ across, spokes @ spokes[0] * np.linalg.norm(normal))
    return tuple(face[np.argsort(angles)].tolist())


def _shared(faces: Sequence[tuple[int, ...]], downmix: Floats, filled: int) -> Floats:
    """The downmix with silent vertices (from index `filled` on) shared at equal power by the corners around them.

    Silent vertices beside each other pass their share on: the power of each is the mean over all its neighbours.
    """
    count = len(downmix)
    beside = np.zeros((count, count), bool)
    for face in faces:
        beside[np.ix_(face, face)] = True
    np.fill_diagonal(beside, False)
    walk = beside[filled:] / beside[filled:].sum(axis=1, keepdims=True)
    power = np.linalg.solve(np.eye(count - filled) - walk[:, filled:], walk[:, :filled])
    return np.vstack([downmix[:filled], np.sqrt(power) @ downmix[:filled]])


def _regions(
    faces: Sequence[tuple[int, ...]], vertices: _Vertices, filled: int
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Faces as triangles and quads. Larger ones get a centre; those with one silent corner are a fan about it."""
    triangles: list[tuple[int, ...]] = []
    quads: list[tuple[int, ...]] = []
    for face in faces:
        silent = [corner for corner in face if corner >= filled]
        if len(face) == 3:
            triangles.append(face)
        elif len(silent) == 1:
            start = face.index(silent[0])
            triangles += [(silent[0], *edge) for edge in pairwise(face[start + 1 :] + face[:start])]
        elif len(face) == 4:
            quads.append(face)
        else:
            centre, corners = len(vertices.nominal), list(face)
            columns = (vertices.nominal, vertices.actual, vertices.downmix)
            vertices.add(*(column[corners].mean(axis=0) for column in columns))
            triangles += [(centre, *edge) for edge in pairwise((*face, face[0]))]
    return tuple(triangles), tuple(quads)


def _inside_out(triangles: Sequence[tuple[int, ...]], quads: Sequence[tuple[int, ...]], positions: Floats) -> bool:
    """Whether a region, or three corners of a quad, turns its back on the listener."""
    corners = [*triangles, *(quad[:i] + quad[i + 1 :] for quad in quads for i in range(4))]
    return bool((np.linalg.det(positions[np.array(corners)]) < 1e-9).any())
