"""Remarks on a room that can be rendered: what is wrong with it, and what to expect of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from stemfield.layouts.chain import uncompensated
from stemfield.layouts.check import MIN_SEPARATION_DEG
from stemfield.layouts.coordinates import polar
from stemfield.layouts.model import Layout, Speaker
from stemfield.renderer.panning.grid import GRID
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.panning.vectors import energy_vectors, errors_deg, speaker_directions

Floats = NDArray[np.float64]

_NEAR_DEG = 5.0
_MIRROR_DEG = 2.0
_AWAY_DEG = 10.0
_FLAT_DEG = 10.0
_GAP_DEG = 90.0
_OUTSIDE = 0.3
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Note:
    """One remark on a room."""

    severity: Literal["problem", "advice", "note"]
    """A problem keeps the room from playing; advice is audible and can be followed; a note informs."""
    text: str


def review_layout(layout: Layout) -> tuple[Note, ...]:
    """Remarks on a room in which `check_layout` found no error: problems, then advice, then notes.

    Files that are missing are problems. Advice is about loudspeakers close to each other, unequal distances that
    nothing compensates, loudspeakers that no region uses, a listener outside their hull. Notes are about flat rooms,
    gaps, asymmetry, places far from the nominal ones, imaginary loudspeakers, and the error of the energy vector over
    the sphere (see `vectors`).
    """
    speakers = [speaker for speaker in layout.speakers if not speaker.lfe]
    directions = speaker_directions(layout)[[not speaker.lfe for speaker in layout.speakers]]
    panner = Panner(layout)
    advice = [
        *_close(speakers, directions),
        *_distances(layout, speakers),
        *([] if panner.is_pair else _unused(panner)),
    ]
    outside, remark = _hull(directions)
    if panner.is_pair:
        notes = ["a stereo pair: sources are panned to 5.1 and mixed down, at half power behind"]
    else:
        notes = [*_flat(speakers), *_gaps(speakers), *_imaginary(panner)]
    notes += [*_asymmetry(speakers, directions), *_moved(speakers), *_energy_errors(layout, panner), *layout.notes]
    if remark:
        (advice if outside > _OUTSIDE and len(speakers) > 2 else notes).insert(0, remark)
    return (
        *(Note("problem", text) for text in _files(layout)),
        *(Note("advice", text) for text in advice),
        *(Note("note", text) for text in notes),
    )


def _close(speakers: Sequence[Speaker], directions: Floats) -> Iterator[str]:
    angles = _angles_deg(directions)
    for i, j in np.argwhere(np.triu(angles < _NEAR_DEG, k=1)):
        pair = f"{speakers[i].label} and {speakers[j].label}"
        if angles[i, j] < MIN_SEPARATION_DEG:
            yield f"{pair} stand in one direction: they share what is panned there"
        else:
            yield f"{pair} stand only {angles[i, j]:.1f} degrees apart"


def _distances(layout: Layout, speakers: Sequence[Speaker]) -> Iterator[str]:
    missing = uncompensated(layout)
    if missing:
        near, far = (choose(speakers, key=lambda speaker: speaker.radius_m) for choose in (min, max))
        heard = {"delay": "first", "gain": "louder"}
        yield (
            f"{near.label} stands at {near.radius_m:g} m, {far.label} at {far.radius_m:g} m: nearer loudspeakers are "
            f"heard {' and '.join(heard[key] for key in missing)}; add to the layout "
            f"compensate: {{{', '.join(f'{key}: true' for key in missing)}}}"
        )


def _files(layout: Layout) -> Iterator[str]:
    for speaker in layout.speakers:
        if speaker.fir is not None and not speaker.fir.is_file():
            yield f"{speaker.label}: there is no file {speaker.fir}"


def _unused(panner: Panner) -> Iterator[str]:
    regions = panner.triangulation
    used = {corner for face in (*regions.triangles, *regions.quads) for corner in face}
    for index in sorted(set(range(len(panner.together))) - used):
        label = panner.layout.speakers[panner.together[index][0]].label
        yield f"{label} lies off the hull of the others: no source is played by it"


def _hull(directions: Floats) -> tuple[float, str]:
    """How far the listener is outside the hull of the loudspeakers' directions (0..1), and a remark if so."""
    try:
        distances = ConvexHull(directions).equations[:, 3]
    except (QhullError, ValueError):
        return 0.0, ""
    outside = float(distances.max())
    if outside <= 1e-9:
        return outside, ""
    nearest = np.max(GRID.directions @ directions.T, axis=1)
    empty = _at(GRID.directions[nearest.argmin()])
    return outside, f"the listener is outside the hull of the loudspeakers: none stand about {empty}"


def _flat(speakers: Sequence[Speaker]) -> Iterator[str]:
    if all(abs(speaker.elevation_deg) <= _FLAT_DEG for speaker in speakers):
        yield "flat: sources above and below are heard at ear height, at their azimuth, and all around at the poles"


def _gaps(speakers: Sequence[Speaker]) -> Iterator[str]:
    ring = sorted((s for s in speakers if abs(s.elevation_deg) <= 20.0), key=lambda s: s.azimuth_deg)
    for right, left in zip(ring, ring[1:] + ring[:1], strict=True):
        gap = (left.azimuth_deg - right.azimuth_deg) % 360.0
        if gap > _GAP_DEG:
            yield f"a gap of {gap:.0f} degrees between {right.label} and {left.label}: sources in it are vague"
    highest = max(speakers, key=lambda s: s.elevation_deg)
    if _FLAT_DEG < highest.elevation_deg < 45.0:
        yield f"nothing overhead: the highest is {highest.label} at {highest.elevation_deg:.0f} degrees"


def _asymmetry(speakers: Sequence[Speaker], directions: Floats) -> Iterator[str]:
    cosines = (directions * [1.0, -1.0, 1.0]) @ directions.T
    apart = np.degrees(np.arccos(np.clip(cosines.max(axis=1), -1.0, 1.0)))
    lonely = [index for index in np.argsort(-apart) if apart[index] > _MIRROR_DEG]
    if lonely:
        worst = ", ".join(f"{speakers[i].label} by {apart[i]:.0f}" for i in lonely[:_SHOWN])
        yield f"left and right differ: {len(lonely)} miss their mirror image, {worst} degrees"


def _moved(speakers: Sequence[Speaker]) -> Iterator[str]:
    for speaker in speakers:
        turn = abs((speaker.azimuth_deg - speaker.nominal_azimuth_deg + 180.0) % 360.0 - 180.0)
        turn *= np.cos(np.radians(speaker.elevation_deg))
        away = max(turn, abs(speaker.elevation_deg - speaker.nominal_elevation_deg))
        if away > _AWAY_DEG:
            yield f"{speaker.label} stands {away:.0f} degrees from its nominal place"


def _imaginary(panner: Panner) -> Iterator[str]:
    regions = panner.triangulation
    real = len(panner.together)
    added = [i for i in range(real, len(regions.positions)) if np.linalg.norm(regions.positions[i]) > 0.999]
    if added:
        shown = ", ".join(f"({_at(regions.positions[i])})" for i in added[:_SHOWN])
        more = ", ..." if len(added) > _SHOWN else ""
        yield f"{len(added)} imaginary loudspeakers, played by their neighbours, fill {shown}{more}"


def _energy_errors(layout: Layout, panner: Panner) -> Iterator[str]:
    vectors = energy_vectors(panner.gains(GRID.directions), speaker_directions(layout))
    errors = errors_deg(vectors, GRID.directions)
    level = np.abs(GRID.directions[:, 2]) < 1e-9
    for where, chosen in (("at ear height", level), ("anywhere", np.ones(len(errors), bool))):
        worst = np.flatnonzero(chosen)[errors[chosen].argmax()]
        mean = np.average(errors[chosen], weights=GRID.areas[chosen])
        yield (
            f"energy vector {where}: worst error {errors[worst]:.0f} degrees for a source at "
            f"{_at(GRID.directions[worst])}, mean {mean:.0f} degrees"
        )


def _angles_deg(directions: Floats) -> Floats:
    angles: Floats = np.degrees(np.arccos(np.clip(directions @ directions.T, -1.0, 1.0)))
    return angles


def _at(direction: Floats) -> str:
    azimuth_deg, elevation_deg, _ = polar(direction).round().tolist()
    return f"azimuth {azimuth_deg + 0.0:g}, elevation {elevation_deg + 0.0:g}"
