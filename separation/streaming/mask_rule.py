"""The mask rule, and the rest of the mixture, for models that do not estimate masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stemfield.separation.cards.card_schema import RULE_STFT, ModelCard
from stemfield.separation.signal.masks import Rule
from stemfield.separation.signal.transform import Transform
from stemfield.separation.streaming.hops import HopStream, Stream


class MaskRuleModel:
    """Applies a mask rule to the stems of a model without masks: masks come from the spectra of stems and mixture."""

    delay_hops = 1
    hop = RULE_STFT.hop

    def __init__(self, stems: int, rule: Rule) -> None:
        self.memory_frames = RULE_STFT.n_fft + rule.memory_hops * self.hop
        self.stems = stems
        self._rule = rule
        self._transforms = [Transform(RULE_STFT, 1) for _ in range(1 + stems)]
        self._spectra = np.zeros((stems, 2, RULE_STFT.bins), np.complex64)

    def reset(self) -> None:
        """Clear the state."""
        self._rule.reset()
        for transform in self._transforms:
            transform.reset()

    def step(self, block: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Process one hop, shape (2 + 2 stems, hop), mixture first, into stems, shape (stems, 2, hop)."""
        of_mixture, *of_stems = self._transforms
        mixture = of_mixture.analyse(block[:2])
        for index, transform in enumerate(of_stems):
            self._spectra[index] = transform.analyse(block[2 + 2 * index : 4 + 2 * index])
        self._rule.apply(mixture, self._spectra, self._spectra)
        for index, transform in enumerate(of_stems):
            transform.synthesise(self._spectra[index : index + 1], out[index : index + 1])


class MaskRuleStream:
    """The stream of a model without masks, followed by a mask rule.

    If the card names the rest of the mixture, the mixture minus the model's stems is another stem.
    """

    def __init__(self, stream: Stream, card: ModelCard, rule: Rule) -> None:
        stems = len(card.names)
        self._stream = stream
        self._has_rest = card.rest is not None
        self._rule_stream = HopStream(MaskRuleModel(stems, rule), 2 + 2 * stems)
        self._waiting: list[NDArray[np.float32]] = []
        self.latency_frames = stream.latency_frames + self._rule_stream.latency_frames
        self.memory_frames = stream.memory_frames + self._rule_stream.memory_frames
        self.step_frames = stream.step_frames

    def reset(self) -> None:
        """Return to position 0."""
        self._stream.reset()
        self._rule_stream.reset()
        self._waiting = []

    @property
    def needed_frames(self) -> int:
        """Frames needed for the next step of the model."""
        return self._stream.needed_frames

    def feed(self, mixture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Feed the mixture, shape (2, n); returns the stems completed by it, shape (stems, 2, m)."""
        stems = self._stream.feed(mixture)
        self._waiting.append(mixture)
        if not stems.shape[2]:
            return np.zeros((self._rule_stream.model.stems, 2, 0), np.float32)
        ready, waiting = np.split(np.concatenate(self._waiting, axis=1), [stems.shape[2]], axis=1)
        self._waiting = [waiting.copy()]
        if self._has_rest:
            stems = np.concatenate([stems, (ready - stems.sum(axis=0))[None]])
        return self._rule_stream.feed(np.concatenate([ready, stems.reshape(-1, stems.shape[2])]))
