"""Parameters of the loudspeaker chain that follow from the layout: delays, gains, and the routing of bass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]

SPEED_OF_SOUND_M_S = 343.2
"""Speed of sound in air at 20 degrees Celsius."""
UNEQUAL = 1.05
"""Ratio of distances (0.4 dB) at which loudspeakers audibly differ."""
NEAREST_M = 0.1
"""Minimum distance of a listener from a loudspeaker, below which direction and level are meaningless."""


def speaker_positions(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """Positions of the loudspeakers relative to a listener, metres, shape (loudspeakers, 3)."""
    azimuth_deg, elevation_deg, radius_m = np.array(
        [(s.azimuth_deg, s.elevation_deg, s.radius_m) for s in layout.speakers]
    ).T
    return cartesian(azimuth_deg, elevation_deg, radius_m) - np.asarray(listener, np.float64)


def speaker_distances_m(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """Distances of the loudspeakers from a listener, metres, at least `NEAREST_M`; shape (loudspeakers,)."""
    distances: Floats = np.linalg.norm(speaker_positions(layout, listener), axis=1)
    np.maximum(distances, NEAREST_M, out=distances)
    return distances


def uncompensated(layout: Layout) -> tuple[str, ...]:
    """The keys of `compensate` that a layout with different distances should set.

    If any loudspeaker has its own delay, or gain, those of all are assumed to be measured.
    """
    panned = [speaker for speaker in layout.speakers if not speaker.lfe]
    radii_m = [speaker.radius_m for speaker in panned]
    if max(radii_m) <= min(radii_m) * UNEQUAL:
        return ()
    done = {
        "delay": layout.compensate.delay or any(speaker.delay_ms is not None for speaker in panned),
        "gain": layout.compensate.gain or any(speaker.gain_db != 0.0 for speaker in panned),
    }
    return tuple(key for key, value in done.items() if not value)


def speaker_delays_s(layout: Layout) -> Floats:
    """The delay of every loudspeaker, seconds, shape (loudspeakers,).

    The measured delay, if there is one; else, with `compensate.delay`, the difference in arrival time to the farthest
    loudspeaker; else 0.
    """
    radii = speaker_distances_m(layout)
    computed = (radii.max() - radii) / SPEED_OF_SOUND_M_S * layout.compensate.delay
    measured = np.array([np.nan if s.delay_ms is None else s.delay_ms / 1000.0 for s in layout.speakers])
    delays: Floats = np.where(np.isnan(measured), computed, measured)
    return delays


def listener_delays_s(layout: Layout, position: Sequence[float]) -> Floats:
    """The delay of every loudspeaker for a listener at a position (metres), seconds, shape (loudspeakers,).

    Sound that arrives simultaneously at the centre arrives simultaneously there. All may be delayed in addition, since
    no delay can be negative.
    """
    nearer = speaker_distances_m(layout) - speaker_distances_m(layout, position)
    delays: Floats = speaker_delays_s(layout) + nearer / SPEED_OF_SOUND_M_S
    delays -= min(delays.min(), 0.0)
    return delays


def speaker_trims(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """The linear gain of every loudspeaker, negative for inverted polarity; shape (loudspeakers,).

    `gain_db`, and with `compensate.gain` the gain that makes all as loud at the listener as the farthest (1/r law).
    """
    distances = speaker_distances_m(layout, listener)
    levels = distances / distances.max() if layout.compensate.gain else np.ones(len(distances))
    trims: Floats = np.array(
        [10.0 ** (s.gain_db / 20.0) * (1 - 2 * (s.polarity == "inverted")) for s in layout.speakers]
    )
    trims *= levels
    return trims


def bass_weights(layout: Layout) -> Floats:
    """Weights of the bass of every loudspeaker in every loudspeaker, shape (loudspeakers, loudspeakers).

    Row: the LFE loudspeaker that plays the bass. Column: the loudspeaker whose bass it is. All 0 without bass
    management. A loudspeaker with a column of zeros keeps its bass.
    """
    weights = np.zeros((len(layout.speakers), len(layout.speakers)))
    bass = layout.bass_management
    if bass is None:
        return weights
    lfe = np.array([s.lfe for s in layout.speakers])
    if not bass.subwoofers:
        weights[np.ix_(lfe, ~lfe)] = 1.0 / lfe.sum()
    for label, targets in bass.subwoofers.items():
        for target, weight in targets.items():
            weights[layout.labels.index(label), layout.labels.index(target)] = weight
    return weights
