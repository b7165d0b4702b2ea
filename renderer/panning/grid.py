"""A fixed, mirror-symmetric grid of directions over the sphere, with the part of the sphere that each represents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian

Floats = NDArray[np.float64]

_STEP_DEG = 5.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Directions in rows of equal elevation."""

    directions: Floats
    """(G, 3): unit vectors."""
    areas: Floats
    """(G,): parts of the whole sphere; they sum to 1."""

    @classmethod
    def spaced(cls, step_deg: float) -> Grid:
        """A grid of about this spacing. Every row has a multiple of four directions, one of them in front."""
        elevations_deg = np.arange(-90.0, 90.0 + step_deg / 2, step_deg)
        edges = np.sin(np.radians((elevations_deg[1:] + elevations_deg[:-1]) / 2))
        bands = np.diff(np.concatenate([[-1.0], edges, [1.0]])) / 2
        directions, areas = [], []
        for elevation_deg, band in zip(elevations_deg, bands, strict=True):
            count = 4 * max(1, round(90.0 / step_deg * np.cos(np.radians(elevation_deg))))
            directions.append(cartesian(np.arange(count) * 360.0 / count, elevation_deg))
            areas.append(np.full(count, band / count))
        return cls(np.concatenate(directions), np.concatenate(areas))


GRID = Grid.spaced(_STEP_DEG)
"""The grid of the extent panner of ITU-R BS.2127 section 6.2: 5 degrees."""
