"""Rendering faster than time: blocks in, feeds out, aligned with the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemfield.renderer.engine import Engine

BLOCK_FRAMES = 4096


def render(
    engine: Engine,
    blocks: Iterable[NDArray[np.float32]],
    speakers: int,
    separate: Callable[[NDArray[np.float32]], None],
) -> Iterator[NDArray[np.float32]]:
    """Feeds of a whole piece, as many frames as went in, without the engine's latency.

    Args:
        engine: settled, with its gains published.
        blocks: the mixture, float32 (2, n), each at most 8192 frames.
        speakers: feeds of the engine.
        separate: puts the stems of each block on the engine's timeline, ahead of the engine.

    Yields:
        float32 (speakers, n); the arrays are the caller's.
    """
    skip = engine.latency_frames
    for block in _with_tail(blocks, engine.latency_frames):
        separate(block)
        feeds = np.empty((speakers, block.shape[1]), np.float32)
        engine.process(np.ascontiguousarray(block), feeds)
        if skip < feeds.shape[1]:
            yield feeds[:, skip:]
        skip = max(skip - feeds.shape[1], 0)


def _with_tail(blocks: Iterable[NDArray[np.float32]], frames: int) -> Iterator[NDArray[np.float32]]:
    yield from blocks
    for at in range(0, frames, BLOCK_FRAMES):
        yield np.zeros((2, min(BLOCK_FRAMES, frames - at)), np.float32)
