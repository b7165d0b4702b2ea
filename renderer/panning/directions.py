"""Groups of loudspeakers in nearly the same direction, which share what is panned there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stemfield.layouts.check import MIN_SEPARATION_DEG
from stemfield.layouts.coordinates import cartesian, polar
from stemfield.layouts.model import Speaker

_ONE = np.cos(np.radians(MIN_SEPARATION_DEG))


def one_direction_each(speakers: Sequence[Speaker]) -> tuple[list[Speaker], list[list[int]]]:
    """Loudspeakers of which no two are in one direction, and the indices of the group that each represents.

    Those that share a direction become one in their middle. If loudspeakers in different places share a nominal place,
    nominal places cannot tell who is whose neighbour, and the real ones count for all.
    """
    actual = cartesian([s.azimuth_deg for s in speakers], [s.elevation_deg for s in speakers])
    nominal = cartesian([s.nominal_azimuth_deg for s in speakers], [s.nominal_elevation_deg for s in speakers])
    groups: list[list[int]] = []
    for index, direction in enumerate(actual):
        together = next((group for group in groups if actual[group[0]] @ direction > _ONE), None)
        if together is None:
            groups.append([index])
        else:
            together.append(index)
    places = np.array([nominal[group].sum(axis=0) for group in groups])
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
    shared = bool((np.triu(places @ places.T, k=1) > _ONE).any())
    found = []
    for group, place in zip(groups, places, strict=True):
        speaker = speakers[group[0]]
        if len(group) > 1:
            azimuth_deg, elevation_deg, _ = polar(actual[group].sum(axis=0)).tolist()
            nominal_azimuth_deg, nominal_elevation_deg, _ = polar(place).tolist()
            speaker = replace(
                speaker,
                azimuth_deg=azimuth_deg,
                elevation_deg=elevation_deg,
                nominal_azimuth_deg=nominal_azimuth_deg,
                nominal_elevation_deg=nominal_elevation_deg,
            )
        if shared:
            speaker = replace(
                speaker, nominal_azimuth_deg=speaker.azimuth_deg, nominal_elevation_deg=speaker.elevation_deg
            )
        found.append(speaker)
    return found, groups
