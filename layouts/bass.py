"""Suggested bass management: a subwoofer plays the bass of the other loudspeakers, if a person wants it.

Nothing is panned to an LFE channel, and stereo music has none. Without bass management the subwoofer of a shipped 5.1
or 7.1 is silent, and small loudspeakers have no bass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stemfield.layouts.model import BassManagement, Layout

BASS_HZ: Final = 80.0
"""The usual crossover of a subwoofer."""
_LARGE: Final = 20
"""A room with this many loudspeakers is assumed to have full-range ones, or bass management of its own."""


def is_open(layout: Layout) -> bool:
    """Whether there is a subwoofer and the layout does not say what it plays."""
    return layout.bass_management is None and any(speaker.lfe for speaker in layout.speakers)


def suggested_hz(layout: Layout) -> float | None:
    """The crossover to suggest for a home, if any."""
    return BASS_HZ if is_open(layout) and len(layout.labels) < _LARGE else None


def with_bass(layout: Layout, crossover_hz: float | None) -> Layout:
    """The layout with the bass of its loudspeakers on its subwoofers, unless it says itself what they play."""
    if crossover_hz is None or not is_open(layout):
        return layout
    return replace(layout, bass_management=BassManagement(crossover_hz=crossover_hz))
