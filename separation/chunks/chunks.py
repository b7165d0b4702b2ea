"""A stream of overlapping chunks.

Chunks have fixed positions in the stream, so the stems do not depend on the sizes of the blocks fed. Neighbouring
chunks are cross-faded over their overlap; the fades sum to one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.chunks.chunk_model import ChunkModel


class ChunkStream:
    """Runs a chunk model as a stream."""

    def __init__(self, model: ChunkModel) -> None:
        self._model = model
        self._chunk = chunk = model.card.chunk
        self.latency_frames = chunk.samples - chunk.trim
        self.memory_frames = chunk.samples
        self.step_frames = chunk.hop
        rise = (np.arange(chunk.crossfade) + 0.5) / max(chunk.crossfade, 1)
        if chunk.fade == "hann":
            rise = np.sin(0.5 * np.pi * rise) ** 2
        self._weights = np.ones(chunk.useful, np.float32)
        self._weights[: chunk.crossfade] = rise
        self._weights[chunk.hop :] = 1.0 - rise
        self._window = np.zeros((2, chunk.samples), np.float32)
        self._pending = np.zeros((len(model.card.sources), 2, chunk.crossfade), np.float32)
        self.reset()

    def reset(self) -> None:
        """Return to position 0, where the fade-in of the first chunk ends."""
        self._window.fill(0.0)
        self._pending.fill(0.0)
        self._filled = self._chunk.trim + self._chunk.crossfade
        self._early = self._chunk.crossfade

    @property
    def needed_frames(self) -> int:
        """Frames needed to complete the next chunk."""
        return self._chunk.samples - self._filled

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed the mixture, shape (2, n); returns the stems completed by it, shape (sources, 2, m)."""
        pieces = [self._pending[..., :0]]
        at = 0
        while mixture.shape[1] - at >= self.needed_frames:
            missing = self.needed_frames
            self._window[:, self._filled :] = mixture[:, at : at + missing]
            at += missing
            pieces.append(self._separated())
        rest = mixture.shape[1] - at
        self._window[:, self._filled : self._filled + rest] = mixture[:, at:]
        self._filled += rest
        return np.concatenate(pieces, axis=2)

    def _separated(self) -> NDArray[np.float32]:
        """Stems of the hop that this chunk completes."""
        chunk = self._chunk
        stems = self._model.separate(self._window)[..., chunk.trim : chunk.samples - chunk.trim] * self._weights
        stems[..., : chunk.crossfade] += self._pending
        self._pending[:] = stems[..., chunk.hop :]
        self._window[:, : chunk.samples - chunk.hop] = self._window[:, chunk.hop :]
        self._filled = chunk.samples - chunk.hop
        early, self._early = self._early, 0  # the first chunk fades in before position 0
        return stems[..., early : chunk.hop]
