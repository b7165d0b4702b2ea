"""Offline rendering: blocks in, feeds out, aligned with the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine.engine import Engine

BLOCK_FRAMES = 4096


def render(
    engine: Engine,
    blocks: Iterable[NDArray[np.float32]],
    separate: Callable[[NDArray[np.float32]], None],
    late_frames: int = 0,
    until_next: Callable[[], int] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """The outputs of a whole piece, as long as the input and without the engine's latency.

    Args:
        engine: engine that is settled, with its gains published.
        blocks: mixture and direct inputs, float32 (inputs, n), each at most 8192 frames.
        separate: writes the stems of each block to the engine's timeline, ahead of the engine.
        late_frames: further delay of the outputs that are wanted.
        until_next: publishes what is due now, and returns the frames until something else is, at least 1.

    Yields:
        float32 (outputs, n); the arrays are the caller's.
    """
    skip = latency = engine.latency_frames + late_frames
    whole = _with_tail(blocks, latency)
    for block in whole if until_next is None else _cut(whole, until_next):
        separate(block)
        feeds = np.empty((engine.outputs, block.shape[1]), np.float32)
        engine.process(np.ascontiguousarray(block), feeds)
        if skip < feeds.shape[1]:
            yield feeds[:, skip:]
        skip = max(skip - feeds.shape[1], 0)


def _with_tail(blocks: Iterable[NDArray[np.float32]], frames: int) -> Iterator[NDArray[np.float32]]:
    inputs = 2
    for block in blocks:
        inputs = len(block)
        yield block
    for at in range(0, frames, BLOCK_FRAMES):
        yield np.zeros((inputs, min(BLOCK_FRAMES, frames - at)), np.float32)


def _cut(blocks: Iterable[NDArray[np.float32]], until_next: Callable[[], int]) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        at = 0
        while at < block.shape[1]:
            end = min(at + until_next(), block.shape[1])
            yield block[:, at:end]
            at = end
