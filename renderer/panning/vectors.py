"""Gerzon's energy vector: where high frequencies are heard from, and how sharply.

M. Gerzon, "General Metatheory of Auditory Localisation", AES preprint 3306, 1992.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]


def speaker_directions(layout: Layout) -> Floats:
    """Unit vectors to the loudspeakers, shape (S, 3)."""
    return cartesian([s.azimuth_deg for s in layout.speakers], [s.elevation_deg for s in layout.speakers])


def energy_vectors(gains: Floats, speakers: Floats) -> Floats:
    """Mean directions by power, shape (P, 3), of gains (P, S) on loudspeakers in directions (S, 3).

    Length 1 is a single loudspeaker; the shorter, the wider the source appears.
    """
    powers = gains**2
    total = powers.sum(axis=1, keepdims=True)
    means: Floats = np.divide(powers @ speakers, total, out=np.zeros((len(gains), 3)), where=total > 0)
    return means


def errors_deg(vectors: Floats, directions: Floats) -> Floats:
    """Angles between vectors and unit directions, both (P, 3); 90 where a vector is too short to have a direction."""
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = np.divide((vectors * directions).sum(axis=1), lengths, out=np.zeros(len(vectors)), where=lengths > 1e-9)
    angles: Floats = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return angles
