"""The binaural monitor: every loudspeaker filtered to two ears. Turns of the head are cross-faded.

It renders the room as the panner meant it, before the processing that real loudspeakers need.
"""

from __future__ import annotations

from enum import IntEnum, auto
from typing import Any, Final, Protocol

import numpy as np
from numba import njit

from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.model import Layout
from stemfield.renderer.dsp import identify
from stemfield.renderer.dsp.fir import forget, remember
from stemfield.renderer.dsp.hrtf import rotated
from stemfield.renderer.dsp.ramps import scale_rows
from stemfield.renderer.dsp.shared import CHUNK_FRAMES, ROW_FRAMES, Shared
from stemfield.renderer.native.arrays import Doubles, Floats, Words
from stemfield.renderer.native.operations import INNER, NATIVE
from stemfield.renderer.native.state import State
from stemfield.renderer.native.triple_buffer import newest
from stemfield.renderer.native.views import floats, words
from stemfield.renderer.simd.arithmetic import fused, spread
from stemfield.renderer.simd.load_store import copy, load_part, store_part
from stemfield.renderer.simd.vectors import FLOATS

FADE_S: Final = 0.02
ZERO = np.float32(0.0)
EAR_LEVEL: Final = 0.7
"""Headroom for an ear that faces a full-scale loudspeaker."""


class MonitorTable(IntEnum):
    """Words of the stage."""

    TAPS = 0
    """0 without a monitor."""
    FADE = auto()
    FRONT = auto()
    MIDDLE = auto()
    """Address of the middle word of the triple buffer of heads."""
    TARGETS = auto()
    VERSIONS = auto()
    BUS = auto()
    HEAD = auto()
    FILTERS = auto()
    """Address of float32 (2, loudspeakers, 2, TAPS): the old and the new head."""
    HISTORIES = auto()
    IDENTIFY = auto()
    """Address of a table of `IdentifyTable`: the monitor plays the sounds of the loudspeakers too."""


class HeadWord(IntEnum):
    """Words of the head in force: its slot of the filters, its version, and frames of the cross-fade to it."""

    SLOT = 0
    VERSION = auto()
    FADED = auto()


HEAD_WORDS: Final = len(HeadWord)


class Head(Protocol):
    """Filters to two ears, for directions of sound."""

    taps: int
    """Length of each response, a multiple of 8."""
    latency_frames: int
    """Delay of sound from the middle of the head."""

    def filters(self, directions: Doubles) -> Floats:
        """Responses of both ears for directions of shape (n, 3), not zero: shape (n, 2, taps)."""
        ...


def monitor_filters(
    head: Head, layout: Layout, yaw_deg: float = 0.0, pitch_deg: float = 0.0, roll_deg: float = 0.0
) -> Floats:
    """The responses from every loudspeaker to both ears of a turned head.

    An LFE reaches both ears alike, as loud as bass management makes it.

    Returns:
        Taps, last one first, shape (loudspeakers, 2, taps).
    """
    places = np.array([(s.azimuth_deg, s.elevation_deg) for s in layout.speakers])
    responses = head.filters(rotated(cartesian(places[:, 0], places[:, 1]), yaw_deg, pitch_deg, roll_deg))
    boost_db = 0.0 if layout.bass_management is None else layout.bass_management.lfe_gain_db
    for row, speaker in zip(responses, layout.speakers, strict=True):
        if speaker.lfe:
            row[:] = 0.0
            row[:, head.latency_frames] = 10 ** (boost_db / 20)
    return np.ascontiguousarray(EAR_LEVEL * responses[..., ::-1], np.float32)


def state(speakers: int, taps: int, sample_rate_hz: float) -> State:
    """The stage's state; `taps` is 0 for no monitor."""
    if not taps:
        return State(MonitorTable, {})
    fade = round(FADE_S * sample_rate_hz)
    sounds = identify.state(speakers, sample_rate_hz)
    return State(
        MonitorTable,
        {
            MonitorTable.TAPS: taps,
            MonitorTable.FADE: fade,
            MonitorTable.MIDDLE: np.ones(1, np.int64),
            MonitorTable.TARGETS: np.zeros((3, speakers, 2, taps), np.float32),
            MonitorTable.VERSIONS: np.zeros(3, np.int64),
            MonitorTable.BUS: np.zeros((speakers, ROW_FRAMES), np.float32),
            MonitorTable.HEAD: np.array([0, 0, fade]),
            MonitorTable.FILTERS: np.zeros((2, speakers, 2, taps), np.float32),
            MonitorTable.HISTORIES: np.zeros((speakers, taps - 1 + CHUNK_FRAMES), np.float32),
            MonitorTable.IDENTIFY: sounds.address,
        },
        [sounds],
    )


@njit(**INNER)
def run(engine: Words, own: Words, count: int) -> None:
    """Renders the feeds, as they are at this stage, to the two outputs after those of the loudspeakers."""
    taps = own[MonitorTable.TAPS]
    if taps == 0:
        return
    speakers = engine[Shared.SPEAKERS]
    out = floats(engine, Shared.SPEAKER_BUS, engine[Shared.OUTPUTS], ROW_FRAMES)
    feeds = floats(own, MonitorTable.BUS, speakers, ROW_FRAMES)
    for s in range(speakers):
        copy(out[s], feeds[s], count)
    scale_rows(engine, feeds, engine[Shared.SOURCES] + 1, count)
    identify.identify_all(words(own, MonitorTable.IDENTIFY, identify.IDENTIFY_WORDS), feeds, count)
    own[MonitorTable.FRONT] = newest(own[MonitorTable.MIDDLE], own[MonitorTable.FRONT])
    render_ears(feeds, out[speakers:], count, own, floats(engine, Shared.WORK_FLOATS, 2, CHUNK_FRAMES))


@njit(**NATIVE)
def render_ears(feeds: Floats, ears: Floats, length: int, own: Words, work: Floats) -> None:
    """Fills the ears from the feeds.

    Args:
        feeds: shape (loudspeakers, length or more).
        ears: shape (2, length or more).
        length: frames, at most CHUNK_FRAMES.
        own: table of the stage.
        work: shape (2, length or more).
    """
    speakers, taps = feeds.shape[0], own[MonitorTable.TAPS]
    fade, front = own[MonitorTable.FADE], own[MonitorTable.FRONT]
    histories = floats(own, MonitorTable.HISTORIES, speakers, taps - 1 + CHUNK_FRAMES)
    filters = floats(own, MonitorTable.FILTERS, 2, speakers, 2, taps)
    wanted = floats(own, MonitorTable.TARGETS, 3, speakers, 2, taps)[front]
    version = words(own, MonitorTable.VERSIONS, 3)[front]
    head = words(own, MonitorTable.HEAD, HEAD_WORDS)
    for s in range(speakers):
        remember(histories[s], feeds[s], taps - 1, length)
    at: Any = np.int64(0)  # a plain 0 has a literal type, for which Numba would compile everything once more
    while at < length:
        if head[HeadWord.FADED] >= fade and head[HeadWord.VERSION] != version:
            spare = 1 - head[HeadWord.SLOT]
            for s in range(speakers):
                for ear in range(2):
                    for k in range(taps):
                        filters[spare, s, ear, k] = wanted[s, ear, k]
            head[HeadWord.SLOT] = spare
            head[HeadWord.VERSION] = version
            head[HeadWord.FADED] = 0
        slot, faded = head[HeadWord.SLOT], head[HeadWord.FADED]
        count = min(length - at, fade - faded) if faded < fade else length - at
        _both_ears(ears[0, at:], ears[1, at:], histories, filters[slot], at, count)
        if faded < fade:
            _both_ears(work[0], work[1], histories, filters[1 - slot], at, count)
            for ear in range(2):
                for i in range(count):
                    share = np.float32(faded + i + 1) / np.float32(fade)
                    ears[ear, at + i] = work[ear, i] + (ears[ear, at + i] - work[ear, i]) * share
            head[HeadWord.FADED] = faded + count
        at += count
    for s in range(speakers):
        forget(histories[s], taps - 1, length)


@njit(**INNER)
def _both_ears(l_ear: Floats, r_ear: Floats, histories: Floats, filters: Floats, at: np.int64, count: int) -> None:
    """Fills the first `count` frames of both ears from frame `at` of this block on.

    The sums of both ears stay in registers, and each load of a history serves both. The taps of a frame are added in
    the same order however long the block is.
    """
    for i in range(0, count, FLOATS):
        rest = count - i
        left, right = spread(ZERO), spread(ZERO)
        for s in range(filters.shape[0]):
            history, l_taps, r_taps = histories[s], filters[s, 0], filters[s, 1]
            for k in range(filters.shape[2]):
                x = load_part(history, at + i + k, rest)
                left, right = fused(spread(l_taps[k]), x, left), fused(spread(r_taps[k]), x, right)
        store_part(l_ear, i, left, rest)
        store_part(r_ear, i, right, rest)
