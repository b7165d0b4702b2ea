"""Streams at the model's sample rate that work hop by hop."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import MaskStreamCard, WaveStreamCard
from stemfield.separation.runtime.session import Session
from stemfield.separation.signal.level import RunningGain
from stemfield.separation.signal.masks import Rule, limit_sum
from stemfield.separation.signal.spatial_filter import SpatialFilter
from stemfield.separation.signal.transform import Transform

_UNITY: Final = np.float32(1.0)


class Stream(Protocol):
    """Stream of the mixture in, stream of aligned stems out. The result does not depend on the block sizes."""

    latency_frames: int
    """With the mixture fed up to position p, the stems are out up to p - latency_frames."""
    memory_frames: int
    """Frames of silence, beyond the latency, after which the state is that of a new stream."""
    step_frames: int
    """Frames of stems produced per step."""

    @property
    def needed_frames(self) -> int:
        """Frames needed for the next step."""

    def reset(self) -> None:
        """Return to position 0."""

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed the mixture, shape (2, n); returns the stems completed by it, shape (stems, 2, m)."""


class HopModel(Protocol):
    """Separates audio hop by hop."""

    hop: int
    """Frames per hop."""
    delay_hops: int
    """Delay of the stems behind the input, in hops."""
    memory_frames: int
    """Frames of silence, beyond the latency, after which the state is that of a new model."""
    stems: int
    """Number of stems."""

    def reset(self) -> None:
        """Clear the state."""

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Process one hop, shape (channels, hop), into stems, shape (stems, 2, hop)."""


class HopStream:
    """Splits a stream of a number of channels into hops for a model."""

    def __init__(self, model: HopModel, channels: int = 2) -> None:
        self.model = model
        self.latency_frames = model.hop * (1 + model.delay_hops)
        self.memory_frames = model.memory_frames
        self.step_frames = model.hop
        self._block = np.zeros((channels, model.hop), np.float32)
        self.reset()

    def reset(self) -> None:
        """Return to position 0."""
        self.model.reset()
        self._filled = 0
        self._early = self.model.delay_hops

    @property
    def needed_frames(self) -> int:
        """Frames needed to complete the next hop."""
        return self.step_frames - self._filled

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed audio, shape (channels, n); returns the stems completed by it, shape (stems, 2, m)."""
        hop = self.step_frames
        hops = (self._filled + mixture.shape[1]) // hop
        stems = np.empty((self.model.stems, 2, hops * hop), np.float32)
        taken = 0
        for start in range(0, hops * hop, hop):
            missing = hop - self._filled
            self._block[:, self._filled :] = mixture[:, taken : taken + missing]
            taken += missing
            self._filled = 0
            self.model.step(self._block, stems[..., start : start + hop])
        rest = mixture.shape[1] - taken
        self._block[:, self._filled : self._filled + rest] = mixture[:, taken:]
        self._filled += rest
        early = min(self._early, hops)  # the first calls complete hops before position 0
        self._early -= early
        return stems[..., early * hop :]


class MaskModel:
    """Domain `mask_stream`: graphs on spectra, one in all or one per source; spatial filter; mask rule."""

    def __init__(self, card: MaskStreamCard, sessions: Sequence[Session], rule: Rule) -> None:
        self.hop = card.stft.hop
        self.delay_hops = 1 + card.lookahead_frames
        self.memory_frames = card.stft.n_fft + rule.memory_hops * card.stft.hop
        self.stems = len(card.names)
        self.sessions = tuple(sessions)
        self._sums_to_mixture = card.sums_to_mixture
        self._has_rest = card.rest is not None
        self._rule = rule
        self._transform = Transform(card.stft, self.stems)
        hop_s = card.stft.hop / card.sample_rate.nominal_hz
        self._spatial = SpatialFilter(hop_s, card.places_s) if card.places_s > 0.0 else None
        self._gain = None if card.level_db is None else RunningGain(card.level_db, hop_s)
        self._silence = [(np.zeros((2, card.stft.bins), np.complex64), _UNITY)] * card.lookahead_frames
        self.reset()

    def reset(self) -> None:
        """Clear the state."""
        self._ahead = deque(self._silence)
        for part in (*self.sessions, self._gain, self._spatial, self._rule, self._transform):
            if part is not None:
                part.reset()

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Process one hop, shape (2, hop), into stems, shape (stems, 2, hop)."""
        gain = _UNITY if self._gain is None else self._gain.next(block)
        newest = self._transform.analyse(block) * gain
        self._ahead.append((newest, gain))
        mixture, gain = self._ahead.popleft()
        estimates = self._estimated(newest, mixture)
        stems = estimates if self._spatial is None else self._spatial.apply(mixture, estimates)
        self._rule.apply(mixture, estimates, stems)
        self._transform.synthesise(stems / gain, out)

    def _estimated(self, newest: NDArray[np.complex64], mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Stems estimated by the graphs, limited so that their magnitudes do not exceed the mixture's."""
        given = [session.step(newest, mixture) for session in self.sessions]
        if self._sums_to_mixture:
            return given[0]
        # a graph for one source may also return the rest
        stems = given[0] if len(given) == 1 else np.stack([each[0] for each in given])
        limit_sum(mixture, stems)
        return np.concatenate([stems, (mixture - stems.sum(axis=0))[None]]) if self._has_rest else stems


class WaveModel:
    """Domain `wave_stream`: a graph on samples."""

    def __init__(self, card: WaveStreamCard, session: Session) -> None:
        self.hop = card.hop
        self.delay_hops = card.discard_first
        self.memory_frames = 0
        self.stems = len(card.sources)
        self._session = session
        hop_s = card.hop / card.sample_rate.nominal_hz
        self._gain = None if card.level_db is None else RunningGain(card.level_db, hop_s)
        self._rise = np.arange(1, card.hop + 1, dtype=np.float32) / np.float32(card.hop)
        self.reset()

    def reset(self) -> None:
        """Clear the state."""
        self._session.reset()
        if self._gain is not None:
            self._gain.reset()
        self._last: np.float32 | None = None
        self._late = deque([np.ones(self.hop, np.float32)] * self.delay_hops)

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Process one hop, shape (2, hop), into stems, shape (stems, 2, hop)."""
        if self._gain is None:
            out[:] = self._session.call(block[None])[0]
            return
        gain = self._gain.next(block)
        before = gain if self._last is None else self._last
        gains = before + self._rise * (gain - before)
        self._last = gain
        self._late.append(gains)
        out[:] = self._session.call((block * gains)[None])[0] / self._late.popleft()
