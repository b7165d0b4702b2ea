"""Renders the tracks of a programme in a room; every block begins at its frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from heapq import merge

import numpy as np
from numpy.typing import NDArray

from stemfield.layouts.model import Layout
from stemfield.renderer.adm.gains import BlockGains
from stemfield.renderer.adm.model import Block, SpeakerBlock
from stemfield.renderer.adm.selection import Item
from stemfield.renderer.drivers.file import render
from stemfield.renderer.drivers.limiting import Limiting, watched
from stemfield.renderer.dsp.binaural import Head, monitor_filters
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.engine.engine import Engine
from stemfield.renderer.engine.plan import NEVER
from stemfield.renderer.panning.panner import Panner
from stemfield.renderer.scene.gains import bass_gains

Event = tuple[int, int, int, Block | SpeakerBlock | None]
"""Frame, index of the item, frames of the ramp, and the block that applies from there on; None is silence."""


def feeds_of(
    blocks: Iterable[NDArray[np.float32]],
    sample_rate_hz: int,
    items: Sequence[Item],
    layout: Layout,
    ears: Head | None = None,
    *,
    plain: bool = False,
    limit: bool = True,
    limiting: Limiting | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The loudspeaker feeds of a programme, (loudspeakers, n) in layout order, or two ears, (2, n), without latency.

    Args:
        blocks: sound of the file, shape (tracks, n).
        sample_rate_hz: its sample rate.
        items: what is played.
        layout: loudspeaker layout.
        ears: head for binaural output; None for loudspeakers.
        plain: skip the loudspeaker chain, limiter included.
        limit: whether outputs are kept within full scale, and loudspeakers below their `max_level_db`.
        limiting: report of the gain reduction.
    """
    loudspeakers = len(layout.speakers)
    chain = Chain.plain(loudspeakers, sample_rate_hz) if plain else design_chain(layout, sample_rate_hz, limit=limit)
    if ears is not None:
        chain = chain.monitored(ears.taps, ears.latency_frames)
    engine = Engine(sample_rate_hz, 0, len(items), loudspeakers, 0, 1, chain)
    if ears is not None:
        engine.publish_head(monitor_filters(ears, layout, 0.0, 0.0, 0.0))
    player = _Player(engine, items, layout)
    tracks = [item.track for item in items]
    late = engine.direct_latency_frames - engine.latency_frames + (engine.late_frames[-1] if ears is not None else 0)
    try:
        rendered = render(engine, (block[tracks] for block in blocks), player.advance, int(late), player.until_next)
        yield from watched(engine, rendered, layout, ears, engine.latency_frames + int(late), limiting)
    finally:
        engine.timeline.close()


class _Player:
    """Applies blocks to an engine when they are due."""

    def __init__(self, engine: Engine, items: Sequence[Item], layout: Layout) -> None:
        self._engine = engine
        self._items = items
        self._room = BlockGains(layout, Panner(layout))
        self._events = merge(*(events_of(item, row, engine.sample_rate_hz) for row, item in enumerate(items)))
        self._next = next(self._events, None)
        self._frames = 0
        size = (engine.sources, len(layout.speakers))
        self._first = engine.sources - len(items)
        self._direct, self._diffuse = np.zeros(size, np.float32), np.zeros(size, np.float32)

    def advance(self, block: NDArray[np.float32]) -> None:
        """Notes a block of sound that is about to be rendered."""
        self._frames += block.shape[1]

    def until_next(self) -> int:
        """Applies what is due, and returns the frames until something else is."""
        due: dict[int, Event] = {}
        while self._next is not None and self._next[0] <= self._frames:
            due[self._next[1]] = self._next
            self._next = next(self._events, None)
        if due:
            self._put_in_force(list(due.values()))
        return NEVER if self._next is None else self._next[0] - self._frames

    def _put_in_force(self, due: Sequence[Event]) -> None:
        engine, first = self._engine, self._first
        ramps = np.ones(engine.sources, np.int64)
        panned = [(row, block) for _, row, _, block in due if isinstance(block, Block)]
        if panned:
            rows = [first + row for row, _ in panned]
            gains = np.array([self._items[row].gain for row, _ in panned])[:, None]
            near, far = self._room.of_objects([block for _, block in panned])
            self._direct[rows], self._diffuse[rows] = gains * near, gains * far
        for _, row, ramp, block in due:
            ramps[first + row] = max(ramp, 1)
            item = self._items[row]
            if isinstance(block, SpeakerBlock):
                self._direct[first + row] = item.gain * self._room.of_speaker(block, lfe=item.lfe)
            elif block is None:
                self._direct[first + row] = self._diffuse[first + row] = 0.0
        apart = bool(engine.chain.decorrelators)
        together = self._direct if apart else np.sqrt(self._direct**2 + self._diffuse**2)
        engine.publish(
            together,
            ramps,
            np.ones(together.shape[1], np.float32),
            1,
            diffuse_gains=self._diffuse if apart else None,
            bass_gains=None if engine.chain.dual_band is None else bass_gains(self._direct),
        )


def events_of(item: Item, row: int, sample_rate_hz: int) -> Iterator[tuple[int, int, int, Block | SpeakerBlock | None]]:
    """The times at which blocks of an item apply and at which it is silent, in order.

    A block that follows another one without a gap is reached by a linear ramp of gains, whose first new value is one
    frame after the beginning of the block; any other applies at once.
    """
    end: int | None = None
    for block in item.blocks:
        starts_s = item.start_s + block.start_s
        if item.end_s is not None and starts_s >= item.end_s:
            break
        ends_s = item.end_s if block.duration_s is None else starts_s + block.duration_s
        if item.end_s is not None and ends_s is not None:
            ends_s = min(ends_s, item.end_s)
        start = _frame(starts_s, sample_rate_hz)
        if end is not None and start > end:
            yield end, row, 0, None
        ramp = 0
        if end is not None and start <= end and isinstance(block, Block):
            within = _frame(starts_s + block.interpolation_s, sample_rate_hz) - start
            last = None if ends_s is None else _frame(ends_s, sample_rate_hz) - start
            ramp = (within if last is None else min(within, last)) if block.jump else last or 0
        yield (start + 1 if ramp > 0 else start), row, ramp, block
        end = None if ends_s is None else _frame(ends_s, sample_rate_hz)
        if end is None:
            return
    if end is not None:
        yield end, row, 0, None


def _frame(time_s: Fraction, sample_rate_hz: int) -> int:
    return round(time_s * sample_rate_hz)
