"""What follows for the loudspeaker chain from where the loudspeakers stand: delays, gains, who plays whose bass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout

Floats = NDArray[np.float64]

SPEED_OF_SOUND_M_S = 343.2
"""In air of 20 degrees Celsius."""
UNEQUAL = 1.05
"""Loudspeakers whose distances differ by this factor (0.4 dB) are heard to differ."""
NEAREST_M = 0.1
"""A listener is never taken to be nearer to a loudspeaker: its direction and level would mean nothing."""


def speaker_positions(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """Where the loudspeakers stand as seen from a listener, metres, shape (loudspeakers, 3)."""
    azimuth_deg, elevation_deg, radius_m = np.array(
        [(s.azimuth_deg, s.elevation_deg, s.radius_m) for s in layout.speakers]
    ).T
    return cartesian(azimuth_deg, elevation_deg, radius_m) - np.asarray(listener, np.float64)


def speaker_distances_m(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """How far the loudspeakers are from a listener, at least `NEAREST_M`; shape (loudspeakers,)."""
    distances: Floats = np.linalg.norm(speaker_positions(layout, listener), axis=1)
    np.maximum(distances, NEAREST_M, out=distances)
    return distances


def uncompensated(layout: Layout) -> tuple[str, ...]:
    """Which keys of `compensate` a room lacks whose loudspeakers are at different distances.

    Where any loudspeaker has a delay, or a gain, of its own, these are taken to be measured ones of all.
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

    The measured one where there is one; else, with `compensate.delay`, as much as its sound arrives before that of
    the farthest; else 0.
    """
    radii = speaker_distances_m(layout)
    computed = (radii.max() - radii) / SPEED_OF_SOUND_M_S * layout.compensate.delay
    measured = np.array([np.nan if s.delay_ms is None else s.delay_ms / 1000.0 for s in layout.speakers])
    delays: Floats = np.where(np.isnan(measured), computed, measured)
    return delays


def listener_delays_s(layout: Layout, position: Sequence[float]) -> Floats:
    """The delay of every loudspeaker for a listener at a position (metres), seconds, shape (loudspeakers,).

    What arrived together at the centre arrives together there. The earliest loudspeaker may need all to be delayed,
    because none can play before its time.
    """
    nearer = speaker_distances_m(layout) - speaker_distances_m(layout, position)
    delays: Floats = speaker_delays_s(layout) + nearer / SPEED_OF_SOUND_M_S
    delays -= min(delays.min(), 0.0)
    return delays


def speaker_trims(layout: Layout, listener: Sequence[float] = (0.0, 0.0, 0.0)) -> Floats:
    """The linear gain of every loudspeaker, negative where its polarity is inverted; shape (loudspeakers,).

    `gain_db`, and with `compensate.gain` what makes all as loud at the listener as the farthest, by the 1/r law.
    """
    distances = speaker_distances_m(layout, listener)
    levels = distances / distances.max() if layout.compensate.gain else np.ones(len(distances))
    trims: Floats = np.array(
        [10.0 ** (s.gain_db / 20.0) * (1 - 2 * (s.polarity == "inverted")) for s in layout.speakers]
    )
    trims *= levels
    return trims


def bass_weights(layout: Layout) -> Floats:
    """How much of every loudspeaker's bass every loudspeaker plays, shape (loudspeakers, loudspeakers).

    Row: who plays it, always an LFE loudspeaker. Column: whose bass it is. All 0 without bass management. A column
    of zeros is a loudspeaker that keeps its bass.
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
