"""Gains of point sources on the loudspeakers of a room.

>>> from stemfield.layouts.loader import load_layout
>>> quad = Panner(load_layout("quad"))
>>> [[round(float(g), 4) for g in row] for row in quad.gains([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])]
[[0.7071, 0.0, 0.7071, 0.0], [1.0, 0.0, 0.0, 0.0]]
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stemfield.layouts.chain import NEAREST_M, speaker_positions
from stemfield.layouts.coordinates import polar
from stemfield.layouts.model import Layout
from stemfield.renderer.panning.directions import one_direction_each
from stemfield.renderer.panning.grid import GRID
from stemfield.renderer.panning.kernel import pan
from stemfield.renderer.panning.regions import Regions
from stemfield.renderer.panning.stereo import SURROUND, fold_to_stereo, stereo_pair
from stemfield.renderer.panning.triangulation import triangulate

Floats = NDArray[np.float64]

_KEPT_VARIANTS = 64


class Panner:
    """A point source panner for one layout, after ITU-R BS.2127 section 6.1, for any room.

    Every direction has gains: none is silent, nothing jumps. A direction within a region of three or four
    loudspeakers is played by these alone; loudspeakers less than a degree apart play together. Gains are 0 or more and
    of power 1; on a single stereo pair the power falls to 1/2 behind.

    Args:
        layout: loudspeaker layout.
        without: indices of loudspeakers to ignore; if that leaves none, all are kept.
    """

    def __init__(self, layout: Layout, without: Collection[int] = ()) -> None:
        self.layout = layout
        every = [index for index, speaker in enumerate(layout.speakers) if not speaker.lfe]
        panned = [index for index in every if index not in without] or every
        speakers, groups = one_direction_each([layout.speakers[index] for index in panned])
        pair = stereo_pair(speakers)
        self.is_pair = pair is not None
        """Whether the room is one stereo pair in front."""
        self.together = tuple(tuple(panned[index] for index in group) for group in groups)
        """Indices of the loudspeakers in each direction, which share what is panned there; nearly always one."""
        shares = np.zeros((len(groups), len(layout.speakers)))
        for share, group in zip(shares, self.together, strict=True):
            share[list(group)] = len(group) ** -0.5
        self._sides = shares[list(pair)] if pair else shares
        self.triangulation = triangulate(SURROUND if pair else speakers)
        self._variants: dict[tuple[frozenset[int], tuple[float, ...]], Panner] = {}
        self._regions = Regions.between(
            self.triangulation.triangles, self.triangulation.quads, self.triangulation.positions
        )
        self._downmix = self.triangulation.downmix if pair else self.triangulation.downmix @ shares
        alone = (self._downmix == 1.0).any(axis=1) & ((self._downmix != 0.0).sum(axis=1) == 1)
        self._alone = np.where(alone, self._downmix.argmax(axis=1), -1)

    def gains(self, positions: ArrayLike, normalise: Literal["energy", "amplitude"] = "energy") -> Floats:
        """Gains of sources at positions.

        Args:
            positions: metres or any other unit, shape (P, 3); only the direction counts. The origin is heard from
                the front.
            normalise: `energy` for the sum of powers, `amplitude` for the sum of gains, which is how low frequencies
                add up at the listener; see `amplitude_normalised`.

        Returns:
            Linear gains, shape (P, loudspeakers of the layout), in layout order; LFE columns are 0.

        Raises:
            ValueError: positions of another shape, or not finite.
        """
        array = np.ascontiguousarray(positions, np.float64)
        if array.ndim != 2 or array.shape[1] != 3:
            raise ValueError(f"positions have shape {array.shape}, must be (P, 3)")
        gains = np.zeros((len(array), self._downmix.shape[1]))
        r = self._regions
        wrong = pan(
            array,
            r.triangles,
            r.inverses,
            r.quads,
            r.corners,
            r.polynomials,
            r.caps,
            self._alone,
            self._downmix,
            gains,
        )
        if wrong >= 0:
            raise ValueError(f"position {wrong} is not finite")
        if self.is_pair:
            gains = fold_to_stereo(gains) @ self._sides
        return gains if normalise == "energy" else amplitude_normalised(gains)

    def variant(self, without: Collection[int], listener: Sequence[float]) -> Panner:
        """The panner of this room without some loudspeakers, as heard from another place. The last ones are kept.

        Args:
            without: indices of loudspeakers to ignore.
            listener: metres; rounded to a centimetre.

        Raises:
            ValueError: from there all loudspeakers of the room are in one direction.
        """
        key = (frozenset(without), tuple(round(value, 2) + 0.0 for value in listener))
        if not any(key[1]) and not key[0]:
            return self
        if key not in self._variants:
            if len(self._variants) >= _KEPT_VARIANTS:
                del self._variants[next(iter(self._variants))]
            panner = Panner(seen_from(self.layout, key[1]), key[0])
            if len(panner.together) == 1 and not key[0]:
                raise ValueError("all loudspeakers are in one direction from there")
            self._variants[key] = panner
        return self._variants[key]

    @cached_property
    def grid_powers(self) -> Floats:
        """Power of every direction of `GRID` on every loudspeaker, weighted by its part of the sphere; (grid, S)."""
        powers: Floats = self.gains(GRID.directions) ** 2 * GRID.areas[:, None]
        return powers


def seen_from(layout: Layout, listener: Sequence[float]) -> Layout:
    """The room with a listener at a position (metres) in its centre, loudspeakers nominally where they stand."""
    if not any(listener):
        return layout
    places = polar(speaker_positions(layout, listener)).tolist()
    return replace(
        layout,
        speakers=tuple(
            replace(
                speaker,
                azimuth_deg=azimuth_deg,
                elevation_deg=elevation_deg,
                radius_m=max(distance_m, NEAREST_M),
                nominal_azimuth_deg=azimuth_deg,
                nominal_elevation_deg=elevation_deg,
            )
            for speaker, (azimuth_deg, elevation_deg, distance_m) in zip(layout.speakers, places, strict=True)
        ),
    )


def amplitude_normalised(gains: Floats) -> Floats:
    """Gains of the same directions whose sum, not the root of whose power, is that of the source.

    Args:
        gains: energy normalised, shape (..., S).

    Returns:
        Shape (..., S): every row scaled so that its sum is what the norm was. Rows of zeros stay so.
    """
    total = gains.sum(axis=-1, keepdims=True)
    norm = np.linalg.norm(gains, axis=-1, keepdims=True)
    scaled: Floats = gains * np.divide(norm, total, out=np.ones_like(total), where=total > 0)
    return scaled
