"""The binaural monitor: every loudspeaker through a head to two ears. A turn of the head is cross-faded."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numba import njit

from stemfield.layouts import Layout
from stemfield.layouts.coordinates import cartesian
from stemfield.renderer.dsp.fir import accumulate, forget, remember
from stemfield.renderer.dsp.hrtf import rotated
from stemfield.renderer.dsp.kinds import Doubles, Floats, Words
from stemfield.renderer.native import NATIVE

FADE_S: Final = 0.02
EAR_LEVEL: Final = 0.7
"""Leaves room for the ear that is turned to a full-scale loudspeaker."""
HEARD, NEXT_HEARD, HEAD_FADED, MONITOR_WORDS = 0, 1, 2, 3
"""Words of the monitor: slot in force, version in force, frames faded."""


class Head(Protocol):
    """Something with two ears."""

    taps: int

    def filters(self, directions: Doubles) -> Floats:
        """Responses of both ears for directions of shape (n, 3); shape (n, 2, taps)."""
        ...


def monitor_filters(
    head: Head, layout: Layout, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0
) -> Floats:
    """The responses from every loudspeaker to both ears of a turned head; an LFE is heard by both alike, undamped.

    Returns:
        Taps, last one first, shape (loudspeakers, 2, taps).
    """
    places = np.array([(s.azimuth_deg, s.elevation_deg) for s in layout.speakers])
    responses = head.filters(rotated(cartesian(places[:, 0], places[:, 1]), yaw_deg, pitch_deg, roll_deg))
    for row, speaker in zip(responses, layout.speakers, strict=True):
        if speaker.lfe:
            row[:] = 0.0
            row[:, 0] = 1.0
    return np.ascontiguousarray(EAR_LEVEL * responses[..., ::-1], np.float32)


@njit(**NATIVE)
def hear(
    feeds: Floats,
    ears: Floats,
    length: int,
    histories: Floats,
    filters: Floats,
    wanted: Floats,
    version: int,
    words: Words,
    fade: int,
    work: Floats,
) -> None:
    """Fills the ears from the feeds.

    Args:
        feeds: shape (loudspeakers, length or more).
        ears: shape (2, length or more).
        length: frames.
        histories: shape (loudspeakers, taps - 1 + room).
        filters: shape (2, loudspeakers, 2, taps), the old and the new head.
        wanted: shape (loudspeakers, 2, taps), where control has last seen the head.
        version: another number for every other head.
        words: shape (MONITOR_WORDS,).
        fade: frames.
        work: shape (2, length or more).
    """
    speakers, taps = filters.shape[1], filters.shape[3]
    for s in range(speakers):
        remember(histories[s], feeds[s], taps - 1, length)
    at = 0
    while at < length:
        if words[HEAD_FADED] >= fade and words[NEXT_HEARD] != version:
            spare = 1 - words[HEARD]
            for s in range(speakers):
                for ear in range(2):
                    for k in range(taps):
                        filters[spare, s, ear, k] = wanted[s, ear, k]
            words[HEARD] = spare
            words[NEXT_HEARD] = version
            words[HEAD_FADED] = 0
        slot, faded = words[HEARD], words[HEAD_FADED]
        count = min(length - at, fade - faded) if faded < fade else length - at
        for ear in range(2):
            out = ears[ear, at:]
            _sum(out, histories, filters[slot], ear, speakers, taps, at, count)
            if faded < fade:
                old = work[ear]
                _sum(old, histories, filters[1 - slot], ear, speakers, taps, at, count)
                for i in range(count):
                    share = np.float32(faded + i + 1) / np.float32(fade)
                    out[i] = old[i] + (out[i] - old[i]) * share
        if faded < fade:
            words[HEAD_FADED] = faded + count
        at += count
    for s in range(speakers):
        forget(histories[s], taps - 1, length)


@njit(**NATIVE)
def _sum(
    out: Floats, histories: Floats, filters: Floats, ear: int, speakers: int, taps: int, at: int, count: int
) -> None:
    for i in range(count):
        out[i] = 0.0
    for s in range(speakers):
        accumulate(out, histories[s, at:], filters[s, ear], taps, count)
