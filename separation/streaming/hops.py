"""Streams at the model's own rate that work hop by hop."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import MaskStreamCard, WaveStreamCard
from stemfield.separation.runtime.session import Session
from stemfield.separation.signal.level import RunningGain
from stemfield.separation.signal.masks import Rule, share_out
from stemfield.separation.signal.places import Places
from stemfield.separation.signal.transform import Transform

_UNITY: Final = np.float32(1.0)


class Stream(Protocol):
    """Mixture in, stems out, aligned with it: they only arrive later. It does not depend on how the mixture is cut."""

    @property
    def latency_frames(self) -> int:
        """After the mixture up to position p was fed, the stems up to p - latency_frames are out."""

    @property
    def memory_frames(self) -> int:
        """After so much silence beyond the latency it is as new."""

    @property
    def step_frames(self) -> int:
        """How many frames of stems become known at once."""

    @property
    def wanted_frames(self) -> int:
        """Frames missing to the next step."""

    def reset(self) -> None:
        """Back to position 0."""

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mixture, shape (2, n), to the stems that it completes, shape (stems, 2, m)."""


class HopModel(Protocol):
    """What turns a hop of sound into a hop of stems."""

    @property
    def hop(self) -> int:
        """Frames of a hop."""

    @property
    def late_hops(self) -> int:
        """How many hops the stems come after the sound."""

    @property
    def memory_frames(self) -> int:
        """After so much silence beyond the latency it is as new."""

    @property
    def stems(self) -> int:
        """How many stems come out."""

    def reset(self) -> None:
        """Forgets what was heard."""

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """One hop, shape (channels, hop), into stems, shape (stems, 2, hop)."""


class HopStream:
    """Cuts sound into hops for a model.

    Args:
        model: what is called once a hop.
        channels: of the sound that goes in.
    """

    def __init__(self, model: HopModel, channels: int = 2) -> None:
        self.model = model
        self.latency_frames = model.hop * (1 + model.late_hops)
        self.memory_frames = model.memory_frames
        self.step_frames = model.hop
        self._block = np.zeros((channels, model.hop), np.float32)
        self._filled = 0
        self._early = model.late_hops

    def reset(self) -> None:
        """Back to position 0."""
        self.model.reset()
        self._filled = 0
        self._early = self.model.late_hops

    @property
    def wanted_frames(self) -> int:
        """Frames missing to the next hop."""
        return self.step_frames - self._filled

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sound, shape (channels, n), to the stems that it completes, shape (stems, 2, m)."""
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
    """Domain `mask_stream`: the graphs see spectra, places sharpen what they give, the rule judges their masks.

    Args:
        card: of the model.
        sessions: its graphs, one, or one a source.
        rule: what the stems may keep.
    """

    def __init__(self, card: MaskStreamCard, sessions: Sequence[Session], rule: Rule) -> None:
        self.hop = card.stft.hop
        self.late_hops = 1 + card.lookahead_frames
        self.memory_frames = card.stft.n_fft + rule.memory_hops * card.stft.hop
        self.stems = len(card.names)
        self.sessions = tuple(sessions)
        self._sums_to_mixture = card.sums_to_mixture
        self._has_rest = card.rest is not None
        self._rule = rule
        self._transform = Transform(card.stft, self.stems)
        hop_s = card.stft.hop / card.sample_rate.nominal_hz
        self._places = Places(hop_s, card.places_s) if card.places_s > 0.0 else None
        self._gain = None if card.level_db is None else RunningGain(card.level_db, hop_s)
        self._silence = [(np.zeros((2, card.stft.bins), np.complex64), _UNITY)] * card.lookahead_frames
        self._ahead = deque(self._silence)

    def reset(self) -> None:
        """Forgets what was heard."""
        for session in self.sessions:
            session.reset()
        self._ahead = deque(self._silence)
        if self._gain is not None:
            self._gain.reset()
        if self._places is not None:
            self._places.reset()
        self._rule.reset()
        self._transform.reset()

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """One hop, shape (2, hop), into stems, shape (stems, 2, hop)."""
        gain = _UNITY if self._gain is None else self._gain.next(block)
        heard = self._transform.analyse(block) * gain
        self._ahead.append((heard, gain))
        mixture, gain = self._ahead.popleft()
        claims = self._estimated(heard, mixture)
        stems = claims if self._places is None else self._places.filtered(mixture, claims)
        self._rule.apply(mixture, claims, stems)
        self._transform.synthesise(stems / gain, out)

    def _estimated(self, heard: NDArray[np.complex64], mixture: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """The stems that the graphs find in the mixture, which together are not more than it."""
        given = [session.step(heard, mixture) for session in self.sessions]
        if self._sums_to_mixture:
            return given[0]
        # a graph for one source may give the rest too
        stems = given[0] if len(given) == 1 else np.stack([each[0] for each in given])
        share_out(mixture, stems)
        return np.concatenate([stems, (mixture - stems.sum(axis=0))[None]]) if self._has_rest else stems


class WaveModel:
    """Domain `wave_stream`: the graph sees sound.

    Args:
        card: of the model.
        session: its graph.
    """

    def __init__(self, card: WaveStreamCard, session: Session) -> None:
        self.hop = card.hop
        self.late_hops = card.discard_first
        self.memory_frames = 0
        self.stems = len(card.sources)
        self._session = session
        hop_s = card.hop / card.sample_rate.nominal_hz
        self._gain = None if card.level_db is None else RunningGain(card.level_db, hop_s)
        self._rise = np.arange(1, card.hop + 1, dtype=np.float32) / np.float32(card.hop)
        self.reset()

    def reset(self) -> None:
        """Forgets what was heard."""
        self._session.reset()
        if self._gain is not None:
            self._gain.reset()
        self._last: np.float32 | None = None
        self._late = deque([np.ones(self.hop, np.float32)] * self.late_hops)

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """One hop, shape (2, hop), into stems, shape (stems, 2, hop)."""
        if self._gain is None:
            out[:] = self._session.call(block[None])[0]
            return
        gain = self._gain.next(block)
        before = gain if self._last is None else self._last
        gains = before + self._rise * (gain - before)
        self._last = gain
        self._late.append(gains)
        out[:] = self._session.call((block * gains)[None])[0] / self._late.popleft()
