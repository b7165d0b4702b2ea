"""The rule on masks, and the rest of the mixture, for models that have no masks of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import RULE_STFT, Stft
from stemfield.separation.signal.masks import Rule
from stemfield.separation.signal.transform import Transform
from stemfield.separation.streaming.hops import HopStream, Stream


class RuleModel:
    """The rule for stems whose model has no masks of its own: they are compared with the mixture, spectrum by spectrum.

    Args:
        stems: how many.
        rule: what they may keep.
        stft: in which they are compared.
    """

    late_hops = 1

    def __init__(self, stems: int, rule: Rule, stft: Stft = RULE_STFT) -> None:
        self.hop = stft.hop
        self.memory_frames = stft.n_fft + rule.memory_hops * stft.hop
        self.stems = stems
        self._rule = rule
        self._transforms = [Transform(stft, 1) for _ in range(1 + stems)]
        self._spectra = np.zeros((stems, 2, stft.bins), np.complex64)

    def reset(self) -> None:
        """Forgets what was heard."""
        self._rule.reset()
        for transform in self._transforms:
            transform.reset()

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """One hop, shape (2 + 2 stems, hop), mixture first, into stems, shape (stems, 2, hop)."""
        of_mixture, *of_stems = self._transforms
        mixture = of_mixture.analyse(block[:2])
        for index, transform in enumerate(of_stems):
            self._spectra[index] = transform.analyse(block[2 + 2 * index : 4 + 2 * index])
        self._rule.apply(mixture, self._spectra, self._spectra)
        for index, transform in enumerate(of_stems):
            transform.synthesise(self._spectra[index : index + 1], out[index : index + 1])


class RuledStream:
    """A stream with the rule behind it, and with the rest of the mixture as a further stem where that is wanted.

    Args:
        stream: of a model that has no masks.
        sources: how many stems it gives.
        rest: whether the mixture less these is a stem too.
        rule: what the stems may keep.
    """

    def __init__(self, stream: Stream, sources: int, rest: bool, rule: Rule) -> None:
        stems = sources + rest
        self._stream = stream
        self._rest = rest
        self._ruled = HopStream(RuleModel(stems, rule), 2 + 2 * stems)
        self._waiting: list[NDArray[np.float32]] = []
        self.latency_frames = stream.latency_frames + self._ruled.latency_frames
        self.memory_frames = stream.memory_frames + self._ruled.memory_frames
        self.step_frames = stream.step_frames

    def reset(self) -> None:
        """Back to position 0."""
        self._stream.reset()
        self._ruled.reset()
        self._waiting = []

    @property
    def wanted_frames(self) -> int:
        """Frames missing to the next step of the model."""
        return self._stream.wanted_frames

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mixture, shape (2, n), to the stems that it completes, shape (stems, 2, m)."""
        stems = self._stream.feed(mixture)
        self._waiting.append(mixture)
        if not stems.shape[2]:
            return np.zeros((self._ruled.model.stems, 2, 0), np.float32)
        known, waiting = np.split(np.concatenate(self._waiting, axis=1), [stems.shape[2]], axis=1)
        self._waiting = [waiting.copy()]
        if self._rest:
            stems = np.concatenate([stems, (known - stems.sum(axis=0))[None]])
        return self._ruled.feed(np.concatenate([known, stems.reshape(-1, stems.shape[2])]))
