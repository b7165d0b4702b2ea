"""Gains of point sources on the loudspeakers of a room.

>>> from stemfield.layouts import load_layout
>>> quad = Panner(load_layout("quad"))
>>> [[round(float(g), 4) for g in row] for row in quad.gains([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])]
[[0.7071, 0.0, 0.7071, 0.0], [1.0, 0.0, 0.0, 0.0]]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemfield.layouts import Layout
from stemfield.renderer.panning.regions import Quads, Triplets
from stemfield.renderer.panning.stereo import SURROUND, fold_to_stereo, stereo_pair
from stemfield.renderer.panning.triangulation import triangulate

Floats = NDArray[np.float64]

_EPSILON = 1e-11
_AT_ONCE = 1024


class Panner:
    """A point source panner for one layout, after ITU-R BS.2127 section 6.1, for any room.

    Every direction has gains: none is silent, nothing jumps. A direction within a region of three or four
    loudspeakers is played by these alone. Gains are 0 or more and of power 1; on a single stereo pair the power falls
    to 1/2 behind.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        panned = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
        speakers = [layout.speakers[index] for index in panned]
        pair = stereo_pair(speakers)
        self._is_pair = pair is not None
        self._columns = np.array([panned[index] for index in pair] if pair else panned)
        regions = triangulate(SURROUND if pair else speakers)
        self._triplets = Triplets.between(np.array(regions.triangles, np.intp).reshape(-1, 3), regions.positions)
        self._quads = Quads.between(np.array(regions.quads, np.intp).reshape(-1, 4), regions.positions)
        self._downmix = regions.downmix

    def gains(self, positions: ArrayLike) -> Floats:
        """Gains of sources at positions.

        Args:
            positions: metres or any other unit, shape (P, 3); only the direction counts. The origin is heard from
                the front.

        Returns:
            Linear gains, shape (P, loudspeakers of the layout), in layout order; LFE columns are 0.

        Raises:
            ValueError: positions of another shape, or not finite.
        """
        directions = _directions(positions)
        result = np.zeros((len(directions), len(self.layout.speakers)))
        for start in range(0, len(directions), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            gains = self._vertex_gains(directions[rows]) @ self._downmix
            gains /= np.linalg.norm(gains, axis=1, keepdims=True)
            result[rows, self._columns] = fold_to_stereo(gains) if self._is_pair else gains
        return result

    def _vertex_gains(self, directions: Floats) -> Floats:
        """Gains on the vertices of the triangulation, shape (P, V), by the first region that covers each direction."""
        gains = np.zeros((len(directions), len(self._downmix)))
        triplet_gains, triplet_scores = self._triplets.gains(directions)
        quad_gains, quad_scores = self._quads.gains(directions)
        scores = np.concatenate([triplet_scores, quad_scores], axis=1)
        # The first that covers it; where rounding leaves a direction between two regions, the nearest takes it.
        best = np.minimum(scores, -_EPSILON).argmax(axis=1)
        rows = np.arange(len(directions))
        triplets = len(self._triplets.vertices)
        for found, first, vertices, values in (
            (rows[best < triplets], 0, self._triplets.vertices, triplet_gains),
            (rows[best >= triplets], triplets, self._quads.vertices, quad_gains),
        ):
            region = best[found] - first
            gains[found[:, None], vertices[region]] = values[found, region].clip(0.0)
        return gains


def _directions(positions: ArrayLike) -> Floats:
    """Unit vectors, shape (P, 3)."""
    array = np.asarray(positions, np.float64)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"positions have shape {array.shape}, must be (P, 3)")
    if not np.isfinite(array).all():
        raise ValueError(f"position {int(np.argmin(np.isfinite(array).all(axis=1)))} is not finite")
    largest = np.abs(array).max(axis=1, keepdims=True, initial=0.0)
    scaled = np.where(largest > 0, array, [1.0, 0.0, 0.0]) / np.where(largest > 0, largest, 1.0)
    directions: Floats = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return directions
